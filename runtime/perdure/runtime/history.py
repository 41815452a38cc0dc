"""A job's past, read from any store: also from another process, while the job runs."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import msgspec

from perdure.runtime.errors import NoSuchSequence
from perdure.store.errors import UnknownJob
from perdure.store.event_store import EventStore, StoredEvent
from perdure.store.events import GuestEvent, job_stream
from perdure.store.job_state import JobState


class HistoryEntry(msgspec.Struct, frozen=True):
    """An event of a job; ``superseded`` when the guest did it again after falling back to a checkpoint."""

    stored: StoredEvent
    superseded: bool


def history(store: EventStore, job_id: UUID, first: int = 1, last: int | None = None) -> Iterator[HistoryEntry]:
    """The job's events from sequence ``first`` to ``last``, oldest first.

    Raises:
        UnknownJob: there is no such job.
    """
    state = store.job(job_id)
    for stored in store.read(job_stream(job_id), after=max(0, first - 1), until=last):
        superseded = isinstance(stored.event, GuestEvent) and state.is_superseded(stored.sequence)
        yield HistoryEntry(stored, superseded)


def state_at(store: EventStore, job_id: UUID, sequence: int) -> JobState:
    """The job as it was after its event ``sequence``, folded from the log.

    Raises:
        UnknownJob: there is no such job.
        NoSuchSequence: the job has no such event.
    """
    latest = store.job(job_id).sequence
    if not 1 <= sequence <= latest:
        raise NoSuchSequence(str(job_id), sequence, latest)
    state = store.rebuild(job_stream(job_id), sequence)
    if not isinstance(state, JobState):
        raise UnknownJob(str(job_id))
    return state
