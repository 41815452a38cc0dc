"""A job, as its dispatcher holds it in an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING, Any
from uuid import UUID

from perdure.runtime.history import HistoryEntry
from perdure.runtime.job_handle import Timings, timings_of
from perdure.store.event_store import StoredEvent
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

if TYPE_CHECKING:
    from perdure.client.async_client import AsyncClient
    from perdure.runtime.doubts import Doubt, Resolution


class AsyncJobHandle:
    """One job of an `AsyncClient`. ``await handle`` gives its final state; `state` reads it as it is now."""

    def __init__(self, runtime: AsyncClient, job_id: UUID) -> None:
        self._runtime = runtime
        self.job_id = job_id

    def __repr__(self) -> str:
        return f"AsyncJobHandle({self.job_id})"

    async def state(self) -> JobState:
        """Everything at once, as of one moment: progress, counters, the last checkpoint, the error."""
        return await self._runtime.job_state(self.job_id)

    async def status(self) -> Status:
        """Where the job is in its life."""
        return (await self.state()).status

    async def timings(self) -> Timings:
        """When its life went on."""
        return timings_of(await self.state())

    async def wait(self, timeout: float | None = None) -> JobState:
        """See `Runtime.wait`."""
        return await self._runtime.wait(self.job_id, timeout)

    def __await__(self) -> Generator[Any, None, JobState]:
        return self._runtime.wait(self.job_id).__await__()

    def watch(self, after: int = 0) -> AsyncIterator[StoredEvent]:
        """See `Runtime.watch`."""
        return self._runtime.watch(self.job_id, after)

    def history(self, first: int = 1, last: int | None = None) -> AsyncIterator[HistoryEntry]:
        """See `Runtime.history`."""
        return self._runtime.history(self.job_id, first, last)

    async def state_at(self, sequence: int) -> JobState:
        """See `Runtime.state_at`."""
        return await self._runtime.state_at(self.job_id, sequence)

    async def pause(self, timeout: float | None = None) -> Status:
        """See `Runtime.pause`."""
        return await self._runtime.pause(self.job_id, timeout)

    async def resume(self, timeout: float | None = None) -> Status:
        """See `Runtime.resume`."""
        return await self._runtime.resume(self.job_id, timeout)

    async def cancel(self, timeout: float | None = None) -> Status:
        """See `Runtime.cancel`."""
        return await self._runtime.cancel(self.job_id, timeout)

    async def retry(self, timeout: float | None = None) -> Status:
        """See `Runtime.retry`."""
        return await self._runtime.retry(self.job_id, timeout)

    async def doubt(self) -> Doubt | None:
        """See `Runtime.doubt`."""
        return await self._runtime.doubt(self.job_id)

    async def resolve(
        self,
        resolution: Resolution,
        *,
        answer: object = None,
        message: str | None = None,
        code: str = "failed",
        timeout: float | None = None,
    ) -> Status:
        """See `Runtime.resolve`."""
        return await self._runtime.resolve(
            self.job_id, resolution, answer=answer, message=message, code=code, timeout=timeout
        )
