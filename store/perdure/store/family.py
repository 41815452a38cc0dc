"""Jobs that were dispatched by jobs: who belongs to whom.

A child names its parent in its own stream (`JobLinked`). The other way round there is a row for each child, written
with its dispatch: ``child``, the parent's id, the child's id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol
from uuid import UUID

from perdure.store.errors import UnknownJob
from perdure.store.event_store import EventStore
from perdure.store.job_state import JobState
from perdure.store.rows import SEPARATOR, Row, row_key

_CHILD: Final = "child"
_PAGE: Final = 1000


class _Rows(Protocol):
    """What of a store these functions need, so that a store can use them too."""

    def rows(self, prefix: bytes, *, after: bytes = b"", limit: int = 1000) -> list[Row]: ...


def child_key(parent: UUID, child: UUID) -> bytes:
    """The key of the row that says so."""
    return row_key(_CHILD, str(parent), str(child))


def children_prefix(parent: UUID) -> bytes:
    """What the keys of a parent's rows begin with."""
    return row_key(_CHILD, str(parent)) + SEPARATOR


def child_of_key(key: bytes) -> UUID:
    """The child that a row's key names."""
    return UUID(key.rpartition(SEPARATOR)[2].decode())


def children_of(store: _Rows, parent: UUID) -> Iterator[UUID]:
    """The jobs that this one dispatched, oldest first."""
    prefix, after = children_prefix(parent), b""
    while rows := store.rows(prefix, after=after, limit=_PAGE):
        yield from (child_of_key(row.key) for row in rows)
        after = rows[-1].key


def ancestors_of(store: EventStore, job: JobState) -> Iterator[JobState]:
    """Its parent, its parent's parent, and so on up to the job that nobody but the host dispatched."""
    while job.parent is not None:
        try:
            job = store.job(job.parent)
        except UnknownJob:
            return
        yield job


def is_called_off(store: EventStore, job: JobState) -> bool:
    """Whether a job that has only been dispatched must not begin: an ancestor was cancelled before that.

    A cancel takes all descendants along, in one transaction. So a job of which nothing but its dispatch is in the log
    under a cancelled ancestor was dispatched after the cancel. One that a person retried has more in its stream.
    """
    if job.parent is None or job.sequence > 2:
        return False
    return any(above.cancel_requested or above.status == "cancelled" for above in ancestors_of(store, job))
