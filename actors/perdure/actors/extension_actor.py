"""The actor of one loaded extension: it admits its jobs, within its own and the runtime's number of slots."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from perdure.actors.errors import ExtensionBusy
from perdure.actors.job_queue import JobQueue
from perdure.actors.mailbox import MailboxActor
from perdure.actors.messages import (
    Admit,
    AdmitAll,
    AnyMessage,
    Forget,
    JobEnded,
    LoadExtension,
    SlotFree,
    StopAdmitting,
    UnloadExtension,
)
from perdure.store.events import ExtensionLoaded, ExtensionUnloaded, JobType, extension_stream

if TYPE_CHECKING:
    from perdure.actors.system import ActorSystem

logger = logging.getLogger(__name__)


class ExtensionCode(Protocol):
    """What a loaded extension's module can do outside of its jobs."""

    @property
    def concurrent_jobs(self) -> int:
        """How many of its jobs may run at once."""

    def initialise(self) -> tuple[JobType, ...]:
        """Run its initialisation and say which job types it offers.

        Raises:
            Exception: the module is refused; the caller of the load gets the error.
        """

    def cleanup(self) -> None:
        """Run its clean-up; a failure is logged, it stops nothing."""


class ExtensionActor(MailboxActor):
    """Queue and slots of one extension. What waits here is only in memory: the log has it as queued jobs."""

    def __init__(self, system: ActorSystem, extension: str) -> None:
        super().__init__(f"extension:{extension}", lambda reason: system.actor_died(f"extension:{extension}", reason))
        self.extension = extension
        self._system = system
        self._code: ExtensionCode | None = None
        self._waiting = JobQueue()
        self._running: dict[UUID, str] = {}  # with their kinds
        self._limits: Mapping[str, int] = {}  # of how many of a kind may run; other kinds are told apart by nobody
        self._again: set[UUID] = set()  # asked for once more while their last attempt was still ending
        self._admitting = True

    def on_message(self, message: AnyMessage) -> object:
        """See the messages."""
        if isinstance(message, Admit):
            self._admit(message.job_id)
        elif isinstance(message, AdmitAll):
            for job_id in message.job_ids:
                self._admit(job_id)
        elif isinstance(message, Forget):
            self._again.discard(message.job_id)
            self._waiting.discard(message.job_id)
        elif isinstance(message, JobEnded):
            self._ended(message.job_id)
        elif isinstance(message, LoadExtension):
            return self._load(message)
        elif isinstance(message, UnloadExtension):
            self._unload(message)
            return None
        elif isinstance(message, StopAdmitting):
            self._admitting = False
            self._pump()
            return tuple(self._running)
        elif not isinstance(message, SlotFree):
            raise TypeError(f"{self.name} got {type(message).__name__}")
        self._pump()
        return None

    # --- jobs --------------------------------------------------------------------------------------------------------

    def _admit(self, job_id: UUID) -> None:
        if job_id in self._running:
            # Whoever retries or resumes it has seen its end in the log, which is there before `JobEnded` is here.
            self._again.add(job_id)
        else:
            self._waiting.add(job_id, self._kind_of(job_id))

    def _ended(self, job_id: UUID) -> None:
        self._running.pop(job_id, None)
        if job_id in self._again:
            self._again.discard(job_id)
            self._admit(job_id)

    def _pump(self) -> None:
        """Start what may be started."""
        self._learn_limits()
        with self._system.replay_gate.held():
            self._start_next()
        self._start_awaited()
        # What this extension does not take is for the next in line.
        self._system.offer_slot()

    def _start_next(self) -> None:
        """Start those that wait, as long as there are slots for them."""
        while (job_id := self._next_job()) is not None:
            if not self._system.slots.try_acquire(self.extension):
                return
            self._waiting.discard(job_id)
            # False: it was paused or cancelled meanwhile, or it could not be started and the supervisor knows.
            if self._system.start_job(job_id):
                self._running[job_id] = self._kind_of(job_id)
            else:
                self._system.slots.release(self.extension)
        self._system.slots.leave(self.extension)

    def _next_job(self) -> UUID | None:
        """The first that waits and may run now."""
        limit = self._code.concurrent_jobs if self._code is not None else 0
        if not self._admitting or not len(self._waiting) or len(self._running) >= limit:
            return None
        running = Counter(self._running.values()) if self._limits else {}
        return self._waiting.first(lambda kind: running.get(kind, 0) < self._limits.get(kind, limit))

    def _start_awaited(self) -> None:
        """Start what running jobs wait for, in their place: they do nothing while they wait."""
        for job_id in self._system.waits.lent():
            if job_id not in self._waiting or not self._admitting or self._code is None:
                continue
            at_work = [kind for other, kind in self._running.items() if not self._system.waits.is_waiting(other)]
            kind, limit = self._kind_of(job_id), self._code.concurrent_jobs
            if len(at_work) < limit and at_work.count(kind) < self._limits.get(kind, limit):
                self._waiting.discard(job_id)
                if self._system.start_job(job_id, has_slot=False):
                    self._running[job_id] = kind

    def _learn_limits(self) -> None:
        """A grant may have changed them."""
        limits = self._system.budgets.concurrent_jobs(self.extension)
        if limits != self._limits:
            self._limits = limits
            self._waiting.sort(self._kind_of)
            self._running = {job_id: self._kind_of(job_id) for job_id in self._running}

    def _kind_of(self, job_id: UUID) -> str:
        """The job's type, if that is limited."""
        if not self._limits:
            return ""
        job_type = self._system.store.job(job_id).job_type
        return job_type if job_type in self._limits else ""

    # --- loading -----------------------------------------------------------------------------------------------------

    def _load(self, message: LoadExtension) -> tuple[JobType, ...]:
        code = self._system.extension_code(self.extension)
        job_types = code.initialise()
        loaded = ExtensionLoaded(message.version, message.module, job_types)
        self._system.append(extension_stream(self.extension), [loaded])
        # Only now: a module that is refused leaves the one that was loaded before in its place.
        self._code = code
        self._admitting = True
        self._system.slots.join(self.extension)
        # An actor that takes another's place takes over the jobs that still run; none of them is its own invention.
        for job_id in self._system.jobs.of(self.extension):
            self._running.setdefault(job_id, self._kind_of(job_id))
            if job_id in self._waiting:
                self._waiting.discard(job_id)
                self._again.add(job_id)
        self._pump()
        return job_types

    def _unload(self, message: UnloadExtension) -> None:
        # Not `self._running`: the last job's `JobEnded` may still be behind this message.
        running = self._system.jobs.of(self.extension)
        if running:
            raise ExtensionBusy(self.extension, tuple(running))
        self._admitting = False
        self._system.slots.part(self.extension)
        self._pump()
        code, self._code = self._code, None
        if code is not None:
            code.cleanup()
        if message.record:
            self._system.append(extension_stream(self.extension), [ExtensionUnloaded()])
