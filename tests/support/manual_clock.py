"""A clock that only a test moves."""

from __future__ import annotations

from tests.support.job_events import START


class ManualClock:
    """`perdure.actors.Clock` that stands still; `advance` moves both of its faces, in seconds."""

    def __init__(self, start: int = START) -> None:
        self._now = start
        self._monotonic = 1_000.0

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def worked(self) -> float:
        return 0.0  # whoever stands still does no work

    def advance(self, seconds: float) -> None:
        self._now += round(seconds * 1_000_000)
        self._monotonic += seconds
