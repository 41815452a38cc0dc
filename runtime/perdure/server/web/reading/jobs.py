"""Jobs, from the log."""

from __future__ import annotations

from perdure.api import jobs
from perdure.api.errors import NotFound
from perdure.api.jobs import CountJobs, Counts, Job, KeyedJob, ListJobs, OneJob, Page, job_of
from perdure.runtime.idempotency import checked_key, keyed_job
from perdure.server.access.authorising import is_for
from perdure.server.access.caller import Caller
from perdure.server.web.reading.readers import Readers
from perdure.server.web.site import Site
from perdure.store.event_store import JobQuery


def add_readers(readers: Readers) -> None:
    """The family's."""
    readers.add(jobs.LIST, list_jobs)
    readers.add(jobs.COUNTS, count_jobs)
    readers.add(jobs.BY_KEY, job_with_key)
    readers.add(jobs.GET, get_job)


def list_jobs(site: Site, caller: Caller, request: ListJobs) -> Page:
    """See `Runtime.jobs`; without those that are not for the caller."""
    query = JobQuery(
        statuses=frozenset(request.status),
        extension=request.extension,
        job_type=request.job_type,
        parent=request.parent,
        forked_from=request.forked_from,
        library_id=request.library_id,
        extensions=caller.extensions,
        libraries=caller.libraries,
        text=request.text,
        before=request.before,
        offset=request.offset,
        limit=request.limit,
    )
    page = site.store.jobs(query)
    return Page(jobs=[job_of(state) for state in page.jobs], next=page.next)


def count_jobs(site: Site, caller: Caller, request: CountJobs) -> Counts:
    """Those that match and are for the caller."""
    query = JobQuery(
        extension=request.extension,
        job_type=request.job_type,
        parent=request.parent,
        forked_from=request.forked_from,
        library_id=request.library_id,
        extensions=caller.extensions,
        libraries=caller.libraries,
        text=request.text,
    )
    counts = site.store.count_jobs(query)
    return Counts(counts=counts, total=sum(counts.values()))


def job_with_key(site: Site, caller: Caller, request: KeyedJob) -> Job:
    """See `Runtime.job_with_key`."""
    job_id = keyed_job(site.store, request.extension, checked_key(request.key))
    if job_id is None:
        raise NotFound("job with this key")
    state = site.store.job(job_id)
    if not is_for(caller, state.extension, state.library_id):
        raise NotFound("job with this key")
    return job_of(state)


def get_job(site: Site, caller: Caller, request: OneJob) -> Job:
    """See `Runtime.job`."""
    return job_of(site.store.job(request.job_id))
