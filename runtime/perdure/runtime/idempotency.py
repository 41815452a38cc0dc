"""Idempotency keys: a dispatch that is asked for twice happens once.

A key belongs to the extension whose job is dispatched, whoever dispatches it and in whichever library. With the
dispatch a row is written (`JobKeyed`) that names the job and what was asked for. Whoever comes with the key again gets
the same job, whatever became of it, or is told what differs. It is kept for as long as the job's summary: for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.runtime.dispatching import Dispatching, Prepared
from perdure.runtime.errors import BudgetExceeded, InvalidKey, InvalidState, KeyReused
from perdure.store.errors import WriteConflict
from perdure.store.event_store import Effects, EventStore
from perdure.store.events import Event, JobKeyed, JobLimits, RetryPolicy, RowWrite
from perdure.store.rows import RowRead, row_key

MAX_KEY: Final = 255  # characters
_FAMILY: Final = "jobs.key"
_DIGEST: Final = 16
_INPUTS: Final = {
    "job_type": "job type",
    "library": "library",
    "state": "state",
    "limits": "limits",
    "retry": "retry policy",
}

# Appends a dispatch: the prepared job, its events and what they depend on.
Append = Callable[[Prepared, list[Event], Effects], None]


class JobRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a dispatch asks for, as `Runtime.dispatch` takes it."""

    job_type: str
    state: object
    library_id: UUID
    limits: JobLimits | None
    retry: RetryPolicy | None


class _Inputs(msgspec.Struct, array_like=True, frozen=True):
    """What is compared. Digests, but for the job type, which is its full name. Stored: never to be changed."""

    job_type: str
    library: bytes
    state: bytes
    limits: bytes
    retry: bytes


class _KeyRow(msgspec.Struct, array_like=True, frozen=True):
    """The value of a key's row. Stored: a new field is added at the end, with a default."""

    job: bytes
    inputs: _Inputs


_decode = msgspec.msgpack.Decoder(_KeyRow).decode
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def checked_key(key: str) -> str:
    """``key``, if it can be one.

    Raises:
        InvalidKey: it is empty, too long, or has characters in it that nobody can see.
    """
    given: Any = key
    if not isinstance(given, str) or not 1 <= len(given) <= MAX_KEY:
        raise InvalidKey(f"a text of 1 to {MAX_KEY} characters")
    if not key.isprintable() or key != key.strip():
        raise InvalidKey("no line breaks or control characters, and no blanks around it")
    return key


def keyed_job(store: EventStore, extension: str, key: str) -> UUID | None:
    """The job that was dispatched with this key, None if none was."""
    row = store.row(_row_key(extension, key))
    return UUID(bytes=_decode(row.value).job) if row is not None else None


class KeyedDispatch:
    """Dispatches under keys.

    Args:
        store: the log.
        dispatching: makes the jobs.
    """

    def __init__(self, store: EventStore, dispatching: Dispatching) -> None:
        self._store = store
        self._dispatching = dispatching

    def dispatch(self, request: JobRequest, key: str, append: Append) -> UUID:
        """The job of this key: the one that there is, or a new one. Durable.

        Raises:
            InvalidKey: the key cannot be one.
            KeyReused: it is the key of a job with another input.
            PerdureError, StoreError: as `Runtime.dispatch`.
        """
        extension = request.job_type.partition(":")[0]
        row_name = _row_key(extension, checked_key(key))
        while True:
            if (row := self._store.row(row_name)) is not None:
                job_id = self._same(_decode(row.value), request, key)
                self._dispatching.admit_if_queued(job_id)
                return job_id
            prepared = self._prepare(request)
            dispatched = prepared.dispatched
            value = _encode(_KeyRow(dispatched.job_id.bytes, _inputs(request, dispatched.job_type)))
            keyed = JobKeyed(key, (RowWrite(row_name, value),))
            try:
                append(prepared, [dispatched, keyed], Effects(reads=(RowRead(row_name, 0),)))
            except (WriteConflict, BudgetExceeded):
                # Somebody came with the same key meanwhile, and may have taken the last place with it.
                if self._store.row(row_name) is None:
                    raise
            else:
                return dispatched.job_id

    def _same(self, known: _KeyRow, request: JobRequest, key: str) -> UUID:
        job_type = request.job_type
        if job_type != known.inputs.job_type:
            # It may be named in another way; the extension knows.
            job_type = self._dispatching.full_name(job_type)
        now = _inputs(request, job_type)
        differs = [text for name, text in _INPUTS.items() if getattr(now, name) != getattr(known.inputs, name)]
        job_id = UUID(bytes=known.job)
        if differs:
            raise KeyReused(key, job_id, tuple(differs))
        return job_id

    def _prepare(self, request: JobRequest) -> Prepared:
        return self._dispatching.prepare(
            request.job_type,
            request.state,
            library_id=request.library_id,
            limits=request.limits,
            retry=request.retry,
        )


def _row_key(extension: str, key: str) -> bytes:
    return row_key(_FAMILY, _digest([extension, key]).hex())


def _inputs(request: JobRequest, job_type: str) -> _Inputs:
    return _Inputs(
        job_type=job_type,
        library=request.library_id.bytes,
        state=_state_digest(request.state),
        limits=_digest(request.limits),
        retry=_digest(request.retry if request.retry is not None else RetryPolicy()),
    )


def _state_digest(state: object) -> bytes:
    """Of what the JSON means: blanks and the order of an object's members are nothing that differs."""
    if state is None:
        return b""
    try:
        if not isinstance(state, bytes | bytearray | memoryview):
            state = msgspec.json.encode(state)
        return _digest(msgspec.json.decode(bytes(state)))
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidState(str(error)) from None


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(value, order="deterministic"), digest_size=_DIGEST).digest()
