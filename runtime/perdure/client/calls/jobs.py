"""Jobs: dispatched, forked, listed, counted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from uuid import UUID

from msgspec import UNSET

from perdure.api import jobs
from perdure.api.jobs import CountJobs, DispatchJob, ForkJob, KeyedJob, ListJobs, OneJob, state_of
from perdure.client.calls.call import Call
from perdure.client.calls.values import json_value
from perdure.runtime.identifiers import DEFAULT_LIBRARY, job_id_of
from perdure.store.event_store import JobPage, JobQuery
from perdure.store.events import JobLimits, RetryPolicy
from perdure.store.job_state import JobState
from perdure.store.lifecycle import UNFINISHED, Status

PAGE: Final = 1000  # jobs; as many as the server gives at once


def job(job_id: UUID | str) -> Call[JobState]:
    """A job as it is now."""
    return Call(jobs.GET, OneJob(job_id=job_id_of(job_id)), state_of)


def page(
    statuses: frozenset[Status],
    extension: str | None,
    job_type: str | None,
    parent: UUID | None,
    forked_from: UUID | None,
    before: UUID | None,
    limit: int,
) -> Call[JobPage]:
    """Some jobs, newest first.

    Raises:
        ValueError: ``limit`` is less than 1.
    """
    JobQuery(limit=limit)
    request = ListJobs(
        status=sorted(statuses),
        extension=extension,
        job_type=job_type,
        parent=parent,
        forked_from=forked_from,
        before=before,
        limit=limit,
    )
    return Call(jobs.LIST, request, lambda found: JobPage([state_of(each) for each in found.jobs], found.next))


def dispatch(
    job_type: str,
    state: object = None,
    *,
    library_id: UUID = DEFAULT_LIBRARY,
    limits: JobLimits | None = None,
    retry: RetryPolicy | None = None,
    idempotency_key: str | None = None,
    timeout: float | None = None,
) -> Call[UUID]:
    """A new job."""
    request = DispatchJob(
        job_type=job_type,
        state=json_value(state),
        library_id=library_id,
        limits=limits,
        retry=retry,
        idempotency_key=idempotency_key,
    )
    return Call(jobs.DISPATCH, request, lambda made: made.job_id, timeout)


def job_with_key(extension: str, idempotency_key: str) -> Call[UUID]:
    """The job that was dispatched with a key; `perdure.api.errors.NotFound` if there is none."""
    request = KeyedJob(extension=extension, key=idempotency_key)
    return Call(jobs.BY_KEY, request, lambda found: found.job_id)


def fork(
    job_id: UUID | str,
    at: int | None,
    state: object,
    answer: tuple[int, object] | None,
    module: str | os.PathLike[str] | None,
    paused: bool,
) -> Call[UUID]:
    """A new job that goes on from a point of another one's past."""
    request = ForkJob(
        job_id=job_id_of(job_id),
        at=at,
        state=UNSET if state is UNSET else json_value(state),
        call=answer[0] if answer is not None else None,
        answer=json_value(answer[1]) if answer is not None else None,
        module=_module(module),
        paused=paused,
    )
    return Call(jobs.FORK, request, lambda made: made.job_id)


def _module(module: str | os.PathLike[str] | None) -> str | None:
    """A path as one that the server understands, whatever folder it works in; a version as it is."""
    if module is None or (isinstance(module, str) and not Path(module).exists()):
        return module
    return str(Path(module).absolute())


def counts() -> Call[dict[str, int]]:
    """How many jobs have not ended, by status."""
    return Call(
        jobs.COUNTS,
        CountJobs(),
        lambda found: {str(status): found.counts.get(status, 0) for status in sorted(UNFINISHED)},
    )
