"""What a job has left in the log, by kind."""

from __future__ import annotations

from typing import TypeVar

from perdure.runtime import JobHandle, Runtime
from perdure.store.event_store import EventStore
from perdure.store.events import Event, tag_of

E = TypeVar("E", bound=Event)


def tags_of(job: JobHandle) -> list[str]:
    """The names of the job's events, in order."""
    return [tag_of(entry.stored.event) for entry in job.history()]


def events_of(job: JobHandle, kind: type[E]) -> list[E]:
    """The job's events of one type, in order."""
    return [entry.stored.event for entry in job.history() if isinstance(entry.stored.event, kind)]


def store_of(job: JobHandle) -> EventStore:
    """The store of a job of this process."""
    runtime = job._runtime
    assert isinstance(runtime, Runtime)
    return runtime.store
