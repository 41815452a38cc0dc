"""Jobs: dispatched, listed, controlled."""

from __future__ import annotations

from uuid import UUID

from perdure.api import jobs
from perdure.api.jobs import DispatchJob, ListJobs, OneJob, state_of
from perdure.client.calls.call import Call
from perdure.client.calls.values import json_value
from perdure.runtime.identifiers import DEFAULT_LIBRARY, job_id_of
from perdure.store.event_store import JobPage
from perdure.store.events import JobLimits, RetryPolicy
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status


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
    """Some jobs, newest first."""
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


def pause(job_id: UUID | str, timeout: float | None = None) -> Call[Status]:
    """Ask it to stop until it is resumed."""
    return Call(jobs.PAUSE, OneJob(job_id=job_id_of(job_id)), lambda now: now.status, timeout)


def resume(job_id: UUID | str, timeout: float | None = None) -> Call[Status]:
    """Let it go on."""
    return Call(jobs.RESUME, OneJob(job_id=job_id_of(job_id)), lambda now: now.status, timeout)


def cancel(job_id: UUID | str, timeout: float | None = None) -> Call[Status]:
    """End it."""
    return Call(jobs.CANCEL, OneJob(job_id=job_id_of(job_id)), lambda now: now.status, timeout)


def retry(job_id: UUID | str, timeout: float | None = None) -> Call[Status]:
    """Run it on."""
    return Call(jobs.RETRY, OneJob(job_id=job_id_of(job_id)), lambda now: now.status, timeout)
