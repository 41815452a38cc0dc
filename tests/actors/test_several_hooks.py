"""Several hooks in the place of one."""

from __future__ import annotations

from perdure.actors.hooks import ActorHooks
from perdure.actors.several_hooks import SeveralHooks


class Noting(ActorHooks):
    def __init__(self, name: str, heard: list[tuple[str, int]]) -> None:
        self._name, self._heard = name, heard

    def recovered(self, jobs: int) -> None:
        self._heard.append((self._name, jobs))


class Sweeping(ActorHooks):
    def __init__(self) -> None:
        self.blobs = 0

    def swept(self, blobs: int, size: int) -> None:
        self.blobs += blobs


def test_each_hears_what_it_listens_to_in_order() -> None:
    heard: list[tuple[str, int]] = []
    sweeping = Sweeping()
    several = SeveralHooks([Noting("first", heard), sweeping, Noting("second", heard)])
    several.recovered(3)
    several.swept(2, 100)
    several.retention_ran()

    assert heard == [("first", 3), ("second", 3)]
    assert sweeping.blobs == 2


def test_nobody_and_several_within_several() -> None:
    heard: list[tuple[str, int]] = []
    SeveralHooks([]).recovered(1)
    SeveralHooks([SeveralHooks([Noting("inner", heard)])]).recovered(1)

    assert heard == [("inner", 1)]


def test_what_nobody_listens_to_costs_nothing_more() -> None:
    several = SeveralHooks([Sweeping()])

    assert "recovered" not in vars(several)
    assert "swept" in vars(several)
