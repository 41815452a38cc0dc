"""A job's past."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from perdure.api import job_history
from perdure.api.events import stored_of
from perdure.api.job_history import History, HistoryPage, StateAt
from perdure.api.jobs import state_of
from perdure.client.calls.call import Call
from perdure.runtime.history import HistoryEntry
from perdure.runtime.identifiers import job_id_of
from perdure.store.job_state import JobState

PAGE: Final = 1000  # events; as many as the server gives at once


def page(job_id: UUID | str, after: int, last: int | None) -> Call[tuple[list[HistoryEntry], int | None]]:
    """Some events behind ``after``, and behind which there are more."""
    request = History(
        job_id=job_id_of(job_id),
        after=after,
        before=last + 1 if last is not None else None,
        limit=PAGE,
        bodies=True,
    )
    return Call(job_history.HISTORY, request, _entries)


def state_at(job_id: UUID | str, sequence: int) -> Call[JobState]:
    """The job as it was."""
    return Call(job_history.STATE_AT, StateAt(job_id=job_id_of(job_id), sequence=sequence), state_of)


def _entries(found: HistoryPage) -> tuple[list[HistoryEntry], int | None]:
    return [HistoryEntry(stored_of(event), event.superseded) for event in found.events], found.next
