"""Jobs: dispatched, forked, listed, counted."""

from __future__ import annotations

import os
from uuid import UUID

from msgspec import UNSET

from perdure.api.errors import NotFound
from perdure.client.async_job_handle import AsyncJobHandle
from perdure.client.asynchronous.calling import Calling
from perdure.client.calls import jobs as calls
from perdure.runtime.identifiers import DEFAULT_LIBRARY
from perdure.store.event_store import JobPage
from perdure.store.events import JobLimits, RetryPolicy
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status


class JobMethods(Calling):
    """How `AsyncClient` comes to jobs, and which there are."""

    async def dispatch(
        self,
        job_type: str,
        state: object = None,
        *,
        library_id: UUID = DEFAULT_LIBRARY,
        limits: JobLimits | None = None,
        retry: RetryPolicy | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> AsyncJobHandle:
        """See `Runtime.dispatch`."""
        call = calls.dispatch(
            job_type,
            state,
            library_id=library_id,
            limits=limits,
            retry=retry,
            idempotency_key=idempotency_key,
            timeout=timeout,
        )
        return self._handle(await self._do(call))

    async def job_with_key(self, extension: str, idempotency_key: str) -> AsyncJobHandle | None:
        """See `Runtime.job_with_key`."""
        try:
            return self._handle(await self._do(calls.job_with_key(extension, idempotency_key)))
        except NotFound:
            return None

    async def fork(
        self,
        job_id: UUID | str,
        at: int | None = None,
        *,
        state: object = UNSET,
        answer: tuple[int, object] | None = None,
        module: str | os.PathLike[str] | None = None,
        paused: bool = False,
    ) -> AsyncJobHandle:
        """See `Runtime.fork`; a path is one of the server's machine, and for the owner of its data folder only."""
        return self._handle(await self._do(calls.fork(job_id, at, state, answer, module, paused)))

    async def job(self, job_id: UUID | str) -> AsyncJobHandle:
        """See `Runtime.job`."""
        return self._handle((await self.job_state(job_id)).job_id)

    async def job_state(self, job_id: UUID | str) -> JobState:
        """See `Runtime.job_state`."""
        return await self._do(calls.job(job_id))

    async def jobs(
        self,
        *,
        statuses: frozenset[Status] = frozenset(),
        extension: str | None = None,
        job_type: str | None = None,
        parent: UUID | None = None,
        forked_from: UUID | None = None,
        before: UUID | None = None,
        limit: int = 100,
    ) -> JobPage:
        """See `Runtime.jobs`; more than 1,000 at once are read in pages."""
        found: list[JobState] = []
        while True:
            part = min(limit - len(found), calls.PAGE)
            page = await self._do(calls.page(statuses, extension, job_type, parent, forked_from, before, part))
            found += page.jobs
            before = page.next
            if before is None or len(found) >= limit:
                return JobPage(found, before)

    async def jobs_by_status(self) -> dict[str, int]:
        """See `Runtime.jobs_by_status`."""
        return await self._do(calls.counts())
