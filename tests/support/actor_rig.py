"""An actor system with extensions in Python, over a store that a test can break, with time that a test moves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Self
from uuid import UUID

from pykka.messages import ProxyGetAttr
from tests.support.job_events import LIBRARY, MODULE, MODULE_BYTES, put_module
from tests.support.manual_clock import ManualClock
from tests.support.python_guest import Body, PythonExtension, PythonGuests, PythonOperations
from tests.support.store_wrapper import StoreWrapper
from tests.support.waiting import TIMEOUT, wait_for_log

from perdure.actors import (
    ActorHooks,
    ActorSystem,
    GuestFactory,
    Operations,
    RestartLimit,
    SystemSettings,
)
from perdure.actors.mailbox import Address
from perdure.actors.messages import Admit, Control
from perdure.actors.recovery import admit_recovered, recover
from perdure.actors.requeueing import ReplayLimit
from perdure.store import EventStore, JobState, MemoryEventStore, Status
from perdure.store.events import (
    AnyEvent,
    ExtensionInstalled,
    Inline,
    JobDispatched,
    JobLimits,
    Payload,
    RetryPolicy,
    extension_stream,
    job_stream,
    tag_of,
)
from perdure.store.ids import uuid7

ACME = "acme"


class Rig:
    """One process's worth of actors. ``guests`` is a factory, or the body of all guests.

    A rig made with ``predecessor`` is the next process on the same log: it recovers what the other left.
    """

    def __init__(
        self,
        guests: GuestFactory | None = None,
        *,
        body: Body | None = None,
        inner: EventStore | None = None,
        predecessor: Rig | None = None,
        extensions: Mapping[str, PythonExtension] | None = None,
        operations: Operations | None = None,
        hooks: ActorHooks | None = None,
        running_jobs: int = 64,
        kill_grace: float = 5.0,
        restarts: RestartLimit | None = None,
        replay_limit: ReplayLimit | None = None,
        switch_interval: float | None = None,
        one_processor: bool = True,
    ) -> None:
        self.clock: ManualClock = predecessor.clock if predecessor is not None else ManualClock()
        inner = inner or (predecessor.store.inner if predecessor is not None else MemoryEventStore(self.clock.now))
        put_module(inner)
        self.store: StoreWrapper = StoreWrapper(inner)
        self.extensions = dict(extensions or {ACME: PythonExtension()})
        self.ended: list[UUID] = []
        self.system = ActorSystem(
            self.store,
            guests or PythonGuests(body),
            lambda extension: self.extensions[extension],
            operations or PythonOperations(),
            hooks=hooks or ActorHooks(),
            clock=self.clock,
            settings=SystemSettings(
                running_jobs=running_jobs,
                workers=2,
                kill_grace=kill_grace,
                restarts=restarts or RestartLimit(),
                replay_limit=replay_limit or ReplayLimit(),
                switch_interval=switch_interval,
                one_processor=one_processor,
            ),
            ended=lambda state: self.ended.append(state.job_id),
        )
        states = recover(self.system) if predecessor is not None else []
        for extension in self.extensions:
            if self.store.head(extension_stream(extension)) is None:
                installed = ExtensionInstalled(extension, "1", b"{}", MODULE, len(MODULE_BYTES))
                self.system.append(extension_stream(extension), [installed])
            self.load(extension)
        admit_recovered(self.system, states)

    # --- jobs --------------------------------------------------------------------------------------------------------

    def load(self, extension: str = ACME) -> None:
        self.system.load(extension, "1", MODULE, TIMEOUT)

    def dispatch(
        self,
        state: bytes | Payload = b"",
        *,
        extension: str = ACME,
        name: str = "count",
        resumable: bool = True,
        limits: JobLimits | None = None,
        retry: RetryPolicy | None = None,
        admit: bool = True,
    ) -> UUID:
        """Dispatch a job as the runtime does; returns its id."""
        job_id = uuid7(time.time_ns() // 1000)
        dispatched = JobDispatched(
            job_id,
            f"{extension}:{name}",
            extension,
            "1",
            MODULE,
            f"execute_{name}",
            LIBRARY,
            resumable,
            Inline(state) if isinstance(state, bytes) else state,
            limits or JobLimits(),
            retry or RetryPolicy(),
        )
        self.system.append(job_stream(job_id), [dispatched], 0)
        if admit:
            self.admit(job_id, extension)
        return job_id

    def admit(self, job_id: UUID, extension: str = ACME) -> None:
        self.system.extension_address(extension).tell(Admit(job_id))

    def control(self, job_id: UUID, action: str) -> Status:
        status: Status = self.system.supervisor.ask(Control(job_id, action), TIMEOUT)
        return status

    def job(self, job_id: UUID) -> JobState:
        return self.store.job(job_id)

    def status(self, job_id: UUID) -> Status:
        return self.store.job(job_id).status

    def wait(self, job_id: UUID, *statuses: Status) -> JobState:
        """The job as soon as it has one of these statuses."""
        wait_for_log(self.store, lambda: self.status(job_id) in statuses)
        return self.job(job_id)

    def events(self, job_id: UUID) -> list[AnyEvent]:
        return [stored.event for stored in self.store.read(job_stream(job_id))]

    def tags(self, job_id: UUID) -> list[str]:
        return [tag_of(event) for event in self.events(job_id)]

    def over(self, job_id: UUID) -> None:
        """Return when the job's actor is done with it."""
        assert self.system.jobs.wait_ended([job_id], TIMEOUT)

    def idle(self) -> None:
        """Return when no job has an actor and the extensions know it."""
        assert self.system.jobs.wait_ended(self.system.jobs.ids(), TIMEOUT)
        for extension in self.extensions:
            nudge(self.system.extension_address(extension))

    # --- time --------------------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass; returns when the supervisor has done what was due."""
        nudge(self.system.supervisor)  # what it was sent before counts from the time before
        self.clock.advance(seconds)
        # The first makes it look at the clock again, the second is answered after what it then finds due.
        nudge(self.system.supervisor)
        nudge(self.system.supervisor)

    # --- the end -----------------------------------------------------------------------------------------------------

    def crash(self) -> None:
        """End as a killed process ends: nothing reaches the log any more."""
        self.store.cut()
        self.system.shutdown(0.0, "the test is over")

    def shutdown(self, grace: float = TIMEOUT) -> None:
        self.system.shutdown(grace, "the runtime closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.store.fail_with(None)
        self.store.unblock()
        self.crash()


def nudge(address: Address) -> None:
    """Wait until the actor has handled all that it was sent before. Not for the actors of jobs."""
    ref = address.ref
    assert ref is not None, f"{address.name} is gone"
    # Answered by Pykka's loop, not by the actor.
    ref.ask(ProxyGetAttr(attr_path=("actor_urn",)), block=True, timeout=TIMEOUT)
