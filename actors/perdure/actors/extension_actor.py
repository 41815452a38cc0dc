"""The actor of one loaded extension: it admits its jobs, within its own and the runtime's number of slots."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from perdure.actors.errors import ExtensionBusy
from perdure.actors.mailbox import MailboxActor
from perdure.actors.messages import (
    Admit,
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
        self._waiting: deque[UUID] = deque()
        self._running: set[UUID] = set()
        self._admitting = True

    def on_message(self, message: AnyMessage) -> object:
        """See the messages."""
        if isinstance(message, Admit):
            if message.job_id not in self._running and message.job_id not in self._waiting:
                self._waiting.append(message.job_id)
        elif isinstance(message, Forget):
            if message.job_id in self._waiting:
                self._waiting.remove(message.job_id)
        elif isinstance(message, JobEnded):
            self._running.discard(message.job_id)
        elif isinstance(message, LoadExtension):
            return self._load(message)
        elif isinstance(message, UnloadExtension):
            self._unload(message)
            return None
        elif isinstance(message, StopAdmitting):
            self._admitting = False
            return tuple(self._running)
        elif not isinstance(message, SlotFree):
            raise TypeError(f"{self.name} got {type(message).__name__}")
        self._pump()
        return None

    # --- jobs --------------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Start what may be started."""
        limit = self._code.concurrent_jobs if self._code is not None else 0
        while self._admitting and self._waiting and len(self._running) < limit:
            if not self._system.slots.try_acquire(self.extension):
                return
            job_id = self._waiting.popleft()
            self._running.add(job_id)
            if not self._system.start_job(job_id):
                # It was paused or cancelled meanwhile.
                self._running.discard(job_id)
                self._system.slot_released()

    # --- loading -----------------------------------------------------------------------------------------------------

    def _load(self, message: LoadExtension) -> tuple[JobType, ...]:
        code = self._system.extension_code(self.extension)
        job_types = code.initialise()
        loaded = ExtensionLoaded(message.version, message.module, job_types)
        self._system.append(extension_stream(self.extension), [loaded])
        # Only now: a module that is refused leaves the one that was loaded before in its place.
        self._code = code
        self._admitting = True
        # An actor that takes another's place takes over the jobs that still run; none of them is its own invention.
        self._running.update(self._system.running_of(self.extension))
        self._pump()
        return job_types

    def _unload(self, message: UnloadExtension) -> None:
        # Not `self._running`: the last job's `JobEnded` may still be behind this message.
        running = self._system.running_of(self.extension)
        if running:
            raise ExtensionBusy(self.extension, tuple(running))
        self._admitting = False
        code, self._code = self._code, None
        if code is not None:
            code.cleanup()
        if message.record:
            self._system.append(extension_stream(self.extension), [ExtensionUnloaded()])
