"""The log: an event becomes bytes, bytes become a frame with its chain and its fold, frames become a state again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.instructions.case import Case, Cases, Steps
from bench.log import JOB_STREAM, begin, progress
from perdure.store import EventStore, LmdbEventStore, MemoryEventStore
from perdure.store.events import encode

_TIME: Final = 1_700_000_000_000_000  # a clock that stands: the hour is not to change the count
_BATCH: Final = 100
_FOLDED: Final = 1_000


def cases() -> Cases:
    """An event, appends of 100 to both stores, a fold of 1,000."""
    yield Case(key="encode", title="encode an event", repeats=2_000, packages=("msgspec",), prepare=_encoding)
    yield Case(
        key="append_memory",
        title="append 100 events, store in memory",
        repeats=10,
        packages=("msgspec",),
        prepare=_in_memory,
    )
    yield Case(
        key="append_lmdb", title="append 100 events, LMDB", repeats=10, packages=("lmdb", "msgspec"), prepare=_in_lmdb
    )
    yield Case(key="fold", title="fold 1,000 events", repeats=2, packages=("msgspec",), prepare=_folding)


@contextmanager
def _encoding(folder: Path) -> Iterator[Steps]:
    event = progress(1)

    def encode_often(count: int) -> None:
        for _ in range(count):
            encode(event)

    yield encode_often


@contextmanager
def _in_memory(folder: Path) -> Iterator[Steps]:
    yield _appends(MemoryEventStore(lambda: _TIME))


@contextmanager
def _in_lmdb(folder: Path) -> Iterator[Steps]:
    with LmdbEventStore.open(folder, clock=lambda: _TIME) as store:
        yield _appends(store)


def _appends(store: EventStore) -> Steps:
    begin(store)
    events = [progress(number) for number in range(_BATCH)]

    def append(count: int) -> None:
        for _ in range(count):
            store.append(JOB_STREAM, events)

    return append


@contextmanager
def _folding(folder: Path) -> Iterator[Steps]:
    store = MemoryEventStore(lambda: _TIME)
    append = _appends(store)
    append(_FOLDED // _BATCH)

    def fold(count: int) -> None:
        for _ in range(count):
            store.rebuild(JOB_STREAM)

    yield fold
