"""Jobs, from the log."""

from __future__ import annotations

from perdure.api import jobs
from perdure.api.jobs import Job, ListJobs, OneJob, Page, job_of
from perdure.server.access.caller import Caller
from perdure.server.web.reading.readers import Readers
from perdure.server.web.site import Site
from perdure.store.event_store import JobQuery


def add_readers(readers: Readers) -> None:
    """The family's."""
    readers.add(jobs.LIST, list_jobs)
    readers.add(jobs.GET, get_job)


def list_jobs(site: Site, caller: Caller, request: ListJobs) -> Page:
    """See `Runtime.jobs`."""
    page = site.store.jobs(
        JobQuery(
            statuses=frozenset(request.status),
            extension=request.extension,
            job_type=request.job_type,
            parent=request.parent,
            forked_from=request.forked_from,
            library_id=request.library_id,
            before=request.before,
            limit=request.limit,
        )
    )
    return Page(jobs=[job_of(state) for state in page.jobs], next=page.next)


def get_job(site: Site, caller: Caller, request: OneJob) -> Job:
    """See `Runtime.job`."""
    return job_of(site.store.job(request.job_id))
