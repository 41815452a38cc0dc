"""The actor of one running job: one attempt, from its start to its end.

It runs the guest on its own thread and is the guest's host: every host call becomes an event in the job's lane or a
message to the operation router. While the guest runs, its mailbox is read at each host call; that is how pause, cancel
and the answers it waits for reach it. A guest that never calls is stopped from outside (`Guest.kill`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import random
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from perdure.actors.backoff import CONTENTION, backoff_of
from perdure.actors.budgets import PLENTY, Edge, FuelLease
from perdure.actors.effect_keys import EffectKeys
from perdure.actors.errors import LaneBroken, SystemStopped, blame_for
from perdure.actors.guest import Exit, Guest, GuestLoadFailed, GuestResult, GuestSpec, Interrupt, StopGuest
from perdure.actors.hooks import HOST_FUNCTIONS, JobMeter
from perdure.actors.lane import Lane
from perdure.actors.mailbox import MailboxActor
from perdure.actors.messages import (
    AnyMessage,
    BudgetUse,
    CancelJob,
    CancelOperation,
    CommitFailed,
    Committed,
    KillJob,
    OperationCall,
    OperationDone,
    PauseJob,
    RingJob,
    RoomDue,
    Run,
    SuspendJob,
    WakeJob,
    WatchDeadline,
    decode_message,
)
from perdure.actors.operations import failure_answer
from perdure.store.blobs import load_payload, store_payload
from perdure.store.errors import StoreError
from perdure.store.event_store import Effects
from perdure.store.events import (
    ActionAnswered,
    BudgetReached,
    BytesCounted,
    CheckpointSaved,
    GuestEvent,
    InterruptAnswered,
    ItemsCounted,
    JobCancelled,
    JobCompleted,
    JobDispatched,
    JobError,
    JobEvent,
    JobFailed,
    JobPaused,
    JobStarted,
    JobSuspended,
    JsonObject,
    LimitUse,
    LogWritten,
    OperationAnswered,
    ProgressReported,
    Recorded,
    RetryScheduled,
    WarningAdded,
    encode,
    job_stream,
)
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

if TYPE_CHECKING:
    from perdure.actors.system import ActorSystem

logger = logging.getLogger(__name__)

_UNFIT: Final = "the operation failed on the host: its changes are none that can be stored"
_STALLED: Final = 0.5  # seconds between tries to record an end while the store refuses commits
_STOPPED: Final = "stopped"  # what killed an attempt whose actor was told to stop by Pykka
_STATUS: Final = {JobCompleted: Status.COMPLETED, JobFailed: Status.FAILED, JobCancelled: Status.CANCELLED}
_NUMBER: Final = {name: number for number, name in enumerate(HOST_FUNCTIONS)}
_LOG, _PROGRESS, _CHECKPOINT, _INTERRUPT, _WARNING, _ITEMS, _BYTES, _CALL = (_NUMBER[name] for name in HOST_FUNCTIONS)


class JobActor(MailboxActor):
    """One attempt of one job. It is the `GuestHost` of its guest.

    Args:
        system: the actors around it.
        state: the job as it is queued.
        cause: why it is queued, for the metrics: ``dispatch`` or that of the last `JobResumed`.
    """

    def __init__(self, system: ActorSystem, state: JobState, cause: str) -> None:
        super().__init__(f"job:{state.job_id}", self._on_death)
        self.job_id: UUID = state.job_id
        self._system = system
        self._state = state
        self._cause = cause
        self._attempt = state.attempts + 1
        self._meter = JobMeter(state.extension, state.job_type)
        self._lane: Lane = system.open_lane(job_stream(state.job_id), self.actor_ref)
        self._guest: Guest | None = None
        self._call = 0
        self._wanted: PauseJob | SuspendJob | CancelJob | None = None
        self._killed: str | None = None
        self._failure: JobError | None = None
        self._lost: str | None = None  # why nothing more of this attempt can be recorded
        self._blame = "host"  # whose fault that is
        self._answers: dict[int, Committed | CommitFailed] = {}
        self._operation: OperationDone | None = None
        self._effects = EffectKeys(state.job_id, state.checkpoint.sequence if state.checkpoint is not None else 0)
        self._open_call: int | None = None
        self._suspension: BudgetUse | None = None
        self._library: UUID = state.library_id
        self._budgets = system.budgets.attempt(state.extension, state.job_type)
        self._fuel_left = PLENTY  # what the attempt may consume for the job's limit
        self._fuel_end = PLENTY  # what it may for its lease
        self._fuel_renew = PLENTY
        self._events_left = 0
        self._rate: int | None = None
        self._rate_left = 0
        self._rate_since = 0.0
        self._rings = 0
        self._rung = 0
        self._stops: list[Any] = []

    # --- the attempt -------------------------------------------------------------------------------------------------

    def on_message(self, message: AnyMessage) -> object:
        """Run the attempt, or note what has come."""
        if isinstance(message, Run):
            self._run()
        else:
            self._note(message)
        return None

    def _run(self) -> None:
        try:
            self._attempt_once()
        except (LaneBroken, StoreError, SystemStopped) as error:
            if self._lost is None:
                self._lost, self._blame = str(error), blame_for(error)
        finally:
            # Also when a defect of the host ends this: the sandbox is freed, and the actor is not run again.
            self._system.job_over(self.job_id, self.actor_ref)
            for envelope in self._stops:
                self.actor_inbox.put(envelope)  # Pykka answers whoever waits for them
            if self._guest is not None:
                self._guest.close()
            self._budgets.close(self._meter.fuel)
        if self._lost is not None:
            self._system.job_died(self.job_id, self._lost, self._blame)
        self.stop()

    def _attempt_once(self) -> None:
        dispatched = self._dispatched()
        self._limits = dispatched.limits
        lease = self._budgets.fuel(0)  # before the start, so that both are on disk before the guest runs
        started = self._lane.post_durable(encode(JobStarted(self._attempt, os.getpid())))
        hooks = self._system.hooks
        result: GuestResult | None = None
        try:
            # The sandbox is made while the start is being synced; the guest runs only after it is on disk.
            self._guest = self._make_guest(dispatched)
        except GuestLoadFailed as failure:
            result = GuestResult(Exit.FAILED, 0, 0, failure.error)
        answer = self._await_commit(started)
        if isinstance(answer, CommitFailed):
            self._not_started(answer)
            return
        hooks.attempt_started(self._meter, self._cause)
        try:
            if self._guest is not None:
                self._rate = self._limits.events_per_second
                self._rate_left = self._rate or 0
                self._rate_since = self._system.clock.monotonic()
                if dispatched.limits.wall_clock_ms is not None:
                    watch = WatchDeadline(self.job_id, self._attempt, dispatched.limits.wall_clock_ms)
                    self._system.supervisor.tell(watch)
                state = self._input(dispatched)
                self._borrow_fuel(0, lease)
                self._read_mail()
                # While it was made there was nothing that `kill_job` could have stopped.
                result = GuestResult(Exit.STOPPED, 0) if self._killed else self._guest.run(self, state)
                self._meter.fuel = result.fuel
                # A guest that never called the host has not been told what it was stopped for; neither has this.
                self._read_mail()
        except StopGuest:
            result = GuestResult(Exit.STOPPED, 0)  # there was no fuel to begin with
        finally:
            hooks.attempt_ended(self._meter)
        if self._lost is None and result is not None:
            self._record_end(self._ending(result))

    def _not_started(self, answer: CommitFailed) -> None:
        """The log did not take the attempt's start: it was refused, the disk is full, or the log writer died."""
        if answer.refused:
            state = self._system.store.job(self.job_id)
            if state.status is not Status.RUNNING and state.sequence != self._state.sequence:
                # Somebody paused or cancelled the job just before it began, and may have resumed it since. The log is
                # right, and whoever queued it again has admitted it again.
                return
            self._lost = answer.reason
        else:
            self._lost, self._blame = answer.reason, "store"

    def _dispatched(self) -> JobDispatched:
        for stored in self._system.store.read(job_stream(self.job_id), until=1):
            if isinstance(stored.event, JobDispatched):
                return stored.event
        raise StoreError(f"job {self.job_id} has no dispatch in the log")

    def _make_guest(self, dispatched: JobDispatched) -> Guest:
        limits = dispatched.limits
        fuel = None if limits.fuel is None else max(0, limits.fuel - self._state.fuel)
        if fuel is not None:
            self._fuel_left = fuel
        guest = self._system.guests(
            GuestSpec(
                job_id=self.job_id,
                library_id=dispatched.library_id,
                extension=dispatched.extension,
                module=dispatched.module,
                export=dispatched.export,
                fuel=fuel,
                memory_bytes=limits.memory_bytes,
                stack_bytes=limits.stack_bytes,
                payload_bytes=limits.payload_bytes,
                checkpoint_bytes=limits.checkpoint_bytes,
            )
        )
        self._system.job_can_be_killed(self.job_id, guest.kill)
        return guest

    def _input(self, dispatched: JobDispatched) -> bytes:
        checkpoint = self._state.checkpoint
        if checkpoint is None:
            return load_payload(self._system.store.blobs, dispatched.state)
        sequence = checkpoint.sequence
        for stored in self._system.store.read(job_stream(self.job_id), after=sequence - 1, until=sequence):
            if isinstance(stored.event, CheckpointSaved):
                return load_payload(self._system.store.blobs, stored.event.state)
        raise StoreError(f"job {self.job_id} has no checkpoint at sequence {sequence}")

    # --- how it ends -------------------------------------------------------------------------------------------------

    def _ending(self, result: GuestResult) -> JobEvent:
        fuel = result.fuel
        if self._failure is not None:
            return self._failed(self._failure, fuel)
        if result.exit is Exit.COMPLETED:
            return JobCompleted(fuel)
        if self._killed == "timeout":
            limit = self._limits.wall_clock_ms or 0
            use = LimitUse("wall_clock_ms", limit, limit, "ms")
            return self._failed(JobError("timeout", f"the attempt ran longer than {limit} ms", limit=use), fuel)
        forced = result.exit is Exit.STOPPED
        if self._suspension is not None and self._wanted is None:
            return _suspended(self._suspension, forced=forced, fuel=fuel)
        if isinstance(self._wanted, CancelJob):
            return JobCancelled(forced, fuel)
        if result.exit is Exit.FAILED:
            error = result.error or JobError("guest_failed", "the guest reported a failure")
            if self._fuel_end < self._fuel_left and "out_of_fuel" in (error.kind, error.data.get("cause")):
                return self._out_of_fuel(fuel)
            return self._failed(self._as_job_limit(error, fuel), fuel)
        if isinstance(self._wanted, SuspendJob):
            return JobSuspended(self._wanted.reason, forced, fuel)
        if self._killed == _STOPPED and self._wanted is None:
            return JobSuspended("its actor was stopped", forced, fuel)
        return JobPaused(forced, fuel)

    def _as_job_limit(self, error: JobError, fuel: int) -> JobError:
        """The guest counts an attempt's fuel; the limit is the job's."""
        if error.limit is None or error.limit.limit != "fuel":
            return error
        limit = self._limits.fuel or 0
        used = LimitUse("fuel", limit, self._state.fuel + fuel, error.limit.unit)
        return msgspec.structs.replace(error, message=f"the job used {used.used} of {limit} units of fuel", limit=used)

    def _out_of_fuel(self, fuel: int) -> JobEvent:
        """Between two host calls the guest used up what it had borrowed, so it is too late to wait."""
        use = self._budgets.out_of_fuel(fuel).use
        if use.response == "wait":
            use = msgspec.structs.replace(use, response="suspend", retry_after_ms=max(1, use.retry_after_ms))
        self._say_reached(self._call, fuel, use)
        if use.response == "suspend":
            self._suspension = use
            return _suspended(use, forced=True, fuel=fuel)
        return self._failed(_fuel_refused(use), fuel)

    def _failed(self, error: JobError, fuel: int) -> JobEvent:
        self._system.hooks.attempt_failed(self._state.extension, self._state.job_type, error.kind)
        failures = self._state.failures + 1
        if failures >= self._state.retry.attempts:
            return JobFailed(error, fuel)
        # Jitter needs no secrecy.
        delay = backoff_of(self._state.retry).delay_ms(failures, random.random())  # noqa: S311
        return RetryScheduled(error, delay, fuel)

    def _record_end(self, event: JobEvent) -> None:
        while True:
            answer = self._await_commit(self._lane.post_durable(encode(event)))
            if isinstance(answer, Committed):
                break
            if answer.refused:
                raise LaneBroken(job_stream(self.job_id), answer.reason)
            # The disk is full, or worse. The end is known, so it is kept and tried again until there is room, or the
            # runtime closes: then the next one runs the job on from its last checkpoint.
            logger.error("the end of job %s cannot be recorded yet: %s", self.job_id, answer.reason)
            if self._system.closing:
                raise LaneBroken(job_stream(self.job_id), answer.reason)
            self._wait_for_mail(_STALLED)
        status = _STATUS.get(type(event))
        if status is not None:
            self._system.count_end(self._state, status)
        elif not self._system.closing:
            # Also after a pause: a cancel that was acknowledged while this end was on its way has yet to be met.
            delay = event.delay_ms if isinstance(event, RetryScheduled) else 0
            if isinstance(event, JobSuspended) and self._suspension is not None:
                delay = max(1, self._suspension.retry_after_ms)  # 0 would let it stay suspended
            self._system.supervisor.tell(WakeJob(self.job_id, delay, self._attempt))

    def _on_death(self, reason: str) -> None:
        """A defect of the host ended this actor; the supervisor decides what becomes of the job."""
        self._system.job_over(self.job_id, self.actor_ref)
        self._system.job_died(self.job_id, reason, "host")

    # --- the mailbox -------------------------------------------------------------------------------------------------

    def _note(self, message: AnyMessage) -> None:
        if isinstance(message, Committed | CommitFailed):
            self._answers[message.token] = message
        elif isinstance(message, OperationDone):
            self._operation = message
        elif isinstance(message, RoomDue):
            self._rung = message.token
        elif isinstance(message, PauseJob | SuspendJob | CancelJob):
            # A cancel stands whatever comes after it; a shutdown must not turn a person's pause into its own.
            if self._wanted is None or isinstance(message, CancelJob):
                self._wanted = message
            # Before a pause a call that has begun may end.
            self._cancel_operation(held=not isinstance(self._wanted, CancelJob))
        elif isinstance(message, KillJob):
            self._killed = self._killed or message.cause
            self._cancel_operation(held=False)

    def _wait_for_mail(self, timeout: float | None = None) -> object | None:
        try:
            envelope = self.actor_inbox.get(timeout=timeout)  # type: ignore[call-arg]  # see MailboxActor
        except queue.Empty:
            return None
        if isinstance(envelope.message, bytes):
            self._note(decode_message(envelope.message))
        else:
            self._killed = self._killed or _STOPPED  # Pykka's own stop message
            self._stops.append(envelope)
        return envelope

    def _read_mail(self) -> None:
        while not self.actor_inbox.empty():
            self._wait_for_mail()

    def _await_commit(self, token: int) -> Committed | CommitFailed:
        while (answer := self._answers.pop(token, None)) is None:
            self._wait_for_mail()
        return answer

    # --- what the guest may ask (`GuestHost`) ------------------------------------------------------------------------

    def _enter(self, function: int, fuel: int) -> int:
        """What every host call begins with; returns the call's number in the attempt."""
        if not self.actor_inbox.empty():
            self._read_mail()
        if self._killed is not None:
            raise StopGuest
        meter = self._meter
        meter.calls[function] += 1
        meter.fuel = fuel
        self._call += 1
        if fuel >= self._fuel_renew:
            self._borrow_fuel(fuel, self._budgets.fuel(fuel))
        return self._call

    def _state_fact(self, event: GuestEvent) -> None:
        """Lay down a buffered event."""
        if self._events_left <= 0:
            self._borrow_events(event.fuel)
        self._events_left -= 1
        self._lay_down(event)

    def _lay_down(self, event: GuestEvent) -> None:
        try:
            if self._lane.full:
                # No gap in the log, ever: the guest waits here until there is room for what it did.
                while not self._commit_fact(event):
                    self._wait_for_mail(_STALLED)
                    if self._killed is not None:
                        raise StopGuest
            else:
                self._lane.post(encode(event))
        except (LaneBroken, SystemStopped) as error:
            self._lost = str(error)
            raise StopGuest from None

    def _commit_fact(self, event: GuestEvent) -> bool:
        """Lay down a durable event and wait until it is on disk; False if it could not be stored."""
        return isinstance(self._commit(event), Committed)

    def _commit(self, event: GuestEvent, effects: Effects | None = None) -> Committed | CommitFailed:
        """The same with effects; a refusal that is not only of these ends the attempt."""
        try:
            answer = self._await_commit(self._lane.post_durable(encode(event), effects))
        except (LaneBroken, SystemStopped) as error:
            self._lost = str(error)
            raise StopGuest from None
        if isinstance(answer, CommitFailed) and answer.refused and not (answer.conflict or answer.unfit):
            self._lost = answer.reason
            raise StopGuest
        return answer

    def _check_rate(self, rate: int) -> None:
        """A window's events are used up; the next window may begin only a second after this one did."""
        now = self._system.clock.monotonic()
        if now - self._rate_since < 1.0:
            use = LimitUse("events_per_second", rate, rate + 1, "events/s")
            self._failure = JobError("event_rate", f"more than {rate} events within a second", limit=use)
            raise StopGuest
        self._rate_left, self._rate_since = rate, now

    def log(self, fuel: int, level: int, message: str) -> None:
        """See `GuestHost.log`."""
        self._state_fact(LogWritten(self._enter(_LOG, fuel), fuel, min(max(level, 0), 3), message))

    def report_progress(self, fuel: int, progress: float, message: str) -> None:
        """See `GuestHost.report_progress`."""
        call = self._enter(_PROGRESS, fuel)
        fraction = 0.0 if progress != progress else min(max(progress, 0.0), 1.0)  # noqa: PLR0124  # NaN alone differs
        self._state_fact(ProgressReported(call, fuel, fraction, message))

    def checkpoint(self, fuel: int, state: bytes) -> bool:
        """See `GuestHost.checkpoint`."""
        call = self._enter(_CHECKPOINT, fuel)
        if not self._may_write(fuel, len(state)):
            return False
        try:
            payload = store_payload(self._system.store.blobs, state)
        except StoreError as error:
            logger.error("a checkpoint of job %s could not be stored: %s", self.job_id, error)
            return False
        answer = self._commit(CheckpointSaved(call, fuel, payload))
        if isinstance(answer, Committed):
            self._effects.saved(answer.sequence)
        return isinstance(answer, Committed)

    def check_interrupt(self, fuel: int) -> Interrupt:
        """See `GuestHost.check_interrupt`."""
        call = self._enter(_INTERRUPT, fuel)
        if self._wanted is None:
            return Interrupt.CONTINUE
        answer = Interrupt.CANCEL if isinstance(self._wanted, CancelJob) else Interrupt.PAUSE
        self._state_fact(InterruptAnswered(call, fuel, int(answer)))
        return answer

    def add_warning(self, fuel: int, message: str) -> None:
        """See `GuestHost.add_warning`."""
        self._state_fact(WarningAdded(self._enter(_WARNING, fuel), fuel, message))

    def increment_items(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_items`."""
        self._state_fact(ItemsCounted(self._enter(_ITEMS, fuel), fuel, count))

    def increment_bytes(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_bytes`."""
        self._state_fact(BytesCounted(self._enter(_BYTES, fuel), fuel, count))

    # --- budgets -----------------------------------------------------------------------------------------------------

    def _borrow_fuel(self, fuel: int, lease: FuelLease | Edge) -> None:
        """Take the lease, or do what is to be done without one."""
        waited = 0.0
        while isinstance(lease, Edge):
            if not self._wait_at(lease, fuel, waited):
                self._failure = _fuel_refused(lease.use)
                raise StopGuest
            waited += lease.seconds
            lease = self._budgets.fuel(fuel, waited)
        self._fuel_renew = lease.renew
        if lease.limit != self._fuel_end:
            self._fuel_end = lease.limit
            if self._guest is not None:
                self._guest.allow_fuel(min(lease.limit, self._fuel_left))

    def _borrow_events(self, fuel: int) -> None:
        """The events that were allowed are used up: ask whether there may be more."""
        most = PLENTY
        if self._rate is not None:
            if self._rate_left <= 0:
                self._check_rate(self._rate)
            most = self._rate_left
        waited = 0.0
        while isinstance(lent := self._budgets.events(most, waited), Edge):
            if not self._wait_at(lent, fuel, waited):
                limit = lent.use.limit
                use = LimitUse("events_per_second", limit, limit + 1, "events/s")
                text = f"more than {limit} events within a second, of all jobs that share the budget"
                self._failure = JobError("event_rate", text, limit=use, data=_retry(lent.use))
                raise StopGuest
            waited += lent.seconds
        self._events_left = lent
        self._rate_left -= lent

    def _may_write(self, fuel: int, size: int) -> bool:
        """Whether so many bytes may be written; if so, they are counted."""
        waited = 0.0
        while (edge := self._budgets.bytes(size, waited)) is not None:
            if not self._wait_at(edge, fuel, waited):
                return False
            waited += edge.seconds
        return True

    def _wait_at(self, edge: Edge, fuel: int, waited: float) -> bool:
        """Do what is to be done at the edge: wait and return True, return False for a refusal, or stop the guest."""
        if not waited or edge.use.response != "wait":
            self._say_reached(self._call, fuel, edge.use)
        if edge.use.response == "suspend":
            self._suspension = edge.use
            raise StopGuest
        if edge.use.response != "wait":
            return False
        self._rings += 1
        ring = RingJob(self.job_id, self._attempt, self._rings, max(1, round(edge.seconds * 1_000_000)))
        try:
            self._system.supervisor.tell(ring)
        except SystemStopped as error:
            self._lost = str(error)
            raise StopGuest from None
        while self._rung < self._rings:
            # At a host call it can be stopped at once: there is nothing that a guest that waits could finish first.
            if self._killed is not None or self._wanted is not None:
                raise StopGuest
            self._wait_for_mail()
        return True

    def _say_reached(self, call: int, fuel: int, use: BudgetUse) -> None:
        # Not one of the events that are counted: it may be those that are used up.
        self._lay_down(BudgetReached(call, fuel, use.budget, use.limit, use.retry_after_ms, use.response))
        self._system.hooks.budget_reached(self._state.extension, use.budget, use.response)

    # --- operations --------------------------------------------------------------------------------------------------

    def call(self, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        """See `GuestHost.call`."""
        call = self._enter(_CALL, fuel)
        library = library_id if library_id is not None else self._library
        action = method.startswith("action:")
        message = OperationCall(
            caller="job",
            extension=self._state.extension,
            job_id=self.job_id,
            job_type=self._state.job_type,
            library_id=library,
            call=call,
            method=method,
            payload=payload,
            effect_key=self._effects.next(method, library, payload) if action else "",
            attempt=self._attempt,
        )
        while True:
            done = self._run_operation(message)
            if done.budget is not None:
                self._reached(call, fuel, done.budget)
            recorded = self._record(fuel, message, library_id, done)
            if recorded is not None:
                break
            message = msgspec.structs.replace(message, again=message.again + 1)
            self._stand_back(message.again)
        if recorded.action and not recorded.code:
            # Only then: whoever tries a failed action again means the same effect, and so does a later attempt.
            self._effects.done(method, library, payload)
        return recorded.answer

    def _stand_back(self, times: int) -> None:
        """Let the others go first, for a moment that is drawn."""
        # No secret is drawn.
        if pause := CONTENTION.delay_ms(times, random.random()):  # noqa: S311
            self._wait_for_mail(pause / 1000)
        if self._killed is not None:
            raise StopGuest

    def _run_operation(self, message: OperationCall) -> OperationDone:
        self._operation = None
        try:
            sent = self._system.router.tell(message)
        except SystemStopped as error:
            self._lost = str(error)
            raise StopGuest from None
        if not sent:
            text = "the operation was not run; it may be tried again"
            return OperationDone(message.call, "unavailable", failure_answer("unavailable", text))
        self._open_call = message.call
        if self._wanted is not None:
            self._cancel_operation(held=True)  # a guest that ends its work may call, but not be held
        try:
            while (done := self._operation) is None or done.call != message.call:
                self._wait_for_mail()
                if self._killed is not None:
                    raise StopGuest
        finally:
            self._open_call = None
        self._operation = None
        return done

    def _cancel_operation(self, *, held: bool) -> None:
        """Let the open call come to an end; only if it waits for room in a budget, when it is ``held``."""
        if self._open_call is not None:
            with contextlib.suppress(SystemStopped):
                self._system.router.tell(CancelOperation(self.job_id, self._attempt, self._open_call, held))

    def _reached(self, call: int, fuel: int, use: BudgetUse) -> None:
        """The call came to the edge of a budget."""
        self._lay_down(BudgetReached(call, fuel, use.budget, use.limit, use.retry_after_ms, use.response))
        if use.response == "suspend":
            self._suspension = use
            raise StopGuest

    def _record(
        self, fuel: int, message: OperationCall, library_id: UUID | None, done: OperationDone
    ) -> OperationDone | None:
        """Lay down the answer, and for an action wait until it is on disk; None if its effects met others'.

        What is recorded, and answered, is a failure if the effects are none that the log can take.
        """
        call, method = message.call, message.method
        payload, answer = self._recorded(message, done)
        if not done.action:
            self._state_fact(OperationAnswered(call, fuel, method, library_id, payload, answer, done.code))
            return done
        event = ActionAnswered(
            call, fuel, method, library_id, message.effect_key, payload, answer, done.code, done.writes
        )
        while isinstance(committed := self._commit(event, done.effects), CommitFailed):
            if committed.conflict:
                return None
            if committed.unfit:
                logger.error("the effects of %s cannot be stored: %s", method, committed.reason)
                words = failure_answer("failed", _UNFIT)
                refused = OperationDone(call, "failed", words, action=True, payload=done.payload)
                return self._record(fuel, message, library_id, refused)
            # The disk is full, or worse. What was done is known, so it is kept and tried again until there is room.
            self._stall()
        return done

    def _recorded(self, message: OperationCall, done: OperationDone) -> tuple[Recorded, Recorded]:
        """The call's payload and answer as they go into the log; large ones are in the blob store by then."""
        blobs = self._system.store.blobs
        while True:
            try:
                return (
                    done.payload if done.payload is not None else store_payload(blobs, message.payload),
                    done.recorded_answer if done.recorded_answer is not None else store_payload(blobs, done.answer),
                )
            except StoreError as error:
                if not done.action:
                    # Without a record the answer must not reach the guest: a replay could not give it again.
                    self._lost, self._blame = str(error), blame_for(error)
                    raise StopGuest from None
                logger.error("the outcome of %s of job %s cannot be stored yet: %s", message.method, self.job_id, error)
                self._stall()

    def _stall(self) -> None:
        self._wait_for_mail(_STALLED)
        if self._killed is not None:
            raise StopGuest


def _suspended(use: BudgetUse, *, forced: bool, fuel: int) -> JobSuspended:
    return JobSuspended(f"the budget {use.budget} is used up; there is room in {use.retry_after_ms} ms", forced, fuel)


def _fuel_refused(use: BudgetUse) -> JobError:
    """The job met the edge of an hour's fuel, and may not wait."""
    if use.retry_after_ms:
        text = f"the extension's jobs used up {use.budget}, {use.limit}; there is room in {use.retry_after_ms} ms"
    else:
        text = f"the job used up its share of {use.budget}, {use.limit}, without a call of its host"
    limit = LimitUse(use.budget, use.limit, use.limit, "fuel")
    return JobError("out_of_fuel", text, limit=limit, data=_retry(use))


def _retry(use: BudgetUse) -> JsonObject:
    return {"retry_after_ms": use.retry_after_ms}
