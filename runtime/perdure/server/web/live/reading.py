"""What is read from the log for those who are behind: in blocks, the same for all who watch the same.

A block begins at a multiple of its size, so that a thousand who come back at once after the server was away are sent
what was read and encoded once. It takes some milliseconds, on one of a few threads. One that would be large is *cut*:
the next one begins where it ends, for all who come to that. So whoever takes its time holds little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from perdure.server.web.live.messages import end_message, event_message
from perdure.server.web.live.selection import JOB_STREAMS, JobSelection, LogSelection, OwnerOf
from perdure.store.event_store import EventStore

LOG_BLOCK: Final = 4096  # positions
JOB_BLOCK: Final = 256  # events of a job
BLOCK_BYTES: Final = 256 << 10  # of messages; a block ends with the one that goes beyond
_OBJECTS: Final = 512  # bytes that a block takes beside its messages, and so many more for each
_OBJECTS_OF_EACH: Final = 128

Messages = Iterator[tuple[int, bytes]]


@dataclass(frozen=True)
class Block:
    """Messages with their cursors; ``last`` is how far was looked.

    ``full``: there will be no more in it; ``cut``: it is full before its end; ``complete``: there was nothing behind
    it; ``ended``: the last message of all, if it has come to that.
    """

    messages: list[tuple[int, bytes]]
    last: int
    full: bool
    complete: bool
    cut: bool = False
    ended: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return _OBJECTS + sum(_OBJECTS_OF_EACH + len(data) for _, data in self.messages)


def log_block(store: EventStore, selection: LogSelection, owner_of: OwnerOf, first: int) -> Block:
    """The log behind position ``first``, to a multiple of the block's size."""
    end, position = _end(first, LOG_BLOCK), store.position()
    # Of one type, frames without its name need no decoding.
    tag = next(iter(selection.types)).encode() if len(selection.types) == 1 else b""
    messages, last = _taken(
        (
            (stored.position, event_message(stored.position, stored, bodies=selection.bodies))
            for stored in store.read_all(after=first, until=min(position, end), containing=tag)
            if selection.wants(stored, owner_of)
        ),
        min(position, end),
    )
    cut = last < min(position, end)
    return Block(messages, last, full=cut or last == end, complete=last >= position, cut=cut)


def job_block(store: EventStore, selection: JobSelection, first: int) -> Block:
    """A job's events behind sequence ``first``, to a multiple of the block's size.

    Raises:
        UnknownJob, JobIsFolded: there is no such job, or no such events any more.
    """
    # The state before the events: what it knows of is there.
    state = store.job(UUID(selection.stream.removeprefix(JOB_STREAMS)))
    end = _end(first, JOB_BLOCK)
    messages, last = _taken(
        (
            (stored.sequence, event_message(stored.sequence, stored, bodies=selection.bodies))
            for stored in store.read(selection.stream, after=first, until=min(state.sequence, end))
            if selection.wants(stored)
        ),
        min(state.sequence, end),
    )
    cut = last < min(state.sequence, end)
    complete = last >= state.sequence
    ended = end_message(state) if complete and state.finished else None
    return Block(messages, last, full=cut or (last == end and not complete), complete=complete, cut=cut, ended=ended)


def _end(first: int, size: int) -> int:
    return (first // size + 1) * size


def _taken(found: Messages, until: int) -> tuple[list[tuple[int, bytes]], int]:
    """Those that a block has room for, and how far they go: ``until``, if that is all."""
    messages: list[tuple[int, bytes]] = []
    size = 0
    for cursor, data in found:
        messages.append((cursor, data))
        size += len(data)
        if size >= BLOCK_BYTES:
            return messages, cursor
    return messages, until


def block_reader(
    store: EventStore, selection: LogSelection | JobSelection, owner_of: OwnerOf, cursor: int, *, cut: bool = False
) -> tuple[int, Callable[[], Block]]:
    """Where the block begins that has what follows a cursor, and what reads it; ``cut``: the one that begins there."""
    if isinstance(selection, JobSelection):
        first = cursor if cut else cursor - cursor % JOB_BLOCK
        return first, lambda: job_block(store, selection, first)
    first = cursor if cut else cursor - cursor % LOG_BLOCK
    return first, lambda: log_block(store, selection, owner_of, first)
