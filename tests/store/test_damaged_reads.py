"""A damaged stream is never read as if it were whole."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.job_events import (
    completed,
)
from tests.support.small_log import JOB, OTHER, change_frame, delete, put, replace, write_small_log

from perdure.store import (
    CorruptLog,
    LmdbEventStore,
    StoredEvent,
)
from perdure.store import events as ev


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_small_log(tmp_path)
    return tmp_path


def read_all_ways(store: LmdbEventStore) -> Iterator[Callable[[], object]]:
    yield lambda: list(store.read(JOB))
    yield lambda: list(store.read(JOB, backward=True))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: change_frame(folder, 16, replace(b"a known message", b"a known massage")),
        lambda folder: change_frame(folder, 20, replace(ev.encode(completed(200)), ev.encode(completed(201)))),
        lambda folder: change_frame(folder, 3, lambda frame: b"\xc1" * len(frame)),
        lambda folder: delete(folder, "log", struct.pack(">Q", 3)),
        lambda folder: delete(folder, "index", struct.pack(">IQ", 1, 1)),
        lambda folder: delete(folder, "index", struct.pack(">IQ", 1, 3)),
        lambda folder: delete(folder, "index", struct.pack(">IQ", 1, 16)),
        lambda folder: put(folder, "index", struct.pack(">IQ", 1, 13), struct.pack(">Q", 15)),
        lambda folder: put(folder, "index", struct.pack(">IQ", 1, 13), b"short"),
    ],
    ids=[
        "altered event",
        "altered last event",
        "unreadable frame",
        "missing frame",
        "first not in index",
        "middle not in index",
        "last not in index",
        "index points elsewhere",
        "index entry cut",
    ],
)
def test_a_damaged_stream_is_never_read_as_if_it_were_whole(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    with LmdbEventStore.open_readonly(folder) as store:
        for read in read_all_ways(store):
            with pytest.raises(CorruptLog):
                read()
        assert len(list(store.read(OTHER))) == 2, "another stream is as readable as before"


def test_what_is_before_the_damage_can_still_be_read(folder: Path) -> None:
    change_frame(folder, 16, lambda frame: b"\xc1" * len(frame))
    with LmdbEventStore.open_readonly(folder) as store:
        assert len(list(store.read(JOB, until=12))) == 12
        seen: list[StoredEvent] = []
        with pytest.raises(CorruptLog):
            seen.extend(store.read(JOB))
        assert len(list(store.read(JOB, after=15))) == 2
