"""The jobs that have an actor: found, told something, and stopped. They are in no log: a new process has none."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import pykka

from perdure.actors.job_actor import JobActor
from perdure.actors.job_waits import JobWaits
from perdure.actors.messages import (
    KillJob,
    Message,
    OperationAdmitted,
    OperationDone,
    PauseJob,
    SuspendJob,
    encode_message,
)
from perdure.actors.switch_interval import ShortInterval


class RunningJob(msgspec.Struct):
    """An attempt. ``kill`` stops its guest from any thread; None: it has none yet."""

    ref: pykka.ActorRef[JobActor]
    extension: str
    attempt: int
    has_slot: bool
    kill: Callable[[], None] | None = None


class RunningJobs:
    """The actors of jobs, by their jobs. Thread-safe, but for `add` and `remove` of one job.

    Args:
        waits: what jobs wait for; who waits is told that it should stop.
        interval: the interpreter's switch interval while there are any.
    """

    def __init__(self, waits: JobWaits, interval: ShortInterval) -> None:
        self._waits = waits
        self._interval = interval
        self._running: dict[UUID, RunningJob] = {}
        self._ended = threading.Condition()

    def add(self, job_id: UUID, running: RunningJob) -> None:
        """A job's actor has been started."""
        self._running[job_id] = running
        self._interval.begin()

    def find(self, job_id: UUID, ref: pykka.ActorRef[Any]) -> RunningJob | None:
        """The job's attempt, if it is this actor's; None if that was removed, or another one runs the job by now."""
        running = self._running.get(job_id)
        return running if running is not None and running.ref.actor_urn == ref.actor_urn else None

    def remove(self, job_id: UUID) -> None:
        """A job's actor has done its work. Whoever waits for its end is told by `tell_ended`."""
        del self._running[job_id]
        self._interval.end()

    def tell_ended(self) -> None:
        """Wake those who wait for jobs that were removed."""
        with self._ended:
            self._ended.notify_all()

    # --- which -------------------------------------------------------------------------------------------------------

    def __contains__(self, job_id: UUID) -> bool:
        return job_id in self._running

    def __len__(self) -> int:
        return len(self._running)

    def get(self, job_id: UUID) -> pykka.ActorRef[JobActor] | None:
        """The job's actor, if it runs in this process."""
        running = self._running.get(job_id)
        return running.ref if running is not None else None

    def attempt_of(self, job_id: UUID) -> int | None:
        """The number of the attempt that runs, None if none does."""
        running = self._running.get(job_id)
        return running.attempt if running is not None else None

    def of(self, extension: str) -> list[UUID]:
        """The extension's."""
        # A copy is made at once. `list(items())` is not: for the pairs that it makes the collector may run, and then
        # other threads, which add jobs.
        return [job_id for job_id, running in self._running.copy().items() if running.extension == extension]

    def ids(self) -> list[UUID]:
        """All."""
        return list(self._running)

    def waiting(self) -> int:
        """Messages that their actors have not seen."""
        refs = [running.ref for running in list(self._running.values())]
        return sum(ref.actor_inbox.qsize() for ref in refs)  # type: ignore[attr-defined]  # SimpleQueue

    # --- telling -----------------------------------------------------------------------------------------------------

    def tell(self, job_id: UUID, message: Message) -> None:
        """Send to the job's actor, if it runs."""
        ref = self.get(job_id)
        if ref is not None:
            with contextlib.suppress(pykka.ActorDeadError):
                ref.tell(encode_message(message))
            if isinstance(message, PauseJob | SuspendJob):
                self._waits.interrupt(job_id)  # so that it can ask whether to stop

    def answer(self, job_id: UUID, attempt: int, answer: OperationDone | OperationAdmitted) -> None:
        """Send an answer to the attempt that asked; a later one counts its calls anew and must not take it for its."""
        running = self._running.get(job_id)
        if running is not None and running.attempt == attempt:
            with contextlib.suppress(pykka.ActorDeadError):
                running.ref.tell(encode_message(answer))

    # --- stopping ----------------------------------------------------------------------------------------------------

    def can_be_killed(self, job_id: UUID, kill: Callable[[], None]) -> None:
        """The job's guest is there, and ``kill`` stops it from any thread."""
        running = self._running.get(job_id)
        if running is not None:
            running.kill = kill

    def kill(self, job_id: UUID, message: KillJob, attempt: int | None = None) -> None:
        """Stop the job's guest wherever it is; ``attempt`` names one, None whichever runs."""
        running = self._running.get(job_id)
        if running is None or attempt not in (None, running.attempt):
            return
        self.tell(job_id, message)  # first the reason, then the end
        if running.kill is not None:
            running.kill()

    def stop_guest(self, job_id: UUID, attempt: int) -> None:
        """Stop the guest of this attempt, if it runs; a host call that has begun ends first."""
        running = self._running.get(job_id)
        if running is not None and running.attempt == attempt and running.kill is not None:
            running.kill()

    def wait_ended(self, job_ids: Sequence[UUID], timeout: float) -> bool:
        """Wait until none of these jobs has an actor; False if that takes longer than ``timeout`` seconds."""
        with self._ended:
            return self._ended.wait_for(lambda: not any(job_id in self._running for job_id in job_ids), timeout)

    def wait_none(self, timeout: float) -> bool:
        """Wait until no job has one; False if that takes longer than ``timeout`` seconds."""
        with self._ended:
            return self._ended.wait_for(lambda: not self._running, timeout)
