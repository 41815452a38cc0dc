"""Jobs that wait for other jobs' ends, in this process.

A job that waits for its own descendant needs no slot meanwhile, and its descendant may need one: with one slot for both
they would wait for each other. So the descendant may be started without a slot (`ExtensionActor`), as long as those of
its extension that are at work, and do not wait themselves, are fewer than may run at once.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from uuid import UUID

import msgspec


class JobWait(msgspec.Struct, frozen=True, eq=False):
    """One job waits for another one's end. ``interrupted`` is done when it should stop waiting, to be paused.

    ``lends``: the other one may run meanwhile in its place.
    """

    waiter: UUID
    target: UUID
    lends: bool
    interrupted: Future[None]


class JobWaits:
    """The waits of this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waits: dict[UUID, JobWait] = {}

    def begin(self, waiter: UUID, target: UUID, *, lends: bool) -> JobWait | None:
        """Note that a job waits; None if the other one waits for it, itself or through others."""
        wait = JobWait(waiter, target, lends, Future())
        with self._lock:
            seen: UUID | None = target
            while seen is not None:
                if seen == waiter:
                    return None
                further = self._waits.get(seen)
                seen = further.target if further is not None else None
            self._waits[waiter] = wait
        return wait

    def end(self, wait: JobWait) -> None:
        """It waits no longer."""
        with self._lock:
            if self._waits.get(wait.waiter) is wait:
                del self._waits[wait.waiter]

    def interrupt(self, waiter: UUID) -> None:
        """The job is to stop: it should not go on waiting."""
        with self._lock:
            wait = self._waits.get(waiter)
            if wait is None or wait.interrupted.done() or not wait.interrupted.set_running_or_notify_cancel():
                return
            wait.interrupted.set_result(None)

    def is_waiting(self, job_id: UUID) -> bool:
        """Whether the job waits in such a way that another may run in its place."""
        wait = self._waits.get(job_id)
        return wait is not None and wait.lends

    def lent(self) -> list[UUID]:
        """The jobs that may run in another's place."""
        with self._lock:
            return [wait.target for wait in self._waits.values() if wait.lends]
