"""Jobs, waited for and watched, and what happened to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

from perdure.client.calls import history as history_calls
from perdure.client.calls import watching as calls
from perdure.client.sync.jobs import JobMethods
from perdure.runtime.errors import NoSuchSequence
from perdure.runtime.history import HistoryEntry
from perdure.store.event_store import StoredEvent
from perdure.store.job_state import JobState


class WatchMethods(JobMethods):
    """How `Client` keeps up with jobs. A server that is started again meanwhile is waited for, a minute at most."""

    def wait(self, job_id: UUID | str, timeout: float | None = None) -> JobState:
        """See `Runtime.wait`."""
        for found in self._listen(calls.job_end(job_id), timeout=timeout, what=f"job {job_id}"):
            if isinstance(found, JobState):
                return found
        raise AssertionError("unreachable: it is listened to until the end")

    async def wait_async(self, job_id: UUID | str) -> JobState:
        """See `Runtime.wait_async`."""
        from perdure.client.async_client import AsyncClient  # noqa: PLC0415  # few programs need both

        async with AsyncClient(self.address, timeout=self._timeout) as client:
            return await client.wait(job_id)

    def watch(self, job_id: UUID | str, after: int = 0) -> Iterator[StoredEvent]:
        """See `Runtime.watch`."""
        return self._watched(self.job_state(job_id).job_id, after)

    def _watched(self, job_id: UUID, after: int) -> Iterator[StoredEvent]:
        for found in self._listen(calls.job(job_id, after)):
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
    ) -> Iterator[StoredEvent]:
        """Events of the whole log behind position ``after``, each as soon as it is on disk, without an end.

        Args:
            after: None: those that are yet to come.
            types: only events of these types, as docs/events.md names them.
            stream, job_id, extension: only those of a stream, a job, an extension and its jobs.
        """
        return self._listen(calls.log(after, tuple(types), stream, job_id, extension))

    def history(self, job_id: UUID | str, first: int = 1, last: int | None = None) -> Iterator[HistoryEntry]:
        """See `Runtime.history`."""
        after: int | None = max(0, first - 1)
        while after is not None:
            entries, after = self._do(history_calls.page(job_id, after, last))
            yield from entries

    def state_at(self, job_id: UUID | str, sequence: int) -> JobState:
        """See `Runtime.state_at`."""
        if sequence < 1:
            raise NoSuchSequence(str(job_id), sequence, self.job_state(job_id).sequence)
        return self._do(history_calls.state_at(job_id, sequence))
