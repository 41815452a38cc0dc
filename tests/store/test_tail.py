from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.job_events import Ticks, completed, items, run_of, runtime_opened, start_job

from perdure.store import MemoryEventStore, StoreClosed, StoredEvent, follow, follow_stream
from perdure.store import events as ev

LONG = 60.0  # seconds: a test that needs as many has failed


@pytest.fixture
def store() -> MemoryEventStore:
    return MemoryEventStore(clock=Ticks())


def test_it_begins_with_what_is_there(store: MemoryEventStore) -> None:
    start_job(store, 1, run_of(5))
    assert list(itertools.islice(follow(store), 7)) == list(store.read_all())
    assert list(itertools.islice(follow(store, after=3), 4)) == list(store.read_all(after=3))
    stream = next(store.streams("job:"))
    assert list(itertools.islice(follow_stream(store, stream, after=2), 5)) == list(store.read(stream, after=2))


def test_it_ends_with_what_was_there_when_it_was_told_to_stop(store: MemoryEventStore) -> None:
    stream = start_job(store, 1, run_of(5))
    assert list(follow(store, stop=lambda: True)) == list(store.read_all())
    assert list(follow_stream(store, stream, stop=lambda: True)) == list(store.read(stream))
    assert list(follow(store, after=7, stop=lambda: True)) == []


def test_a_busy_log_does_not_keep_it_from_stopping(store: MemoryEventStore) -> None:
    stream = start_job(store, 1)
    for tail in (follow(store, stop=lambda: True), follow_stream(store, stream, stop=lambda: True)):
        there = store.position()
        seen = 0
        for seen, _ in enumerate(tail, 1):
            store.append(stream, [items(seen)])
            assert seen <= there, "it goes on for ever"
        assert seen == there


def test_each_new_event_arrives_once_and_in_order(store: MemoryEventStore) -> None:
    stream = start_job(store, 1)
    done = threading.Event()

    def consume(tail: str) -> list[StoredEvent]:
        if tail == "log":
            return list(follow(store, stop=done.is_set, interval=0.01))
        return list(follow_stream(store, stream, stop=done.is_set, interval=0.01))

    with ThreadPoolExecutor(2) as pool:
        log, own = pool.submit(consume, "log"), pool.submit(consume, "stream")
        for number in range(1, 100):
            store.append(stream, run_of(number % 3 + 1, start=number))
            store.append(ev.RUNTIME_STREAM, [runtime_opened(number)])
        store.append(stream, [completed()])
        done.set()
        assert log.result(LONG) == list(store.read_all())
        assert own.result(LONG) == list(store.read(stream))


def test_an_event_arrives_while_it_waits(store: MemoryEventStore) -> None:
    stream = start_job(store, 1)
    tails = (follow(store, after=2, interval=LONG), follow_stream(store, stream, after=2, interval=LONG))
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(next, tail) for tail in tails]
        store.append(stream, [items(1)])
        assert {each.result(LONG).sequence for each in waiting} == {3}
        waiting = [pool.submit(next, tail) for tail in tails]
        store.append(stream, [items(2)])
        assert {each.result(LONG).sequence for each in waiting} == {4}


def test_stop_is_asked_while_nothing_happens(store: MemoryEventStore) -> None:
    asked: list[int] = []

    def stop() -> bool:
        asked.append(len(asked))
        return len(asked) > 5

    assert list(follow(store, stop=stop, interval=0.001)) == []
    assert len(asked) == 6


def test_a_stream_may_come_to_be_later(store: MemoryEventStore) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, follow_stream(store, ev.RUNTIME_STREAM, interval=LONG))
        start_job(store, 1)
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
        assert waiting.result(LONG).event == runtime_opened()


def test_a_closed_store_ends_it(store: MemoryEventStore) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(list, follow(store, interval=LONG))
        store.close()
        assert isinstance(waiting.exception(LONG), StoreClosed)
