"""The actor that carries out people's wishes, keeps the deadlines, and restarts what died.

Everything it knows beyond its timers is in the log; it takes no message so seriously as to die of it.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import random
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from perdure.actors.backoff import Backoff
from perdure.actors.errors import ActorError, SystemStopped
from perdure.actors.family_cancel import Cancel, family_cancel
from perdure.actors.mailbox import MailboxActor
from perdure.actors.messages import (
    ActorDied,
    Admit,
    AnyMessage,
    CallOff,
    CancelJob,
    Control,
    Forget,
    JobDied,
    KillJob,
    KillLater,
    PauseJob,
    ResolveDoubt,
    RingJob,
    RoomDue,
    TurnDue,
    WakeJob,
    WatchDeadline,
)
from perdure.actors.requeueing import requeueing, unmet_wish
from perdure.store.errors import (
    ActionInDoubt,
    IllegalTransition,
    NotInDoubt,
    SequenceConflict,
    StoreError,
    UnknownJob,
    WriteConflict,
)
from perdure.store.events import (
    DoubtResolved,
    JobCancelled,
    JobError,
    JobFailed,
    JobInDoubt,
    JobPaused,
    JobPauseRequested,
    job_stream,
)
from perdure.store.family import is_called_off
from perdure.store.job_evolution import evolve
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

if TYPE_CHECKING:
    from perdure.actors.system import ActorSystem

logger = logging.getLogger(__name__)

RESTART: Final = Backoff(initial_ms=50, factor=4.0, maximum_ms=10_000, jitter=0.1)
_TIMERS: Final = 1024  # beyond this many, those of attempts that are over are thrown away before their time


class RestartLimit(msgspec.Struct, frozen=True):
    """More than ``deaths`` of one actor within ``seconds`` are not answered with another restart."""

    deaths: int = 5
    seconds: float = 120.0


class _Kill(msgspec.Struct, frozen=True):
    """Stop this attempt of the job."""

    job_id: UUID
    attempt: int
    cause: str


_Task = WakeJob | JobDied | ActorDied | RingJob | CallOff | _Kill


class _Timer(msgspec.Struct, order=True, frozen=True):
    at: float
    order: int
    task: _Task
    failures: int = 0


class Supervisor(MailboxActor):
    """Timers, control and restarts for one `ActorSystem`."""

    def __init__(self, system: ActorSystem, limit: RestartLimit, kill_grace: float) -> None:
        super().__init__("supervisor")
        self._system = system
        self._limit = limit
        self._kill_grace = kill_grace
        self._timers: list[_Timer] = []
        self._most_timers = _TIMERS
        self._order = itertools.count()
        self._deaths: OrderedDict[str, deque[float]] = OrderedDict()  # whoever died last is at the end

    # --- the loop ----------------------------------------------------------------------------------------------------

    def on_message(self, message: AnyMessage) -> object:
        """See the messages."""
        if isinstance(message, Control):
            return self._control(message)  # its caller gets what goes wrong
        if isinstance(message, ResolveDoubt):
            return self._resolve(message)  # as above
        try:
            self._note(message)
        except Exception:
            logger.exception("the supervisor could not handle %s", message)
        return None

    def _note(self, message: AnyMessage) -> None:
        if isinstance(message, WakeJob):
            self._after(self._delay(message), message)
        elif isinstance(message, RingJob):
            self._after(message.after_us / 1_000_000, message)
        elif isinstance(message, WatchDeadline):
            self._after(message.after_ms / 1000, _Kill(message.job_id, message.attempt, "timeout"))
        elif isinstance(message, KillLater):
            attempt = self._system.jobs.attempt_of(message.job_id)
            if attempt is not None:
                self._after(self._kill_grace, _Kill(message.job_id, attempt, message.cause))
        elif isinstance(message, JobDied | CallOff):
            self._try(message)
        elif isinstance(message, ActorDied):
            self._actor_died(message)
        else:
            raise TypeError(f"the supervisor got {type(message).__name__}")

    def _after(self, seconds: float, task: _Task, failures: int = 0) -> None:
        at = self._system.clock.monotonic() + seconds
        heapq.heappush(self._timers, _Timer(at, next(self._order), task, failures))
        if len(self._timers) > self._most_timers:
            # An hour's limit on jobs of a millisecond must not cost memory for an hour.
            self._timers = [timer for timer in self._timers if not self._is_over(timer.task)]
            heapq.heapify(self._timers)
            self._most_timers = max(_TIMERS, 2 * len(self._timers))

    def _is_over(self, task: _Task) -> bool:
        return isinstance(task, _Kill | RingJob) and self._system.jobs.attempt_of(task.job_id) != task.attempt

    def wakeup(self) -> float | None:
        """Until the next timer."""
        return self._timers[0].at - self._system.clock.monotonic() if self._timers else None

    def on_wakeup(self) -> None:
        """Do what is due."""
        now = self._system.clock.monotonic()
        while self._timers and self._timers[0].at <= now:
            timer = heapq.heappop(self._timers)
            self._try(timer.task, timer.failures)

    def _due(self, task: _Task) -> None:
        if isinstance(task, WakeJob):
            self._wake(task)
        elif isinstance(task, JobDied):
            self._job_died(task)
        elif isinstance(task, ActorDied):
            self._system.restart(task.name)
        elif isinstance(task, CallOff):
            if is_called_off(self._system.store, self._system.store.job(task.job_id)):
                self._cancel(task.job_id)
        elif isinstance(task, RingJob):
            if self._system.jobs.attempt_of(task.job_id) == task.attempt:
                self._system.jobs.tell(task.job_id, RoomDue(task.token))
        elif task.cause == "move":
            self._system.jobs.stop_guest(task.job_id, task.attempt)
        else:
            self._system.jobs.kill(task.job_id, KillJob(task.cause), task.attempt)

    def _try(self, task: _Task, failures: int = 0) -> None:
        """Do it, or try again later: a full disk or a log writer between two lives must not lose a job."""
        try:
            self._due(task)
        except UnknownJob as error:
            logger.error("%s: %s", type(task).__name__, error)
        except Exception as error:
            foreseen = isinstance(error, StoreError | ActorError)
            logger.error("%s could not be carried out yet: %s", task, error, exc_info=not foreseen)
            if not self._system.closing and self._system.log.ref is not None:
                delay = RESTART.delay_ms(failures + 1, random.random())  # noqa: S311  # jitter needs no secrecy
                self._after(delay / 1000, task, failures + 1)

    # --- letting a job go on -----------------------------------------------------------------------------------------

    def _delay(self, message: WakeJob) -> float:
        """Seconds until the job is to be looked at: none if somebody asked for its end or a pause meanwhile."""
        with contextlib.suppress(StoreError):
            if unmet_wish(self._system.store.job(message.job_id)):
                return 0.0
        return message.delay_ms / 1000

    def _wake(self, message: WakeJob) -> None:
        state = self._system.store.job(message.job_id)
        if state.attempts != message.attempts:
            return  # it went on by another way
        if state.status is Status.QUEUED:
            self._admit(state)
        elif state.status is Status.BACKOFF:
            self._go_on(state, "retry")
        elif state.status is Status.SUSPENDED:
            if unmet_wish(state) or message.delay_ms:
                self._go_on(state, "budget" if state.retry_at is not None else message.cause)
        elif state.status is Status.PAUSED:
            if unmet_wish(state):
                self._go_on(state, "resume")
        elif state.status is Status.RUNNING and self._system.jobs.get(message.job_id) is None:
            self._go_on(state, "restart")

    def _go_on(self, state: JobState, cause: str) -> None:
        """Queue the job again, unless a wish is still to be met."""
        wish = unmet_wish(state)
        if wish is None:
            self._resume(state, cause)
            return
        self._system.append(job_stream(state.job_id), [wish])
        if isinstance(wish, JobCancelled):
            self._system.count_end(state, Status.CANCELLED)

    def _admit(self, state: JobState) -> None:
        # Lost if the extension's actor is between two lives, or gone: the next one finds the job queued in the log.
        with contextlib.suppress(SystemStopped):
            self._system.extension_address(state.extension).tell(Admit(state.job_id))

    # --- a person's wishes -------------------------------------------------------------------------------------------

    def _control(self, message: Control) -> Status:
        state = self._system.store.job(message.job_id)
        if state.status is Status.COPYING:
            # The log would take it for an event of the copy.
            raise IllegalTransition(str(state.job_id), str(state.status), message.action)
        if state.status is Status.ATTENTION and message.action != "cancel":
            raise ActionInDoubt(str(state.job_id), message.action)
        if message.action == "pause":
            self._pause(message.job_id)
        elif message.action == "cancel":
            self._cancel(message.job_id)
        elif message.action == "resume":
            if state.finished or state.status in (Status.QUEUED, Status.BACKOFF) or self._runs(state):
                raise IllegalTransition(str(state.job_id), str(state.status), "resume")
            self._resume(state, "resume")
        elif message.action == "retry":
            if state.status not in (Status.FAILED, Status.CANCELLED, Status.BACKOFF):
                raise IllegalTransition(str(state.job_id), str(state.status), "retry")
            self._resume(state, "retry" if state.status is Status.BACKOFF else "rerun")
        else:
            raise ValueError(message.action)
        return self._system.store.job(message.job_id).status

    def _runs(self, state: JobState) -> bool:
        return state.status is Status.RUNNING and self._system.jobs.get(state.job_id) is not None

    def _pause(self, job_id: UUID) -> None:
        stream = job_stream(job_id)
        while True:
            state = self._system.store.job(job_id)
            try:
                if self._runs(state):
                    self._system.append(stream, [JobPauseRequested()])
                    self._system.jobs.tell(job_id, PauseJob())
                    self._after(self._kill_grace, _Kill(job_id, state.attempts, "grace"))
                else:
                    # Nothing of it runs, or its actor waits for the log to take its start, which the log then refuses.
                    # Should the start be first, the log refuses this.
                    forced = state.attempting  # its actor died: the guest did not agree
                    self._system.append(stream, [JobPaused(forced=forced, fuel=0)], state.sequence)
                    self._forget(state)
            except SequenceConflict:
                continue
            except IllegalTransition:
                if self._system.store.job(job_id).status is state.status:
                    raise
            else:
                return

    def _cancel(self, job_id: UUID) -> None:
        """Cancel a job with all that descends from it, in one commit."""
        self._system.cancelling.add(job_id)  # none of them dispatches one more meanwhile, so this comes to an end
        try:
            while True:
                state = self._system.store.job(job_id)
                plan = family_cancel(self._system.store, state, self._runs)
                event, expected = plan.root.event, plan.root.expected
                try:
                    self._system.append(job_stream(job_id), [event], expected, effects=plan.effects)
                except (SequenceConflict, WriteConflict):
                    continue
                except IllegalTransition as error:
                    if error.job_id == str(job_id) and self._system.store.job(job_id).status is state.status:
                        raise
                    continue
                break
        finally:
            self._system.cancelling.discard(job_id)
        for cancel in (plan.root, *plan.others):
            self._carry_out(cancel)

    def _carry_out(self, cancel: Cancel) -> None:
        """A job's cancel is on disk."""
        state = cancel.job
        if isinstance(cancel.event, JobCancelled):
            self._forget(state)
            self._system.count_end(state, Status.CANCELLED)
        else:
            self._system.jobs.tell(state.job_id, CancelJob())
            self._after(self._kill_grace, _Kill(state.job_id, state.attempts, "grace"))

    def _forget(self, state: JobState) -> None:
        self._system.jobs.tell(state.job_id, TurnDue())  # if its actor stands in line, to no end
        with contextlib.suppress(SystemStopped):
            self._system.extension_address(state.extension).tell(Forget(state.job_id))

    def _resume(self, state: JobState, cause: str) -> None:
        events = self._system.going_on(state, cause)
        self._system.append(job_stream(state.job_id), events)
        self._system.count_doubt(state, events)
        if not isinstance(events[-1], JobInDoubt):
            self._admit(state)

    def _resolve(self, message: ResolveDoubt) -> Status:
        """Record what a person says of an action in doubt, and let the job go on, in one commit."""
        system = self._system
        state = system.store.job(message.job_id)
        intent = state.intent
        if state.status is not Status.ATTENTION or intent is None or intent.sequence != message.sequence:
            raise NotInDoubt(str(state.job_id), str(state.status))
        resolved = DoubtResolved(intent.call, message.resolution, message.answer, message.code, message.by)
        after = evolve(state, resolved, state.sequence + 1, system.clock.now())
        # To another version of its extension it may move when it is started.
        event = requeueing(after, "resolved", system.replay_limit)
        system.append(job_stream(state.job_id), [resolved, event], state.sequence)
        system.hooks.doubt_resolved(message.resolution)
        self._admit(state)
        return system.store.job(state.job_id).status

    # --- what died ---------------------------------------------------------------------------------------------------

    def _died_too_often(self, name: str) -> int | None:
        """Note a death; returns how many there were lately, or None if that is too many."""
        now = self._system.clock.monotonic()
        while self._deaths and now - next(iter(self._deaths.values()))[-1] > self._limit.seconds:
            self._deaths.popitem(last=False)
        deaths = self._deaths.setdefault(name, deque())
        self._deaths.move_to_end(name)
        deaths.append(now)
        while now - deaths[0] > self._limit.seconds:
            deaths.popleft()
        return len(deaths) if len(deaths) <= self._limit.deaths else None

    def _job_died(self, message: JobDied) -> None:
        if self._system.closing:
            return  # the next process finds it in the log
        state = self._system.store.job(message.job_id)
        if state.status not in (Status.RUNNING, Status.QUEUED):
            return
        logger.error("the actor of job %s died: %s", message.job_id, message.reason)
        if unmet_wish(state):
            self._go_on(state, "restart")
            return
        # A job is not to blame for a disk that is full: it waits for room, however long that takes.
        deaths = 2 if message.blame == "store" else self._died_too_often(f"job:{message.job_id}")
        if deaths is None:
            self._fail_job(state, message.reason)
            return
        self._system.hooks.actor_restarted("job")
        # The status stays as it is until then: should this process die first, the next one recovers the job.
        delay = RESTART.delay_ms(deaths, random.random())  # noqa: S311  # jitter needs no secrecy
        self._after(delay / 1000, WakeJob(message.job_id, delay, state.attempts))

    def _fail_job(self, state: JobState, reason: str) -> None:
        error = JobError(
            "restart_limit",
            f"the job's actor died more than {self._limit.deaths} times in {self._limit.seconds:g} s",
            blame="host",
            data={"last": reason},
        )
        self._system.append(job_stream(state.job_id), [JobFailed(error, 0)])
        self._deaths.pop(f"job:{state.job_id}", None)  # a person's retry begins anew
        self._system.hooks.attempt_failed(state.extension, state.job_type, error.kind)
        self._system.count_end(state, Status.FAILED)

    def _actor_died(self, message: ActorDied) -> None:
        if self._system.closing:
            return
        deaths = self._died_too_often(message.name)
        if deaths is None:
            logger.critical("actor %s died too often: %s", message.name, message.reason)
            self._system.give_up(message.name)
            return
        logger.error("actor %s died: %s", message.name, message.reason)
        self._system.hooks.actor_restarted(message.name.partition(":")[0])
        delay = RESTART.delay_ms(deaths, random.random())  # noqa: S311  # jitter needs no secrecy
        self._after(delay / 1000, message)
