"""What is watched, and what its messages say."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.api import watching
from perdure.api.errors import UnexpectedAnswer
from perdure.api.events import Event, stored_of
from perdure.api.jobs import Job, state_of
from perdure.api.watching import END, WatchJob, WatchLog
from perdure.client.calls.call import Call
from perdure.client.event_stream import Message
from perdure.runtime.identifiers import job_id_of
from perdure.store.event_store import StoredEvent
from perdure.store.events import JobCancelled, JobCompleted, JobFailed
from perdure.store.job_state import JobState

_ENDS: Final = [str(kind.__struct_config__.tag) for kind in (JobCompleted, JobFailed, JobCancelled)]


def job(job_id: UUID | str, after: int = 0) -> Call[StoredEvent | JobState]:
    """A job's events as the log has them, and at its end its state."""
    request = WatchJob(job_id=job_id_of(job_id), after=max(0, after), bodies=True)
    return Call(watching.JOB, request, _event_or_end)


def job_end(job_id: UUID | str) -> Call[StoredEvent | JobState]:
    """Little but a job's end."""
    request = WatchJob(job_id=job_id_of(job_id), type=_ENDS, bodies=True)
    return Call(watching.JOB, request, _event_or_end)


def log(
    after: int | None, types: tuple[str, ...], stream: str | None, job_id: UUID | str | None, extension: str | None
) -> Call[StoredEvent]:
    """Events of the log as the log has them."""
    request = WatchLog(
        after=after,
        type=list(types),
        stream=stream,
        job_id=job_id_of(job_id) if job_id is not None else None,
        extension=extension,
        bodies=True,
    )
    return Call(watching.LOG, request, _event)


def _event_or_end(message: Message) -> StoredEvent | JobState:
    return state_of(_decoded(message, Job)) if message.event == END else _event(message)


def _event(message: Message) -> StoredEvent:
    return stored_of(_decoded(message, Event))


def _decoded(message: Message, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(message.data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnexpectedAnswer("the server", str(error)) from None
