"""The jobs that wait for their extension to have room, in the order in which they came."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID


class JobQueue:
    """A queue of jobs of several kinds, some of which may have to stay while others go on.

    Each step costs as much as there are kinds, however many jobs wait. Not thread-safe.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._kinds: dict[str, OrderedDict[UUID, int]] = {}
        self._kind_of: dict[UUID, str] = {}

    def __len__(self) -> int:
        return len(self._kind_of)

    def __contains__(self, job_id: UUID) -> bool:
        return job_id in self._kind_of

    def add(self, job_id: UUID, kind: str = "") -> None:
        """Put a job at the end; one that waits already keeps its place."""
        if job_id not in self._kind_of:
            self._put(job_id, kind, next(self._numbers))

    def _put(self, job_id: UUID, kind: str, number: int) -> None:
        self._kind_of[job_id] = kind
        self._kinds.setdefault(kind, OrderedDict())[job_id] = number

    def discard(self, job_id: UUID) -> None:
        """Take a job out, if it is there."""
        kind = self._kind_of.pop(job_id, None)
        if kind is not None:
            del self._kinds[kind][job_id]
            if not self._kinds[kind]:
                del self._kinds[kind]

    def first(self, may_go: Callable[[str], bool]) -> UUID | None:
        """The first job of those kinds that may go; it stays until it is taken out."""
        heads = (
            (number, job_id)
            for kind, jobs in self._kinds.items()
            if may_go(kind)
            for job_id, number in itertools.islice(jobs.items(), 1)
        )
        found = min(heads, default=None)
        return found[1] if found is not None else None

    def sort(self, kind_of: Callable[[UUID], str]) -> None:
        """Ask anew of what kind each job is; places stay."""
        numbers = {job_id: number for jobs in self._kinds.values() for job_id, number in jobs.items()}
        self._kinds, self._kind_of = {}, {}
        for job_id, number in sorted(numbers.items(), key=lambda item: item[1]):
            self._put(job_id, kind_of(job_id), number)
