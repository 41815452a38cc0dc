"""Who waits for a job's end, and how they are told: one future a waiter, set by the log writer's commit."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future
from uuid import UUID

from perdure.runtime.errors import RuntimeClosedError
from perdure.store.event_store import EventStore
from perdure.store.job_state import JobState


class Waiters:
    """Futures of jobs' ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[UUID, list[Future[JobState]]] = {}
        self._closed = False

    def wait(self, store: EventStore, job_id: UUID, timeout: float | None) -> JobState:
        """Wait until the job has ended. Errors as for `Runtime.wait`."""
        future = self.future(store, job_id)
        try:
            return future.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"job {job_id} has not ended within {timeout} s") from None
        finally:
            self.forget(job_id, future)

    async def wait_async(self, store: EventStore, job_id: UUID) -> JobState:
        """The same in an event loop, for as long as it takes."""
        future = self.future(store, job_id)
        try:
            return await asyncio.wrap_future(future)
        except CancelledError:
            raise asyncio.CancelledError from None
        finally:
            self.forget(job_id, future)

    def future(self, store: EventStore, job_id: UUID) -> Future[JobState]:
        """A future of the job's end, done already if the job has ended.

        Raises:
            UnknownJob: there is no such job.
        """
        future: Future[JobState] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeClosedError
            self._futures.setdefault(job_id, []).append(future)
        try:
            # Only after the future is known: an end that comes in between is not missed.
            state = store.job(job_id)
        except Exception:
            self.forget(job_id, future)
            raise
        if state.finished:
            self.ended(state)
        return future

    def forget(self, job_id: UUID, future: Future[JobState]) -> None:
        """Nobody waits for this future any more."""
        with self._lock:
            waiting = self._futures.get(job_id, [])
            if future in waiting:
                waiting.remove(future)
            if not waiting:
                self._futures.pop(job_id, None)

    def ended(self, state: JobState) -> None:
        """A job's end is on disk."""
        if state.job_id not in self._futures:
            return
        with self._lock:
            futures = self._futures.pop(state.job_id, [])
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_result(state)

    def close(self) -> None:
        """The runtime closes: whoever still waits is told so."""
        with self._lock:
            self._closed = True
            futures = [future for waiting in self._futures.values() for future in waiting]
            self._futures.clear()
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_exception(RuntimeClosedError())
