"""A job as JSON: the same fields wherever a command prints one."""

from __future__ import annotations

from typing import Any

import msgspec

from perdure.runtime import Doubt, doubt_of
from perdure.runtime.job_past import checkpoint_of, dispatch_of, json_or_text, shown_state
from perdure.store.event_store import EventStore, StoredEvent
from perdure.store.events import JobError, JobFolded, job_stream
from perdure.store.export import as_json, timestamp
from perdure.store.family import children_of
from perdure.store.folding import folded_event
from perdure.store.job_state import Checkpoint, JobState

_SHOWN_STATE = 64 * 1024  # bytes of a state that are shown; a larger one is named by its digest


def job_json(state: JobState) -> dict[str, Any]:
    """The job as a JSON object. Times are RFC 3339 in UTC, durations seconds, fuel in wasmtime's units."""
    return {
        "job_id": str(state.job_id),
        "job_type": state.job_type,
        "extension": state.extension,
        "version": state.version,
        "moved_from": state.moved_from or None,
        "library_id": str(state.library_id),
        "parent": str(state.parent) if state.parent is not None else None,
        "forked_from": str(state.forked_from) if state.forked_from is not None else None,
        "status": str(state.status),
        "progress": state.progress,
        "message": state.message,
        "items": state.items,
        "bytes": state.bytes,
        "warnings": state.warnings,
        "checkpoints": state.checkpoints,
        "fuel": state.fuel,
        "fuel_superseded": state.fuel_superseded,
        "attempts": state.attempts,
        "failures": state.failures,
        "error": error_json(state.error),
        "checkpoint": _checkpoint_json(state.checkpoint),
        "resumable": state.resumable,
        "pause_requested": state.pause_requested,
        "cancel_requested": state.cancel_requested,
        "retry_at": _time(state.retry_at),
        "module": state.module,
        "idempotency_key": state.idempotency_key,
        "folded": _time(state.folded_at),
        "sequence": state.sequence,
        "timings": {
            "dispatched": _time(state.dispatched_at),
            "started": _time(state.started_at),
            "ended": _time(state.ended_at),
            "updated": _time(state.updated_at),
            "running_seconds": running_seconds(state),
        },
    }


def job_details(store: EventStore, state: JobState) -> dict[str, Any]:
    """`job_json`, with what it was dispatched with, the state it would go on from, and the jobs it dispatched.

    Raises:
        StoreError: the log or a blob cannot be read.
    """
    details = job_json(state)
    if state.folded_at is None:
        details |= _from_history(store, state, details["checkpoint"])
    elif (fold := folded_event(store, state.job_id)) is not None and isinstance(fold.event, JobFolded):
        gone = fold.event
        details["folded_events"] = {"events": gone.through, "bytes": gone.size, "hash": gone.hash.hex()}
        details["last_event"] = last_event_json(fold)
    details["children"] = [
        {"job_id": str(child.job_id), "job_type": child.job_type, "status": str(child.status)}
        for child in map(store.job, children_of(store, state.job_id))
    ]
    return details


def _from_history(store: EventStore, state: JobState, checkpoint: dict[str, Any] | None) -> dict[str, Any]:
    """What only the job's events say; ``checkpoint`` gets its state."""
    details: dict[str, Any] = {}
    if (dispatched := dispatch_of(store, state)) is not None:
        details["export"] = dispatched.export
        details["limits"] = msgspec.to_builtins(dispatched.limits)
        details["retry"] = msgspec.to_builtins(dispatched.retry)
        details["state"] = shown_state(store, dispatched.state)
    if checkpoint is not None and (saved := checkpoint_of(store, state)) is not None:
        checkpoint["state"] = shown_state(store, saved.state)
    last = next(store.read(job_stream(state.job_id), after=state.sequence - 1, until=state.sequence), None)
    details["last_event"] = last_event_json(last) if last is not None else None
    doubt = doubt_of(store, state)
    details["doubt"] = doubt_json(doubt) if doubt is not None else None
    return details


def last_event_json(stored: StoredEvent) -> dict[str, Any]:
    """The event that a job's state is as of: the same fields as in an export, without the chain's."""
    shown = as_json(stored)
    return {name: shown[name] for name in ("sequence", "time", "type", "data")}


def doubt_json(doubt: Doubt) -> dict[str, Any]:
    """An action of which nobody knows whether it was done, as a JSON object; its payload without its secrets."""
    return {
        "method": doubt.method,
        "library_id": str(doubt.library_id) if doubt.library_id is not None else None,
        "effect": doubt.effect,
        "effect_key": doubt.effect_key or None,
        "payload": json_or_text(doubt.payload),
        "sealed": doubt.sealed,
        "call": doubt.call,
        "sequence": doubt.sequence,
        "time": timestamp(doubt.time),
    }


def error_json(error: JobError | None) -> dict[str, Any] | None:
    """Why a job failed, as a JSON object."""
    if error is None:
        return None
    return {
        "kind": error.kind,
        "message": error.message,
        "blame": error.blame,
        "limit": msgspec.structs.asdict(error.limit) if error.limit is not None else None,
        "backtrace": [msgspec.structs.asdict(frame) for frame in error.backtrace],
        "data": error.data,
    }


def running_seconds(state: JobState) -> float | None:
    """How long the last attempt ran, or has run as of its last event."""
    if state.attempt_started_at is None:
        return None
    end = state.ended_at if state.ended_at is not None else state.updated_at
    return max(0, end - state.attempt_started_at) / 1_000_000


def _checkpoint_json(checkpoint: Checkpoint | None) -> dict[str, Any] | None:
    if checkpoint is None:
        return None
    return {**msgspec.structs.asdict(checkpoint), "time": timestamp(checkpoint.time)}


def _time(time: int | None) -> str | None:
    return timestamp(time) if time is not None else None
