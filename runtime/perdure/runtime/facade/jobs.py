"""The jobs that there are: listed, waited for, watched, and looked at as they were."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from perdure.runtime.facade.parts import Parts
from perdure.runtime.history import HistoryEntry, history, state_at
from perdure.runtime.identifiers import job_id_of
from perdure.runtime.job_handle import JobHandle
from perdure.runtime.timetravel.stepping import Stepper, stepper_of
from perdure.store.event_store import JobPage, JobQuery, StoredEvent
from perdure.store.events import job_stream
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status
from perdure.store.tail import follow_stream


class JobFacade(Parts):
    """How `Runtime` shows jobs."""

    def job(self, job_id: UUID | str) -> JobHandle:
        """A job by its id.

        Raises:
            UnknownJob: there is no such job.
        """
        self._check()
        handle = self._handle(job_id_of(job_id))
        _ = handle.state
        return handle

    def job_state(self, job_id: UUID | str) -> JobState:
        """A job as it is now. Errors as for `job`.

        It can be asked for when the runtime is closed, for as long as its store is open.
        """
        return self.store.job(job_id_of(job_id))

    def jobs(
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
        """A page of jobs, newest first; the next page is the one ``before`` this page's ``next``.

        ``parent``: only those that this job dispatched; ``forked_from``: only the forks of this job.
        """
        self._check()
        query = JobQuery(
            statuses=statuses,
            extension=extension,
            job_type=job_type,
            parent=parent,
            forked_from=forked_from,
            before=before,
            limit=limit,
        )
        return self.store.jobs(query)

    def wait(self, job_id: UUID | str, timeout: float | None = None) -> JobState:
        """Wait until the job has ended; returns its final state, whatever its status.

        Raises:
            UnknownJob: there is no such job.
            TimeoutError: it has not ended within ``timeout`` seconds.
            RuntimeClosedError: the runtime was closed first.
        """
        self._check()
        return self._waiters.wait(self.store, job_id_of(job_id), timeout)

    async def wait_async(self, job_id: UUID | str) -> JobState:
        """`wait` for an event loop, without a thread; cancel it or wrap it in `asyncio.timeout`."""
        self._check()
        return await self._waiters.wait_async(self.store, job_id_of(job_id))

    # --- what happened ------------------------------------------------------------------------------------------------

    def watch(self, job_id: UUID | str, after: int = 0) -> Iterator[StoredEvent]:
        """The job's events after sequence ``after``, each as soon as it is on disk, until the job has ended.

        Raises:
            UnknownJob: there is no such job.
        """
        self._check()
        identifier = job_id_of(job_id)
        self.store.job(identifier)
        return follow_stream(
            self.store,
            job_stream(identifier),
            after=max(0, after),
            stop=lambda: self._closed or self.store.job(identifier).finished,
        )

    def history(self, job_id: UUID | str, first: int = 1, last: int | None = None) -> Iterator[HistoryEntry]:
        """The job's events from sequence ``first`` to ``last``, the superseded ones marked."""
        self._check()
        return history(self.store, job_id_of(job_id), first, last)

    def state_at(self, job_id: UUID | str, sequence: int) -> JobState:
        """The job as it was after its event ``sequence``.

        Raises:
            NoSuchSequence: it has no such event.
        """
        self._check()
        return state_at(self.store, job_id_of(job_id), sequence)

    def stepper(self, job_id: UUID | str, run: int | None = None) -> Stepper:
        """Walk through one of a job's runs, call by call, forward and back; None is the last one.

        Its guest is run again in a sandbox and led by the log: nothing live happens, and nothing is recorded.

        Raises:
            UnknownJob, JobIsFolded: there is no such job, or no history of it any more.
            CannotStep: it has no such run.
        """
        self._check()
        return stepper_of(self.store, job_id_of(job_id), self.keychain, self._system.guests, run)
