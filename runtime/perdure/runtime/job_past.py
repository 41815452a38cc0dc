"""What only a job's events say: what it was dispatched with, what it would go on from, why it waits."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from perdure.store.blobs import load_payload
from perdure.store.event_store import EventStore
from perdure.store.events import BlobRef, CheckpointSaved, Event, JobDispatched, JobSuspended, Payload, job_stream
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

SHOWN_STATE: Final = 64 * 1024  # bytes of a state that are shown; a larger one is named by its digest


def dispatch_of(store: EventStore, state: JobState) -> JobDispatched | None:
    """The event that the job began with; None of a folded job.

    Raises:
        StoreError: the log cannot be read.
    """
    event = _event_at(store, state, 1) if state.folded_at is None else None
    return event if isinstance(event, JobDispatched) else None


def checkpoint_of(store: EventStore, state: JobState) -> CheckpointSaved | None:
    """The checkpoint that the job would go on from.

    Raises:
        StoreError: the log cannot be read.
    """
    if state.checkpoint is None or state.folded_at is not None:
        return None
    event = _event_at(store, state, state.checkpoint.sequence)
    return event if isinstance(event, CheckpointSaved) else None


def suspension_reason(store: EventStore, state: JobState) -> str:
    """Why the job is suspended, if it is.

    Raises:
        StoreError: the log cannot be read.
    """
    event = _event_at(store, state, state.sequence) if state.status is Status.SUSPENDED else None
    return event.reason if isinstance(event, JobSuspended) else ""


def shown_state(store: EventStore, payload: Payload) -> Any:
    """A state as JSON where it is JSON, as text where it is text; a large one by its digest; None for no state.

    Raises:
        StoreError: its blob cannot be read.
    """
    if isinstance(payload, BlobRef) and payload.size > SHOWN_STATE:
        return {"blob": payload.digest, "size": payload.size}
    data = load_payload(store.blobs, payload)
    return json_or_text(data) if data else None


def json_or_text(data: bytes) -> Any:
    """What the bytes say, as JSON if they are JSON."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return data.decode(errors="replace")


def _event_at(store: EventStore, state: JobState, sequence: int) -> Event | None:
    found = next(store.read(job_stream(state.job_id), after=sequence - 1, until=sequence), None)
    return found.event if found is not None else None
