"""The stores that the parts of the contract are about, and what they are filled with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.support.job_events import (
    START,
    Ticks,
    job_id,
    run_of,
    runtime_opened,
    start_job,
)

from perdure.store import (
    AppendRequest,
    EventStore,
    StoredEvent,
)
from perdure.store import events as ev
from perdure.store.frame import MAX_FRAME_EVENTS

RUNTIME = ev.RUNTIME_STREAM
JOB = ev.job_stream(job_id(1))
# Examples share one store and do not change it, or use streams of their own.
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)


def request(stream: str, *events: ev.Event, expected: int | None = None) -> AppendRequest:
    return AppendRequest(stream, [ev.encode(event) for event in events], [START] * len(events), expected)


def everything(store: EventStore) -> list[StoredEvent]:
    return list(store.read_all())


class StoreFixtures:
    """What each part of the contract begins with."""

    def make(self, folder: Path, clock: Callable[[], int]) -> EventStore:
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[EventStore]:
        with self.make(tmp_path / "store", Ticks()) as store:
            yield store

    @pytest.fixture
    def full(self, store: EventStore) -> EventStore:
        """A store with streams that alternate, in frames of 1 to `MAX_FRAME_EVENTS` events."""
        start_job(store, 1)
        start_job(store, 2, run_of(5))
        for call, size in enumerate((1, 3, 1, MAX_FRAME_EVENTS, 2, 2 * MAX_FRAME_EVENTS + 5)):
            store.append(JOB, run_of(size, start=call + 1))
            store.append(RUNTIME, [runtime_opened(call)])
        return store
