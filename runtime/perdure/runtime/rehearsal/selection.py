"""Which jobs are rehearsed: every unfinished one, and of the finished ones the newest and some at random."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import msgspec

from perdure.store.event_store import EventStore, JobQuery
from perdure.store.job_state import JobState
from perdure.store.lifecycle import TERMINAL, UNFINISHED, Status

_PAGE: Final = 1000


class Sample(msgspec.Struct, frozen=True):
    """``size`` finished jobs of each type, half of them the newest, the others chosen by ``seed``; None: all.

    Raises:
        ValueError: ``size`` is negative.
    """

    size: int | None = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 0:
            raise ValueError(f"a sample of {self.size} jobs cannot be taken")


class Selection(msgspec.Struct, frozen=True):
    """The ids of the jobs that are rehearsed, the unfinished ones first; there are ``finished`` finished ones."""

    unfinished: tuple[UUID, ...]
    sample: tuple[UUID, ...]
    finished: int


def select_jobs(store: EventStore, extension: str, sample: Sample) -> Selection:
    """Choose jobs of an extension; a fork that is still being made is none.

    Raises:
        StoreError: the log cannot be read.
    """
    unfinished = [state.job_id for state in _jobs(store, extension, UNFINISHED) if state.copied is None]
    chosen: dict[str, _TypeSample] = {}
    finished = 0
    for state in _jobs(store, extension, TERMINAL):
        finished += 1
        if state.folded_at is None and state.copied is None:
            chosen.setdefault(state.job_type, _TypeSample(sample, state.job_type)).offer(state.job_id)
    ids = [job_id for of_type in chosen.values() for job_id in of_type.chosen()]
    return Selection(tuple(unfinished), tuple(sorted(ids, reverse=True)), finished)


class _TypeSample:
    """The sample of one job type: the jobs come newest first, and there may be millions."""

    def __init__(self, sample: Sample, job_type: str) -> None:
        # A type's sample is the same whatever other types there are.
        self._random = random.Random(f"{sample.seed}:{job_type}")  # noqa: S311  # needs no secrecy
        self._all = sample.size is None
        size = sample.size or 0
        self._newest_size = size - size // 2
        self._size = size // 2
        self._newest: list[UUID] = []
        self._others: list[UUID] = []
        self._seen = 0

    def offer(self, job_id: UUID) -> None:
        if self._all or len(self._newest) < self._newest_size:
            self._newest.append(job_id)
            return
        self._seen += 1
        if len(self._others) < self._size:
            self._others.append(job_id)
        elif self._size and (place := self._random.randrange(self._seen)) < self._size:
            self._others[place] = job_id

    def chosen(self) -> list[UUID]:
        return self._newest + self._others


def _jobs(store: EventStore, extension: str, statuses: frozenset[Status]) -> Iterator[JobState]:
    before: UUID | None = None
    while True:
        page = store.jobs(JobQuery(statuses=statuses, extension=extension, before=before, limit=_PAGE))
        yield from page.jobs
        before = page.next
        if before is None:
            return
