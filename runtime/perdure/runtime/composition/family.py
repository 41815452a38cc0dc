"""What one more child would be: the checks that keep a family of jobs from growing without end."""

from __future__ import annotations

import hashlib
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.operations.context import CallContext
from perdure.runtime.settings import RuntimeSettings
from perdure.store.event_store import EventStore
from perdure.store.events import JobDispatched, JobLimits, job_stream
from perdure.store.family import ancestors_of, child_key
from perdure.store.job_state import JobState
from perdure.store.rows import SEPARATOR, row_key

_COUNT: Final = "jobs.children"
_EFFECT: Final = "jobs.effect"


def effect_row(context: CallContext) -> bytes:
    """The key of the row that remembers which job this call has dispatched."""
    # Hashed, because the host may choose any text; with the extension, because two may choose the same.
    who = f"{context.extension or ''}\0{context.library_id}\0{context.effect_key}"
    return row_key(_EFFECT, hashlib.blake2b(who.encode(), digest_size=20).hexdigest())


class Place(msgspec.Struct, frozen=True):
    """Where in a family a new child would be: under ``parent``, whose first ancestor is ``root``."""

    parent: JobState
    root: UUID
    children: int


class Families:
    """The families of a store's jobs.

    How many children a job has is a row of its own: a job makes one call at a time, so its dispatches never conflict
    with those of others. How many a family has is their sum, which jobs that dispatch at the same moment do not see of
    each other: a bound for what goes wrong need not be exact.
    """

    def __init__(self, store: EventStore, settings: RuntimeSettings) -> None:
        self._store = store
        self._settings = settings

    def place(self, context: CallContext, job_id: UUID) -> Place:
        """The place of the next child of ``job_id``.

        Raises:
            OperationFailed: there is none: the family is too deep or too large.
        """
        parent = self._store.job(job_id)
        above = [one.job_id for one in ancestors_of(self._store, parent)]
        if len(above) + 1 >= self._settings.job_depth:
            raise _full(f"jobs may be dispatched by jobs {self._settings.job_depth} deep, this one is the last")
        root = above[-1] if above else job_id
        count = context.data.get(_count_key(root, job_id))
        children = int(count) if count is not None else 0
        if children >= self._settings.children_per_job:
            raise _full(f"a job may dispatch {self._settings.children_per_job} jobs, and this one has")
        if self._size(root) >= self._settings.family_jobs:
            raise _full(f"{self._settings.family_jobs} jobs may descend from one, and of job {root} they do")
        return Place(parent, root, children)

    def _size(self, root: UUID) -> int:
        prefix = row_key(_COUNT, str(root)) + SEPARATOR
        return sum(int(row.value) for row in self._store.rows(prefix, limit=self._settings.family_jobs + 1))

    @staticmethod
    def add(context: CallContext, place: Place, child: UUID) -> None:
        """Write the rows of a new child."""
        parent = place.parent.job_id
        context.data.put(_count_key(place.root, parent), b"%d" % (place.children + 1))
        context.data.put(child_key(parent, child), b"")

    def limits_of(self, job: JobState) -> JobLimits:
        """What a job may use, and so what its children may."""
        first = next(self._store.read(job_stream(job.job_id), until=1)).event
        return first.limits if isinstance(first, JobDispatched) else JobLimits()


def _count_key(root: UUID, parent: UUID) -> bytes:
    return row_key(_COUNT, str(root), str(parent))


def _full(message: str) -> OperationFailed:
    return OperationFailed("failed", message)
