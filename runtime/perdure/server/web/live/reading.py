"""What is read from the log for those who are behind: in blocks, the same for all who watch the same.

A block begins at a multiple of its size, so that a thousand who come back at once after the server was away are sent
what was read and encoded once. It takes some milliseconds, on one of a few threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from perdure.server.web.live.messages import end_message, event_message
from perdure.server.web.live.selection import JOB_STREAMS, JobSelection, LogSelection, OwnerOf
from perdure.store.event_store import EventStore

LOG_BLOCK: Final = 4096  # positions
JOB_BLOCK: Final = 256  # events of a job


@dataclass(frozen=True)
class Block:
    """Messages with their cursors; ``last`` is how far was looked.

    ``full``: there will be no more in it; ``complete``: there was nothing behind it; ``ended``: the last message of
    all, if it has come to that.
    """

    messages: list[tuple[int, bytes]]
    last: int
    full: bool
    complete: bool
    ended: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes of the messages."""
        return sum(len(data) for _, data in self.messages)


def log_block(store: EventStore, selection: LogSelection, owner_of: OwnerOf, number: int) -> Block:
    """The log behind position ``number`` times the block's size."""
    first, position = number * LOG_BLOCK, store.position()
    last = min(position, first + LOG_BLOCK)
    # Of one type, frames without its name need no decoding.
    tag = next(iter(selection.types)).encode() if len(selection.types) == 1 else b""
    messages = [
        (stored.position, event_message(stored.position, stored, bodies=selection.bodies))
        for stored in store.read_all(after=first, until=last, containing=tag)
        if selection.wants(stored, owner_of)
    ]
    return Block(messages, last, full=last == first + LOG_BLOCK, complete=last >= position)


def job_block(store: EventStore, selection: JobSelection, number: int) -> Block:
    """A job's events behind sequence ``number`` times the block's size.

    Raises:
        UnknownJob, JobIsFolded: there is no such job, or no such events any more.
    """
    # The state before the events: what it knows of is there.
    state = store.job(UUID(selection.stream.removeprefix(JOB_STREAMS)))
    first = number * JOB_BLOCK
    last = min(state.sequence, first + JOB_BLOCK)
    messages = [
        (stored.sequence, event_message(stored.sequence, stored, bodies=selection.bodies))
        for stored in store.read(selection.stream, after=first, until=last)
        if selection.wants(stored)
    ]
    complete = last >= state.sequence
    ended = end_message(state) if complete and state.finished else None
    return Block(messages, last, full=last == first + JOB_BLOCK and not complete, complete=complete, ended=ended)


def block_reader(
    store: EventStore, selection: LogSelection | JobSelection, owner_of: OwnerOf, cursor: int
) -> tuple[int, Callable[[], Block]]:
    """The number of the block that has what follows a cursor, and what reads it."""
    if isinstance(selection, JobSelection):
        number = cursor // JOB_BLOCK
        return number, lambda: job_block(store, selection, number)
    number = cursor // LOG_BLOCK
    return number, lambda: log_block(store, selection, owner_of, number)
