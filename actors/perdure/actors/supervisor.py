"""The actor that carries out people's wishes, keeps the deadlines, and restarts what died.

Everything it knows beyond its timers is in the log; it takes no message so seriously as to die of it.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from perdure.actors.backoff import Backoff
from perdure.actors.errors import SystemStopped
from perdure.actors.mailbox import MailboxActor
from perdure.actors.messages import (
    ActorDied,
    Admit,
    AnyMessage,
    CancelJob,
    Control,
    Forget,
    JobDied,
    KillJob,
    KillLater,
    PauseJob,
    WakeJob,
    WatchDeadline,
)
from perdure.store.errors import IllegalTransition, StoreError
from perdure.store.events import (
    JobCancelled,
    JobCancelRequested,
    JobError,
    JobEvent,
    JobFailed,
    JobPaused,
    JobPauseRequested,
    JobResumed,
    job_stream,
)
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

if TYPE_CHECKING:
    from perdure.actors.system import ActorSystem

logger = logging.getLogger(__name__)

RESTART: Final = Backoff(initial_ms=50, factor=4.0, maximum_ms=10_000, jitter=0.1)


class RestartLimit(msgspec.Struct, frozen=True):
    """More than ``deaths`` of one actor within ``seconds`` are not answered with another restart."""

    deaths: int = 5
    seconds: float = 120.0


class _Timer(msgspec.Struct, order=True, frozen=True):
    at: float
    order: int
    message: WakeJob | KillJob | ActorDied
    job_id: UUID | None = None
    attempt: int = 0


class Supervisor(MailboxActor):
    """Timers, control and restarts for one `ActorSystem`."""

    def __init__(self, system: ActorSystem, limit: RestartLimit, kill_grace: float) -> None:
        super().__init__("supervisor")
        self._system = system
        self._limit = limit
        self._kill_grace = kill_grace
        self._timers: list[_Timer] = []
        self._order = itertools.count()
        self._deaths: defaultdict[str, deque[float]] = defaultdict(deque)

    # --- the loop ----------------------------------------------------------------------------------------------------

    def on_message(self, message: AnyMessage) -> object:
        """See the messages."""
        if isinstance(message, Control):
            return self._control(message)  # its caller gets what goes wrong
        try:
            self._handle(message)
        except (StoreError, SystemStopped) as error:
            logger.error("the supervisor could not handle %s: %s", type(message).__name__, error)
        except Exception:
            logger.exception("the supervisor could not handle %s", type(message).__name__)
        return None

    def _handle(self, message: AnyMessage) -> None:
        if isinstance(message, WakeJob):
            self._after(message.delay_ms / 1000, message, message.job_id)
        elif isinstance(message, WatchDeadline):
            self._after(message.after_ms / 1000, KillJob("timeout"), message.job_id, message.attempt)
        elif isinstance(message, KillLater):
            attempt = self._system.attempt_of(message.job_id)
            self._after(self._kill_grace, KillJob("grace"), message.job_id, attempt)
        elif isinstance(message, JobDied):
            self._job_died(message)
        elif isinstance(message, ActorDied):
            self._actor_died(message)
        else:
            raise TypeError(f"the supervisor got {type(message).__name__}")

    def _after(
        self, seconds: float, message: WakeJob | KillJob | ActorDied, job_id: UUID | None = None, attempt: int = 0
    ) -> None:
        at = self._system.clock.monotonic() + seconds
        heapq.heappush(self._timers, _Timer(at, next(self._order), message, job_id, attempt))

    def wakeup(self) -> float | None:
        """Until the next timer."""
        return self._timers[0].at - self._system.clock.monotonic() if self._timers else None

    def on_wakeup(self) -> None:
        """Do what is due."""
        now = self._system.clock.monotonic()
        while self._timers and self._timers[0].at <= now:
            timer = heapq.heappop(self._timers)
            try:
                self._due(timer)
            except (StoreError, SystemStopped) as error:
                logger.error("%s for %s failed: %s", type(timer.message).__name__, timer.job_id, error)
            except Exception:
                logger.exception("%s for %s failed", type(timer.message).__name__, timer.job_id)

    def _due(self, timer: _Timer) -> None:
        if isinstance(timer.message, ActorDied):
            self._system.restart(timer.message.name)
        elif timer.job_id is not None and isinstance(timer.message, KillJob):
            self._system.kill_job(timer.job_id, timer.message, timer.attempt)
        elif timer.job_id is not None:
            state = self._system.store.job(timer.job_id)
            if state.status is Status.BACKOFF:
                self._resume(state, "retry")
            elif state.status is Status.QUEUED:
                self._system.extension_address(state.extension).tell(Admit(state.job_id))
            elif state.status is Status.RUNNING and self._system.running(timer.job_id) is None:
                self._resume(state, "restart")

    # --- a person's wishes -------------------------------------------------------------------------------------------

    def _control(self, message: Control) -> Status:
        state = self._system.store.job(message.job_id)
        if message.action == "pause":
            self._stop_job(state, JobPauseRequested(), PauseJob(), JobPaused(forced=False, fuel=0))
        elif message.action == "cancel":
            self._stop_job(state, JobCancelRequested(), CancelJob(), JobCancelled(forced=False, fuel=0))
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
        return state.status is Status.RUNNING and self._system.running(state.job_id) is not None

    def _stop_job(self, state: JobState, request: JobEvent, order: PauseJob | CancelJob, end: JobEvent) -> None:
        stream = job_stream(state.job_id)
        if self._runs(state):
            self._system.append(stream, [request])
            self._system.tell_job(state.job_id, order)
            self._after(self._kill_grace, KillJob("grace"), state.job_id, self._system.attempt_of(state.job_id))
            return
        # Nothing of it runs, or its actor waits for the log to take its start, which the log now refuses.
        self._system.append(stream, [end])
        self._system.extension_address(state.extension).tell(Forget(state.job_id))
        if isinstance(end, JobCancelled):
            seconds = (self._system.clock.now() - state.dispatched_at) / 1_000_000
            self._system.hooks.job_ended(state.extension, state.job_type, "cancelled", seconds)

    def _resume(self, state: JobState, cause: str) -> None:
        self._system.append(job_stream(state.job_id), [resumption(state, cause)])
        self._system.extension_address(state.extension).tell(Admit(state.job_id))

    # --- what died ---------------------------------------------------------------------------------------------------

    def _died_too_often(self, name: str) -> int | None:
        """Note a death; returns how many there were lately, or None if that is too many."""
        now = self._system.clock.monotonic()
        deaths = self._deaths[name]
        deaths.append(now)
        while deaths and now - deaths[0] > self._limit.seconds:
            deaths.popleft()
        return len(deaths) if len(deaths) <= self._limit.deaths else None

    def _job_died(self, message: JobDied) -> None:
        if self._system.closing:
            return  # the next process finds it in the log
        state = self._system.store.job(message.job_id)
        if state.status not in (Status.RUNNING, Status.QUEUED):
            return
        # A job is not to blame for a disk that is full: it waits for room, however long that takes.
        deaths = 2 if message.blame == "store" else self._died_too_often(f"job:{message.job_id}")
        if deaths is None:
            del self._deaths[f"job:{message.job_id}"]
            error = JobError(
                "restart_limit",
                f"the job's actor died more than {self._limit.deaths} times in {self._limit.seconds:g} s",
                blame="host",
                data={"last": message.reason},
            )
            self._system.append(job_stream(message.job_id), [JobFailed(error, 0)])
            self._system.hooks.attempt_failed(state.extension, state.job_type, error.kind)
            seconds = (self._system.clock.now() - state.dispatched_at) / 1_000_000
            self._system.hooks.job_ended(state.extension, state.job_type, "failed", seconds)
            return
        logger.error("the actor of job %s died: %s", message.job_id, message.reason)
        self._system.hooks.actor_restarted("job")
        # The status stays as it is until then: should this process die first, the next one recovers the job.
        delay = RESTART.delay_ms(deaths, random.random())  # noqa: S311  # jitter needs no secrecy
        self._after(delay / 1000, WakeJob(message.job_id, delay), message.job_id)

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


def resumption(state: JobState, cause: str) -> JobResumed:
    """The event that queues a job again, from its last checkpoint; one that is not resumable starts over."""
    checkpoint = state.checkpoint if state.resumable else None
    return JobResumed(checkpoint.sequence if checkpoint is not None else 0, cause)
