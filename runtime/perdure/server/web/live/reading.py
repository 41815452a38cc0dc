"""What is read from the log for somebody who is behind. Each step is short: it runs on one of a few threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from perdure.server.web.live.messages import end_message, event_message
from perdure.server.web.live.selection import JOB_STREAMS, JobSelection, LogSelection, OwnerOf
from perdure.store.event_store import EventStore

_STEP: Final = 4096  # positions of the log, some 20 ms
_JOB_STEP: Final = 512  # events of a job


@dataclass(frozen=True)
class Step:
    """Messages with their cursors; ``cursor`` is how far was looked.

    ``complete``: there was no more at that moment; ``ended``: the last message of all, if it has come to that.
    """

    messages: list[tuple[int, bytes]]
    cursor: int
    complete: bool
    ended: bytes | None = None


def log_step(store: EventStore, selection: LogSelection, owner_of: OwnerOf, cursor: int, until: int) -> Step:
    """Some of the log behind a position."""
    last = min(until, cursor + _STEP)
    # Of one type, frames without its name need no decoding.
    tag = next(iter(selection.types)).encode() if len(selection.types) == 1 else b""
    messages = [
        (stored.position, event_message(stored.position, stored, bodies=selection.bodies))
        for stored in store.read_all(after=cursor, until=last, containing=tag)
        if selection.wants(stored, owner_of)
    ]
    return Step(messages, last, last >= until)


def job_step(store: EventStore, selection: JobSelection, cursor: int) -> Step:
    """Some of a job behind a sequence.

    Raises:
        UnknownJob, JobIsFolded: there is no such job, or no such events any more.
    """
    # The state before the events: what it knows of is there.
    state = store.job(UUID(selection.stream.removeprefix(JOB_STREAMS)))
    last = min(state.sequence, cursor + _JOB_STEP)
    messages = [
        (stored.sequence, event_message(stored.sequence, stored, bodies=selection.bodies))
        for stored in store.read(selection.stream, after=cursor, until=last)
        if selection.wants(stored)
    ]
    complete = last >= state.sequence
    ended = end_message(state) if complete and state.finished else None
    return Step(messages, max(last, cursor), complete, ended)
