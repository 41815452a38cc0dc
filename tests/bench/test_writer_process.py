"""The ways to the log that `bench.writer_process` compares do store what they are asked to."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest
from bench.lanes import start_job
from bench.writer_process.ring import SIZE, SLOTS, Ring, RingFull
from bench.writer_process.ways import InProcess, InProcessEager, OtherProcess, OtherProcessTurns
from hypothesis import given
from hypothesis import strategies as st

from perdure.store import LmdbEventStore
from perdure.store import events as ev


@given(st.lists(st.lists(st.binary(max_size=200), max_size=20), max_size=120))
def test_a_ring_gives_what_was_put_in_also_when_it_wraps(batches: list[list[bytes]]) -> None:
    ring = Ring(memoryview(bytearray(SIZE)))
    for _ in range(SLOTS - 3):
        ring.put(1, 2)
    ring.take()

    for batch in batches:
        for number, body in enumerate(batch):
            ring.put(number, -number, body)
        assert ring.take() == [(number, -number, body) for number, body in enumerate(batch)]


def test_a_full_ring_takes_no_more_and_loses_nothing() -> None:
    ring = Ring(memoryview(bytearray(SIZE)))
    for number in range(SLOTS):
        ring.put(number, 0)
    with pytest.raises(RingFull):
        ring.put(SLOTS, 0)
    assert [number for number, _, _ in ring.take()] == list(range(SLOTS))


@pytest.mark.parametrize("kind", [InProcess, InProcessEager, OtherProcess, OtherProcessTurns])
def test_each_way_stores_the_events_of_many_threads(kind: type[InProcess] | type[OtherProcess], tmp_path: Path) -> None:
    with LmdbEventStore.open(tmp_path) as store:
        streams = [start_job(store) for _ in range(6)]
    answers: dict[int, list[int]] = {}

    def work(number: int) -> None:
        answers[number] = [
            way.commit(number, ev.CheckpointSaved(call, call, ev.Inline(b"%d" % call))) for call in range(1, 31)
        ]

    with closing(kind(tmp_path, streams)) as way:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert answers == {number: list(range(3, 33)) for number in range(6)}
    with LmdbEventStore.open_readonly(tmp_path) as store:
        for stream in streams:
            states = [each.event.state for each in store.read(stream) if isinstance(each.event, ev.CheckpointSaved)]
            assert states == [ev.Inline(b"%d" % call) for call in range(1, 31)]
