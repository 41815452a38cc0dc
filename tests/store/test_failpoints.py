from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.support.job_events import Ticks, runtime_opened

from perdure.store import LmdbEventStore, failpoints
from perdure.store import events as ev


@pytest.fixture
def passed() -> Iterator[list[str]]:
    """The failpoints that were passed, in order."""
    names: list[str] = []
    for name in failpoints.NAMES:
        failpoints.arm(name, partial(names.append, name))
    yield names
    failpoints.disarm()


def test_a_commit_passes_its_points_in_order(tmp_path: Path, passed: list[str]) -> None:
    with LmdbEventStore.open(tmp_path, clock=Ticks(), map_size=1 << 20) as store:
        assert passed == []
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
        assert passed == [
            "commit.before_plan",
            "commit.after_plan",
            "commit.before_write",
            "commit.after_write",
            "commit.before_sync",
            "commit.after_sync",
        ]
        del passed[:]
        store.blobs.put(b"blob")
        assert passed == ["blob.before_write", "blob.before_rename", "blob.after_rename"]


def test_nothing_happens_where_none_is_armed() -> None:
    failpoints.disarm()
    for name in failpoints.NAMES:
        failpoints.hit(name)


def test_a_name_that_does_not_exist_cannot_be_armed() -> None:
    with pytest.raises(KeyError):
        failpoints.arm("commit.sometime", lambda: None)


class Died(BaseException):
    pass


def die() -> None:
    raise Died


@pytest.mark.parametrize(
    "name", [name for name in failpoints.NAMES if name.startswith("commit.") and "drain" not in name]
)
def test_an_append_that_was_cut_short_is_there_or_not_but_never_in_part(tmp_path: Path, name: str) -> None:
    with LmdbEventStore.open(tmp_path, clock=Ticks(), map_size=1 << 20) as store:
        store.append(ev.RUNTIME_STREAM, [runtime_opened(1)])
        failpoints.arm(name, die)
        try:
            with pytest.raises(Died):
                store.append(ev.RUNTIME_STREAM, [runtime_opened(2), runtime_opened(3)])
        finally:
            failpoints.disarm()
    with LmdbEventStore.open(tmp_path) as store:
        committed = 2 if name == "commit.after_sync" else 0
        assert store.position() == 1 + committed
        assert len(list(store.read(ev.RUNTIME_STREAM))) == 1 + committed
        assert store.append(ev.RUNTIME_STREAM, [runtime_opened(4)]).first == 2 + committed
