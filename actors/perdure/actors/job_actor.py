"""The actor of one running job: one attempt, from its start to its end.

It runs the guest on its own thread and is behind the guest's host (`perdure.actors.job_host`): every host call becomes
an event in the job's lane or a message to the operation router. While the guest runs, its mailbox is read at each host
call; that is how pause, cancel and the answers it waits for reach it. A guest that never calls is stopped from outside
(`Guest.kill`).
"""

from __future__ import annotations

import logging
import os
import random
from typing import TYPE_CHECKING, Final
from uuid import UUID

from perdure.actors.attempt_end import as_job_limit
from perdure.actors.attempt_journal import STALLED, AttemptJournal
from perdure.actors.attempt_leases import AttemptLeases, fuel_refused
from perdure.actors.attempt_mail import STOPPED, AttemptMail
from perdure.actors.backoff import backoff_of
from perdure.actors.errors import LaneBroken, LockedNow, SystemStopped, blame_for
from perdure.actors.guest import Exit, Guest, GuestHost, GuestLoadFailed, GuestResult, GuestSpec, Interrupt, StopGuest
from perdure.actors.hooks import AttemptRecord, JobMeter
from perdure.actors.job_host import JobHost
from perdure.actors.mailbox import MailboxActor
from perdure.actors.messages import (
    AnyMessage,
    BudgetUse,
    CancelJob,
    CommitFailed,
    Committed,
    Run,
    SuspendJob,
    WakeJob,
    WatchDeadline,
)
from perdure.actors.replay.attempt_replay import AttemptReplay
from perdure.actors.replay.attempt_turn import AttemptTurn
from perdure.actors.replay.job_log import run_calls
from perdure.actors.replay.replay_host import ReplayHost
from perdure.store.blobs import load_payload
from perdure.store.errors import StoreError
from perdure.store.events import (
    CheckpointSaved,
    JobCancelled,
    JobCompleted,
    JobDispatched,
    JobError,
    JobEvent,
    JobFailed,
    JobPaused,
    JobStarted,
    JobSuspended,
    LimitUse,
    RetryScheduled,
    job_stream,
)
from perdure.store.job_state import JobState, origin_of
from perdure.store.lifecycle import Status

if TYPE_CHECKING:
    from perdure.actors.system import ActorSystem

logger = logging.getLogger(__name__)

_STATUS: Final = {JobCompleted: Status.COMPLETED, JobFailed: Status.FAILED, JobCancelled: Status.CANCELLED}


class JobActor(MailboxActor):
    """One attempt of one job.

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
        self._began: tuple[int, int] | None = None  # the sequence of the start, and when it was on disk
        self._end: tuple[int, JobEvent] | None = None  # that of the end, which is on disk
        self._guest: Guest | None = None
        self._mail = AttemptMail(self.actor_inbox)
        self._journal = AttemptJournal(system.open_lane(job_stream(state.job_id), self.actor_ref), self._mail)
        self._budgets = system.budgets.attempt(state.extension, state.job_type)
        self._leases = AttemptLeases(system, self._journal, self._mail, self._budgets, state)
        self._host = JobHost(system, state, self._journal, self._mail, self._leases, self._meter)
        self._turn: AttemptTurn | None = None
        self._replay = self._new_replay() if state.continues else None

    # --- the attempt -------------------------------------------------------------------------------------------------

    def on_message(self, message: AnyMessage) -> object:
        """Run the attempt, or note what has come."""
        if isinstance(message, Run):
            self._run()
        else:
            self._mail.note(message)
        return None

    def _run(self) -> None:
        try:
            self._attempt_once()
        except (LaneBroken, StoreError, SystemStopped) as error:
            if self._journal.lost is None:
                self._journal.lost, self._journal.blame = str(error), blame_for(error)
        finally:
            # Also when a defect of the host ends this: the sandbox is freed, and the actor is not run again.
            if self._turn is not None:
                self._turn.give_back()
            self._system.job_over(self.job_id, self.actor_ref)
            for envelope in self._mail.stops:
                self.actor_inbox.put(envelope)  # Pykka answers whoever waits for them
            if self._guest is not None:
                self._guest.close()
            self._budgets.close(self._meter.fuel)
            if self._replay is not None and not self._replay.is_live:
                self._system.hooks.replayed(self._state.extension, self._replay.answered)
            self._tell_over()
        if self._journal.lost is not None:
            self._system.job_died(self.job_id, self._journal.lost, self._journal.blame)
        self.stop()

    def _attempt_once(self) -> None:
        turn = self._turn
        if turn is not None and not turn.take(self._is_due):
            self._not_begun()
            return
        dispatched = self._dispatched()
        self._limits = dispatched.limits
        lease = self._leases.first_fuel()  # before the start, so that both are on disk before the guest runs
        started = self._journal.commit_soon(JobStarted(self._attempt, os.getpid()))
        hooks = self._system.hooks
        result: GuestResult | None = None
        answer: Committed | CommitFailed | None = None
        if turn is not None:
            # All that stand in line state their starts first, so that few commits have them all.
            turn.give_back()
            answer = self._mail.committed(started)
            turn.take_again()
        try:
            # A sandbox is made while the start is being synced; the guest runs only after it is on disk.
            self._guest = self._make_guest(dispatched)
        except GuestLoadFailed as failure:
            result = GuestResult(Exit.FAILED, 0, 0, failure.error)
        if answer is None:
            answer = self._mail.committed(started)
        if isinstance(answer, CommitFailed):
            self._not_started(answer)
            return
        self._began = answer.sequence, self._system.clock.now()
        hooks.attempt_started(self._meter, self._cause)
        try:
            if self._guest is not None:
                self._lease = lease
                result = self._run_guest(self._guest, dispatched)
        except StopGuest:
            result = GuestResult(Exit.STOPPED, 0)  # there was no fuel to begin with
        finally:
            hooks.attempt_ended(self._meter)
        broken = self._replay.broken if self._replay is not None else None
        if isinstance(broken, LockedNow):
            self._leases.locked = broken
        elif broken is not None:
            self._journal.lost, self._journal.blame = str(broken), blame_for(broken)
        if self._journal.lost is None and result is not None:
            self._record_end(self._ending(result))

    def _run_guest(self, guest: Guest, dispatched: JobDispatched) -> GuestResult:
        """Run it, led by the log first if it takes up a run. Raises `StopGuest` if it cannot even begin."""
        limit, mail, replay, turn = dispatched.limits.wall_clock_ms, self._mail, self._replay, self._turn
        if limit is not None:
            self._system.supervisor.tell(WatchDeadline(self.job_id, self._attempt, limit))
        state = self._input(dispatched)
        if replay is not None:
            replay.begin()
        else:
            self._go_live(0, 0)
        mail.read()
        # While it was made there was nothing that `kill_job` could have stopped.
        host: GuestHost = replay if replay is not None else self._host
        off = mail.killed is not None or (turn is not None and turn.called_off)
        result = GuestResult(Exit.STOPPED, 0) if off else guest.run(host, state)
        if replay is None or replay.is_live:
            self._meter.fuel = max(0, result.fuel - self._host.fuel_before)
        if replay is not None:
            self._note_end(replay, result)
        # A guest that never called the host has not been told what it was stopped for; neither has this.
        mail.read()
        return result

    def _is_due(self) -> bool:
        """Whether the job still waits for this attempt."""
        return self._system.store.job(self.job_id).sequence == self._state.sequence

    def _not_begun(self) -> None:
        """Nothing of the attempt is in the log. If the job is to run, it is told so again when this actor is gone."""
        if not self._system.closing:
            self._system.supervisor.tell(WakeJob(self.job_id, 0, self._state.attempts))

    def _not_started(self, answer: CommitFailed) -> None:
        """The log did not take the attempt's start: it was refused, the disk is full, or the log writer died."""
        if answer.refused:
            state = self._system.store.job(self.job_id)
            if state.status is not Status.RUNNING and state.sequence != self._state.sequence:
                # Somebody paused or cancelled the job just before it began, and may have resumed it since. The log is
                # right, and whoever queued it again has admitted it again.
                return
            self._journal.lost = answer.reason
        else:
            self._journal.lost, self._journal.blame = answer.reason, "store"

    def _new_replay(self) -> ReplayHost:
        """What leads the guest to where the run was broken off."""
        state, system = self._state, self._system
        if state.run is None:
            raise StoreError(f"job {state.job_id} has no run to take up")
        calls = run_calls(system.store, state.job_id, state.run, state.sequence)
        self._turn = AttemptTurn(system.replay_gate, self._mail, self.actor_ref, state.run.calls)
        watch = AttemptReplay(self._host, self._mail, self._turn, self._go_live)
        # Another version of wasmtime may count fuel in another way, and is no reason to give a job up.
        return ReplayHost(calls, system.operations.opened, watch, exact=False, after=state.run.calls)

    def _go_live(self, calls: int, fuel: int) -> None:
        """What the guest does from here on is new: it is counted, and charged."""
        before = max(fuel, self._fuel_before)  # where it was stopped between two calls, it had done more than that
        self._host.fuel_before = before
        self._leases.begin(self._lease, self._limits.events_per_second, calls, fuel, before)
        if self._replay is not None:
            self._system.hooks.replayed(self._state.extension, self._replay.answered)

    @property
    def _fuel_before(self) -> int:
        """What the run is known to have consumed before this attempt."""
        return self._state.fuel - self._state.attempt_base if self._state.continues else 0

    def _note_end(self, replay: ReplayHost, result: GuestResult) -> None:
        """Tell the replay that the guest ended, if it did so by itself."""
        error = result.error
        if result.exit is not Exit.STOPPED and (error is None or error.blame != "host"):
            replay.ended(result.exit.value if error is None else f"{result.exit.value}: {error.kind}")

    def _dispatched(self) -> JobDispatched:
        for stored in self._system.store.read(job_stream(self.job_id), until=1):
            if isinstance(stored.event, JobDispatched):
                return stored.event
        raise StoreError(f"job {self.job_id} has no dispatch in the log")

    def _make_guest(self, dispatched: JobDispatched) -> Guest:
        limits = dispatched.limits
        state = self._state
        before = state.attempt_base if state.continues else state.fuel
        fuel = None if limits.fuel is None else max(0, limits.fuel - before)
        if fuel is not None:
            self._leases.fuel_left = fuel
        guest = self._system.guests(
            GuestSpec(
                job_id=state.guest_id if state.continues else self.job_id,
                library_id=dispatched.library_id,
                extension=dispatched.extension,
                module=state.module,
                export=state.export,
                fuel=fuel,
                memory_bytes=limits.memory_bytes,
                stack_bytes=limits.stack_bytes,
                payload_bytes=limits.payload_bytes,
                checkpoint_bytes=limits.checkpoint_bytes,
            )
        )
        self._leases.guest = guest
        self._system.jobs.can_be_killed(self.job_id, guest.kill)
        return guest

    def _input(self, dispatched: JobDispatched) -> bytes:
        sequence = origin_of(self._state)
        if not sequence:
            return load_payload(self._system.store.blobs, dispatched.state)
        for stored in self._system.store.read(job_stream(self.job_id), after=sequence - 1, until=sequence):
            if isinstance(stored.event, CheckpointSaved):
                return load_payload(self._system.store.blobs, stored.event.state)
        raise StoreError(f"job {self.job_id} has no checkpoint at sequence {sequence}")

    # --- how it ends -------------------------------------------------------------------------------------------------

    def _ending(self, result: GuestResult) -> JobEvent:
        mail, leases = self._mail, self._leases
        # A guest that was stopped while it was led has not undone what it had done before.
        led = self._replay is not None and not self._replay.is_live
        fuel = max(result.fuel, self._fuel_before) if led or result.exit is Exit.STOPPED else result.fuel
        not_taken_up = self._not_taken_up(fuel)
        if not_taken_up is not None:
            return not_taken_up
        if leases.failure is not None:
            # An action that was done, and whose answer is lost: the next attempt would come to it too.
            lost = leases.failure.kind == "unreplayable"
            return self._given_up(leases.failure, fuel) if lost else self._failed(leases.failure, fuel)
        if result.exit is Exit.COMPLETED:
            return JobCompleted(fuel)
        if mail.killed == "timeout":
            limit = self._limits.wall_clock_ms or 0
            use = LimitUse("wall_clock_ms", limit, limit, "ms")
            return self._failed(JobError("timeout", f"the attempt ran longer than {limit} ms", limit=use), fuel)
        forced = result.exit is Exit.STOPPED
        held_up = self._held_up(forced=forced, fuel=fuel)
        if held_up is not None and mail.wanted is None:
            return held_up
        if isinstance(mail.wanted, CancelJob):
            return JobCancelled(forced, fuel)
        if result.exit is Exit.FAILED:
            error = result.error or JobError("guest_failed", "the guest reported a failure")
            if leases.fuel_end < leases.fuel_left and "out_of_fuel" in (error.kind, error.data.get("cause")):
                return self._out_of_fuel(fuel)
            return self._failed(self._as_job_limit(error, fuel), fuel)
        if isinstance(mail.wanted, SuspendJob):
            return JobSuspended(mail.wanted.reason, forced, fuel)
        if mail.killed == STOPPED and mail.wanted is None:
            return JobSuspended("its actor was stopped", forced, fuel)
        if mail.moving is not None and forced:
            return JobSuspended(f"it moves to version {mail.moving.version}", forced, fuel)
        if self._was_told_before:
            return JobSuspended("it was to pause before the run was broken off", forced, fuel)
        return JobPaused(forced, fuel)

    def _held_up(self, *, forced: bool, fuel: int) -> JobSuspended | None:
        """The end of an attempt that can only go on later, if that is so."""
        if self._leases.suspension is not None:
            return _suspended(self._leases.suspension, forced=forced, fuel=fuel)
        if self._leases.locked is not None:
            # Nothing failed, and nobody can say when: it is taken up when the lock is opened, or by the next process.
            return JobSuspended(str(self._leases.locked), forced=True, fuel=fuel)
        return None

    @property
    def _has_diverged(self) -> bool:
        return self._replay is not None and self._replay.divergence is not None

    @property
    def _was_told_before(self) -> bool:
        """Whether the guest paused only because the log said so: whoever wanted that has let the job go on since."""
        told = self._replay is not None and self._replay.told is not Interrupt.CONTINUE
        return told and self._mail.wanted is None

    def _not_taken_up(self, fuel: int) -> JobEvent | None:
        """The end of an attempt whose guest could not be led to where the run was broken off, if that is so."""
        replay, run = self._replay, self._state.run
        if replay is None:
            return None
        if replay.unreadable is not None:
            text = f"the run cannot be taken up: {replay.unreadable}"
            return self._given_up(JobError("unreplayable", text, blame="host"), fuel)
        if replay.divergence is None:
            return None
        if run is not None and run.calls:
            # Started from a checkpoint a guest may do other things than when it went on from there: a new run begins.
            return JobSuspended("it began otherwise from its checkpoint: " + replay.divergence.message, False, 0)
        return self._given_up(replay.divergence.as_error(), fuel)

    def _as_job_limit(self, error: JobError, fuel: int) -> JobError:
        """The guest counts an attempt's fuel; the limit is the job's."""
        before = self._state.attempt_base if self._state.continues else self._state.fuel
        return as_job_limit(error, self._limits.fuel, before + fuel)

    def _out_of_fuel(self, fuel: int) -> JobEvent:
        """Between two host calls the guest used up what it had borrowed."""
        use = self._leases.ran_out(self._host.calls, fuel)
        if use.response == "suspend":
            return _suspended(use, forced=True, fuel=fuel)
        return self._failed(fuel_refused(use), fuel)

    def _given_up(self, error: JobError, fuel: int) -> JobEvent:
        """The run cannot be taken up, now or later: trying again would end in the same."""
        self._system.hooks.attempt_failed(self._state.extension, self._state.job_type, error.kind)
        return JobFailed(error, fuel)

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
            answer = self._mail.committed(self._journal.commit_soon(event))
            if isinstance(answer, Committed):
                self._end = answer.sequence, event
                break
            if answer.refused:
                raise LaneBroken(job_stream(self.job_id), answer.reason)
            # The disk is full, or worse. The end is known, so it is kept and tried again until there is room, or the
            # runtime closes: then the next one runs the job on from its last checkpoint.
            logger.error("the end of job %s cannot be recorded yet: %s", self.job_id, answer.reason)
            if self._system.closing:
                raise LaneBroken(job_stream(self.job_id), answer.reason)
            self._mail.wait(STALLED)
        status = _STATUS.get(type(event))
        if status is not None:
            self._system.count_end(self._state, status)
        elif not self._system.closing:
            # Also after a pause: a cancel that was acknowledged while this end was on its way has yet to be met.
            delay, cause = event.delay_ms if isinstance(event, RetryScheduled) else 0, "resume"
            if isinstance(event, JobSuspended) and self._leases.suspension is not None:
                delay = max(1, self._leases.suspension.retry_after_ms)  # 0 would let it stay suspended
            elif isinstance(event, JobSuspended) and (self._was_told_before or self._has_diverged):
                delay = 1
            elif isinstance(event, JobSuspended) and self._mail.moving is not None and self._mail.wanted is None:
                delay, cause = 1, "upgrade"
            self._system.supervisor.tell(WakeJob(self.job_id, delay, self._attempt, cause))
            if isinstance(event, JobSuspended) and self._leases.locked is not None:
                self._system.locked.wait(self.job_id, self._attempt, self._leases.locked.lock)

    def _tell_over(self) -> None:
        """Tell the hooks of the whole attempt, if there was one."""
        if self._began is None:
            return
        first, began = self._began
        last, end = self._end if self._end is not None else (None, None)
        lost = (self._journal.lost or "a defect of the host") if end is None else ""
        now, fuel = self._system.clock.now(), self._meter.fuel
        record = AttemptRecord(self._state, self._attempt, self._cause, first, began, last, end, now, lost, fuel)
        self._system.hooks.attempt_over(record)

    def _on_death(self, reason: str) -> None:
        """A defect of the host ended this actor; the supervisor decides what becomes of the job."""
        self._system.job_over(self.job_id, self.actor_ref)
        self._system.job_died(self.job_id, reason, "host")


def _suspended(use: BudgetUse, *, forced: bool, fuel: int) -> JobSuspended:
    return JobSuspended(f"the budget {use.budget} is used up; there is room in {use.retry_after_ms} ms", forced, fuel)
