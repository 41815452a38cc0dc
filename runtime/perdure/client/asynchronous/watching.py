"""Jobs, waited for and watched, and what happened to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from uuid import UUID

from perdure.client.asynchronous.jobs import JobMethods
from perdure.client.calls import history as history_calls
from perdure.client.calls import watching as calls
from perdure.runtime.errors import NoSuchSequence
from perdure.runtime.history import HistoryEntry
from perdure.store.event_store import StoredEvent
from perdure.store.job_state import JobState


class WatchMethods(JobMethods):
    """How `AsyncClient` keeps up with jobs. A server that is started again is waited for, a minute at most."""

    async def wait(self, job_id: UUID | str, timeout: float | None = None) -> JobState:
        """See `Runtime.wait`."""
        async for found in self._listen(calls.job_end(job_id), timeout=timeout, what=f"job {job_id}"):
            if isinstance(found, JobState):
                return found
        raise AssertionError("unreachable: it is listened to until the end")

    async def watch(self, job_id: UUID | str, after: int = 0) -> AsyncIterator[StoredEvent]:
        """See `Runtime.watch`."""
        async for found in self._listen(calls.job(job_id, after)):
            if isinstance(found, JobState):
                return
            yield found

    def watch_log(
        self,
        *,
        after: int | None = None,
        types: Iterable[str] = (),
        stream: str | None = None,
        job_id: UUID | str | None = None,
        extension: str | None = None,
    ) -> AsyncIterator[StoredEvent]:
        """Events of the whole log behind position ``after``, each as soon as it is on disk, without an end.

        Args:
            after: None: those that are yet to come.
            types: only events of these types, as docs/events.md names them.
            stream, job_id, extension: only those of a stream, a job, an extension and its jobs.
        """
        return self._listen(calls.log(after, tuple(types), stream, job_id, extension))

    async def history(self, job_id: UUID | str, first: int = 1, last: int | None = None) -> AsyncIterator[HistoryEntry]:
        """See `Runtime.history`."""
        after: int | None = max(0, first - 1)
        while after is not None:
            entries, after = await self._do(history_calls.page(job_id, after, last))
            for entry in entries:
                yield entry

    async def state_at(self, job_id: UUID | str, sequence: int) -> JobState:
        """See `Runtime.state_at`."""
        if sequence < 1:
            raise NoSuchSequence(str(job_id), sequence, (await self.job_state(job_id)).sequence)
        return await self._do(history_calls.state_at(job_id, sequence))
