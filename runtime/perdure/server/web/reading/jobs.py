"""Jobs, from the log."""

from __future__ import annotations

from typing import Final

import msgspec

from perdure.api import jobs
from perdure.api.errors import NotFound
from perdure.api.jobs import CountJobs, Counts, Job, KeyedJob, ListJobs, OneJob, Page, job_of
from perdure.runtime.idempotency import checked_key, keyed_job
from perdure.server.access.authorising import is_for
from perdure.server.access.caller import Caller
from perdure.server.web.reading.readers import Readers
from perdure.server.web.site import Site
from perdure.store.event_store import EventStore, JobQuery
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

_PAGE: Final = 1000


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
        before=request.before,
        limit=request.limit,
    )
    if caller.extensions is None and caller.libraries is None:
        page = site.store.jobs(query)
        return Page(jobs=[job_of(state) for state in page.jobs], next=page.next)
    return _narrowed(site.store, caller, query)


def _narrowed(store: EventStore, caller: Caller, query: JobQuery) -> Page:
    """A page of what is for the caller, from as many pages as it takes."""
    found: list[JobState] = []
    while True:
        page = store.jobs(query)
        for state in page.jobs:
            if not is_for(caller, state.extension, state.library_id):
                continue
            if len(found) == query.limit:
                return Page(jobs=[job_of(each) for each in found], next=found[-1].job_id)
            found.append(state)
        if page.next is None:
            return Page(jobs=[job_of(each) for each in found], next=None)
        query = msgspec.structs.replace(query, before=page.next)


def count_jobs(site: Site, caller: Caller, request: CountJobs) -> Counts:
    """All there are, or those that are for the caller."""
    if caller.extensions is None and caller.libraries is None:
        counts = site.store.count_jobs()
        return Counts(counts=counts, total=sum(counts.values()))
    found = dict.fromkeys(sorted(Status), 0)
    query = JobQuery(limit=_PAGE)
    while True:
        page = site.store.jobs(query)
        for state in page.jobs:
            found[state.status] += is_for(caller, state.extension, state.library_id)
        if page.next is None:
            return Counts(counts=found, total=sum(found.values()))
        query = msgspec.structs.replace(query, before=page.next)


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
