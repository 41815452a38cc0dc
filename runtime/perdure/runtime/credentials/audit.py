"""Who did what with which credential, and when: read from the log, where every call is, refused ones among them.

Nothing is kept for it. What it cannot have: calls of jobs that were folded, and answers of queries of the last
20 ms, which are not on disk yet. A fork's copy of a call is none: it was the other job's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.runtime.permissions import operation_name
from perdure.store.event_store import EventStore, StoredEvent
from perdure.store.events import (
    ActionAnswered,
    CallEvent,
    Inline,
    JobForked,
    OperationAnswered,
    Recorded,
    Sealed,
)
from perdure.store.job_state import JobState

FAMILY: Final = "credentials"
_MARK: Final = b"credential"  # in the names of its operations, and in calls of others that name a credential to use
_WINDOW: Final = 100_000  # positions that are looked at before somebody may stop it
_SLACK: Final = 60_000_000  # microseconds by which the times of neighbours in the log may be out of order
_MAX_NAME: Final = 200  # characters; a refused call may name anything


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One call of an operation on credentials, or of one that uses a credential. ``time``: microseconds since 1970.

    Attributes:
        position: its place in the log.
        operation: its name with kind, like ``query:credentials.get``; ``query:mail.list`` where the host used it there.
        name: the credential's; None where the call names none, or where nobody can read what it says.
        owner: the extension whose credential it is, or would be.
        extension: the extension that called, or for which the host did; None is the host itself.
        caller: ``job``, or who on the host: ``python``, ``cli``, ``credentials`` for a refresh.
        reader: with whom it was shared, for ``share`` and ``unshare``.
        outcome: ``ok``, or the code of the refusal.
    """

    position: int
    time: int
    operation: str
    name: str | None
    owner: str | None
    extension: str | None
    caller: str
    reader: str | None
    job_id: UUID | None
    library_id: UUID | None
    outcome: str

    def concerns(self, owner: str | None, name: str | None) -> bool:
        """Whether it is about credentials of ``owner``, and of that ``name``; None for all."""
        return owner in (None, self.owner) and name in (None, self.name)


class AuditWindow(msgspec.Struct, frozen=True):
    """The calls up to position ``through`` that were not in the window before."""

    records: list[AuditRecord]
    through: int


def audit_windows(
    store: EventStore, *, after: int = 0, since: int = 0, until: int | None = None
) -> Iterator[AuditWindow]:
    """The log's calls on credentials, oldest first, in windows of so many positions.

    Args:
        store: the log, also while another process writes to it.
        after: only what is behind this position.
        since: only what is not older, in microseconds since 1970.
        until: up to this position; None: as far as the log goes at this moment.
    """
    end = store.position() if until is None else min(until, store.position())
    if since > 0:
        after = max(after, _before(store, since - _SLACK, end))
    copies: dict[str, int | None] = {}
    while after < end:
        through = min(after + _WINDOW, end)
        found: list[AuditRecord] = []
        for stored in store.read_all(after=after, until=through, containing=_MARK):
            record = _record(store, stored, copies)
            if record is not None and record.time >= since:
                found.append(record)
        yield AuditWindow(found, through)
        after = through


def _before(store: EventStore, time: int, end: int) -> int:
    """A position with nothing before it that happened at ``time`` or later, give or take what clocks do."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        stored = next(store.read_all(after=middle), None)
        if stored is not None and stored.time < time:
            low = middle + 1
        else:
            high = middle
    return max(0, low - 1)


def _record(store: EventStore, stored: StoredEvent, copies: dict[str, int | None]) -> AuditRecord | None:
    event = stored.event
    if not isinstance(event, CallEvent | OperationAnswered | ActionAnswered):
        return None
    name = operation_name(event.method)
    if name is None:
        return None
    said = _said(event.payload)
    own = name.name.startswith(f"{FAMILY}.")
    used = None if own else said("mailbox", "credential")
    if not own and used is None:
        return None
    library_id, job_id, caller = event.library_id, None, "job"
    if isinstance(event, CallEvent):
        extension, caller = event.extension, event.caller
    else:
        state = store.state(stored.stream)
        if not isinstance(state, JobState) or _is_copy(store, stored, state, copies):
            return None
        extension, job_id, library_id = state.extension, state.job_id, library_id or state.library_id
    return AuditRecord(
        position=stored.position,
        time=stored.time,
        operation=f"{name.kind}:{name.name}",
        name=said("name") if own else used,
        owner=(said("owner") or said("extension") or extension) if own else extension,
        extension=extension,
        caller=caller,
        reader=said("with") if own else None,
        job_id=job_id,
        library_id=library_id,
        outcome=event.code or "ok",
    )


def _is_copy(store: EventStore, stored: StoredEvent, state: JobState, copies: dict[str, int | None]) -> bool:
    """Whether the event is a fork's copy of its original's: it did not happen again."""
    if state.forked_from is None:
        return False
    if stored.stream not in copies:
        forked = (one.sequence for one in store.read(stored.stream) if isinstance(one.event, JobForked))
        copies[stored.stream] = next(forked, None)
    last = copies[stored.stream]
    return last is None or stored.sequence < last  # one that was never completed has nothing but copies


def _said(payload: Recorded) -> Callable[..., str | None]:
    """What a call's payload says under a name in a name, as far as it may be shown; else nothing."""
    shown = payload.shown if isinstance(payload, Sealed) else payload.data if isinstance(payload, Inline) else b""
    try:
        document: Any = msgspec.json.decode(shown)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        document = None

    def field(*names: str) -> str | None:
        value = document
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) and 0 < len(value) <= _MAX_NAME else None

    return field
