"""All actors of one runtime, and what they know of each other.

Starts, finds, restarts and stops them. It holds no state that is not in the log, apart from who is alive.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import pykka

from perdure.actors.affinity import NoAffinity, affinity_here
from perdure.actors.budgets import JobBudgets, NoBudgets
from perdure.actors.clock import Clock
from perdure.actors.errors import SystemStopped, blame_for
from perdure.actors.event_loop import EventLoop
from perdure.actors.extension_actor import ExtensionActor, ExtensionCode
from perdure.actors.group_commit import GroupCommit, Riders
from perdure.actors.guest import GuestFactory
from perdure.actors.hooks import ActorHooks
from perdure.actors.job_actor import JobActor
from perdure.actors.job_waits import JobWait, JobWaits
from perdure.actors.lane import Lane
from perdure.actors.locked_jobs import LockedJobs
from perdure.actors.log_writer import LogWriter
from perdure.actors.mailbox import Address
from perdure.actors.messages import (
    ActorDied,
    Admit,
    Append,
    CallOff,
    CommitFailed,
    JobDied,
    JobEnded,
    KillJob,
    KillLater,
    LaneFlush,
    LoadExtension,
    Message,
    MoveJob,
    OperationCall,
    OperationDone,
    Run,
    SlotFree,
    StopAdmitting,
    SuspendJob,
    UnloadExtension,
    WakeJob,
    encode_message,
)
from perdure.actors.operation_router import OpenCalls, OperationRouter, give_up_calls
from perdure.actors.operations import Operations
from perdure.actors.replay.gate import ReplayGate
from perdure.actors.requeueing import ReplayLimit
from perdure.actors.running_jobs import RunningJob, RunningJobs
from perdure.actors.slots import SlotPool
from perdure.actors.supervisor import RestartLimit, Supervisor
from perdure.actors.switch_interval import ShortInterval
from perdure.actors.upgrading import Upgrade, going_on, is_at_checkpoint
from perdure.actors.workers import Workers
from perdure.store.errors import StoreError
from perdure.store.event_store import Appended, Effects, EventStore, JobQuery
from perdure.store.events import (
    Event,
    JobEvent,
    JobInDoubt,
    JobMoved,
    JobRecovered,
    JobResumed,
    JobType,
    encode,
    extension_stream,
    job_stream,
)
from perdure.store.extension_state import ExtensionState
from perdure.store.failpoints import hit
from perdure.store.family import is_called_off
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

logger = logging.getLogger(__name__)

_PAGE: Final = 1000


class SystemSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes and times of one actor system; times in seconds.

    ``kill_grace``: how long a guest may take to honour a pause or a cancel before it is stopped.
    ``append_timeout``: how long an append may take before its caller is told that something is wrong.
    ``replay_limit``: which runs are taken up after a crash.
    ``switch_interval``: the interpreter's while jobs run (`perdure.actors.switch_interval`); None leaves it alone.
    ``one_processor``: whether threads of jobs are kept on one processor while that is faster (`perdure.actors.herd`).
    """

    running_jobs: int = 64
    workers: int = 8
    kill_grace: float = 5.0
    append_timeout: float = 60.0
    restarts: RestartLimit = RestartLimit()
    replay_limit: ReplayLimit = ReplayLimit()
    switch_interval: float | None = None
    one_processor: bool = True


class ActorSystem:
    """The actors of one runtime.

    Args:
        store: the log; the system is its only writer, and does not close it.
        guests: makes the sandbox of an attempt.
        extension_code: what a loaded extension's module can do, by extension id.
        operations: what guests may call.
        ended: told of each job whose end was just committed, on the thread that committed.
        riders: what else is to be on disk with the events.
        budgets: what attempts may use.
        upgrade_of: the other version that a job is to move to, if there is one.
        is_locked: whether a person still has to unlock something, by the name that `LockedNow` has of it.
    """

    def __init__(
        self,
        store: EventStore,
        guests: GuestFactory,
        extension_code: Callable[[str], ExtensionCode],
        operations: Operations,
        *,
        hooks: ActorHooks,
        clock: Clock,
        settings: SystemSettings,
        ended: Callable[[JobState], None] = lambda state: None,
        riders: Riders | None = None,
        budgets: JobBudgets | None = None,
        upgrade_of: Callable[[JobState], Upgrade | None] = lambda state: None,
        is_locked: Callable[[str], bool] = lambda lock: True,
    ) -> None:
        self.store = store
        self.guests = guests
        self.extension_code = extension_code
        self.hooks = hooks
        self.clock = clock
        self.budgets = budgets or NoBudgets()
        self._upgrade_of = upgrade_of
        self.locked = LockedJobs(is_locked, self._wake_unlocked)
        self.closing = False
        self.slots = SlotPool(settings.running_jobs)
        self.waits = JobWaits()
        self.jobs = RunningJobs(self.waits, ShortInterval(settings.switch_interval))
        self.cancelling: set[UUID] = set()  # jobs whose families are being cancelled at this moment
        self.replay_limit = settings.replay_limit
        self.replay_gate = ReplayGate(clock.monotonic)
        self._settings = settings
        self.operations = operations
        self._workers = Workers(settings.workers)
        self._loop = EventLoop()
        self._open_calls = OpenCalls()
        self._lanes: dict[str, Lane] = {}
        self._extensions: dict[str, Address] = {}
        # Starting a job and beginning to close exclude each other, so that no job starts unseen by the shutdown.
        self._starting = threading.Lock()
        self._addressing = threading.Lock()
        self.log = Address("log")
        self.router = Address("router")
        self.supervisor = Address("supervisor")
        self._commits = GroupCommit(
            store,
            self._lanes,
            self.log,
            hooks,
            clock,
            ended,
            self._dispatched,
            riders,
            affinity_here() if settings.one_processor else NoAffinity(),
        )
        self.supervisor.set(Supervisor.start(self, settings.restarts, settings.kill_grace))
        self._start_log()
        self._start_router()

    # --- appending ---------------------------------------------------------------------------------------------------

    def append(
        self,
        stream: str,
        events: Sequence[Event],
        expected: int | None = None,
        timeout: float | None = None,
        effects: Effects | None = None,
    ) -> Appended:
        """Append through the log writer. Durable when it returns. ``timeout`` is in seconds; None: the settings'.

        Raises:
            SequenceConflict, IllegalTransition, WriteConflict, StoreError: as `EventStore.append`.
            TimeoutError: no answer in time; the events may still be stored.
            SystemStopped: the system was stopped.
        """
        hit("append.before_post")
        future = self.log.send(self._append_message(stream, events, expected, effects))
        hit("append.after_post")
        appended: Appended = self.log.wait(future, self._settings.append_timeout if timeout is None else timeout)
        return appended

    def append_soon(self, stream: str, events: Sequence[Event], expected: int | None = None) -> pykka.Future[Any]:
        """Send an append without waiting, for `appended`: what waits in the mailbox becomes one commit."""
        return self.log.send(self._append_message(stream, events, expected))

    def appended(self, future: pykka.Future[Any]) -> Appended:
        """The answer to an `append_soon`; errors as for `append`."""
        answer: Appended = self.log.wait(future, self._settings.append_timeout)
        return answer

    def _append_message(
        self, stream: str, events: Sequence[Event], expected: int | None = None, effects: Effects | None = None
    ) -> Append:
        now = self.clock.now()
        return Append(stream, [encode(event) for event in events], [now] * len(events), expected, effects)

    def open_lane(self, stream: str, owner: pykka.ActorRef[Any]) -> Lane:
        """The lane of a job that starts."""
        lane = Lane(stream, owner, self.log, self._commits, self.clock)
        self._lanes[stream] = lane
        return lane

    # --- operations --------------------------------------------------------------------------------------------------

    def call_operation(self, call: OperationCall, timeout: float) -> OperationDone:
        """Run an operation for the host, at most ``timeout`` seconds; the caller records its outcome.

        Raises:
            TimeoutError: no answer in time.
            SystemStopped, ActorRestarted: the router is gone.
        """
        done: OperationDone = self.router.ask(call, timeout)
        return done

    # --- jobs --------------------------------------------------------------------------------------------------------

    def _dispatched(self, state: JobState) -> None:
        """A job was dispatched by an operation; called on the thread that committed."""
        called_off = False
        with contextlib.suppress(StoreError):  # then `start_job` sees it
            called_off = is_called_off(self.store, state)
        with contextlib.suppress(SystemStopped):  # then the next process finds it in the log
            if called_off:
                self.supervisor.tell(CallOff(state.job_id))
                return
            self.extension_address(state.extension).tell(Admit(state.job_id))

    def begin_wait(self, waiter: UUID, target: JobState, *, lends: bool) -> JobWait | None:
        """See `JobWaits.begin`; `JobWaits.end` ends it. A target that is queued may be started at once."""
        wait = self.waits.begin(waiter, target.job_id, lends=lends)
        if wait is not None and lends:
            self._tell_extension(target.extension, SlotFree())
        return wait

    def _wake_unlocked(self, job_id: UUID, attempts: int) -> None:
        with contextlib.suppress(SystemStopped):  # then the next process takes it up
            self.supervisor.tell(WakeJob(job_id, 1, attempts, "unlock"))

    def start_job(self, job_id: UUID, *, has_slot: bool = True) -> bool:
        """Start the actor of a queued job. Called by its extension's actor, which holds a slot for it.

        ``has_slot`` False: it runs in the place of a job that waits for it.
        False if it does not start: it is not queued any more, or it could not be started, which the supervisor is told.
        """
        with self._starting:
            try:
                state = self.store.job(job_id)
                if state.status is not Status.QUEUED or job_id in self.jobs or self.closing:
                    return False
                if is_called_off(self.store, state):
                    self.supervisor.tell(CallOff(job_id))
                    return False
                self.locked.forget(job_id)
                state = self._moved_if_due(state)
                ref = JobActor.start(self, state, self._cause(state))
            except Exception as error:
                # No thread, or a log that cannot be read: this job's trouble, not its extension's.
                logger.exception("job %s could not be started", job_id)
                self._lanes.pop(job_stream(job_id), None)
                self.job_died(job_id, f"it could not be started: {error}", blame_for(error))
                return False
            self.jobs.add(job_id, RunningJob(ref, state.extension, state.attempts + 1, has_slot))
            self._ask_to_move(job_id, state)
            ref.tell(encode_message(Run()))
            return True

    def _cause(self, state: JobState) -> str:
        if state.attempts == 0:
            return "dispatch"
        stream = job_stream(state.job_id)
        # A queued job's last event says why it is queued; seldom one that stands before it (`JobMoved`, a fork's own).
        for after in (max(0, state.sequence - 1), 0):
            for stored in self.store.read(stream, after=after, backward=True):
                if isinstance(stored.event, JobResumed | JobRecovered):
                    return stored.event.cause
        return "dispatch"

    def job_over(self, job_id: UUID, ref: pykka.ActorRef[Any]) -> None:
        """The job's actor has done its work; called on its thread, and again if it fails after that."""
        running = self.jobs.find(job_id, ref)
        if running is None:
            return
        lane = self._lanes.pop(job_stream(job_id), None)
        if lane is not None:
            self._commits.leave(lane)
        self.jobs.remove(job_id)
        # The slot belongs to the job's actor, not to its extension's, which may have died meanwhile.
        if running.has_slot:
            self.slots.release(running.extension)
        self.offer_slot()
        self._tell_extension(running.extension, JobEnded(job_id))
        self.jobs.tell_ended()

    def job_died(self, job_id: UUID, reason: str, blame: str) -> None:
        """The job's actor ended without recording an end."""
        with contextlib.suppress(SystemStopped):  # then the next process finds it in the log
            self.supervisor.tell(JobDied(job_id, reason, blame))

    def count_end(self, state: JobState, status: Status) -> None:
        """Tell the hooks of a job's end."""
        now = self.clock.now()
        self.hooks.job_ended(state.extension, state.job_type, str(status), (now - state.dispatched_at) / 1_000_000)
        self.hooks.job_over(state, str(status), now)

    # --- other versions ----------------------------------------------------------------------------------------------

    def going_on(self, state: JobState, cause: str) -> tuple[JobEvent, ...]:
        """The events that let a job go on of which nothing runs, see `perdure.actors.upgrading.going_on`.

        Raises:
            StoreError: the log cannot be read.
        """
        upgrade = self._upgrade_of(state)
        return going_on(state, cause, self.replay_limit, upgrade, lambda: is_at_checkpoint(self.store, state))

    def count_doubt(self, state: JobState, events: Sequence[Event]) -> None:
        """Tell the hooks of an action in doubt, if the ``events`` that were appended for ``state`` say so."""
        if state.intent is not None and any(isinstance(event, JobInDoubt) for event in events):
            self.hooks.in_doubt(state.intent.effect, "attention")

    def _moved_if_due(self, state: JobState) -> JobState:
        """A queued job as it is to be started: moved to another version, if that is due. Durable."""
        if self._upgrade_of(state) is None:
            return state
        events = self.going_on(state, "upgrade")
        if not isinstance(events[0], JobMoved):
            return state
        self.append(job_stream(state.job_id), events, state.sequence)
        return self.store.job(state.job_id)

    def move_running(self, extension: str) -> None:
        """Stop the extension's running jobs that are to move to another version, each when that is due.

        Raises:
            StoreError: the log cannot be read.
        """
        with self._starting:  # a job that starts after this is asked then
            for job_id in self.jobs.of(extension):
                if self._ask_to_move(job_id, self.store.job(job_id)):
                    self.supervisor.tell(KillLater(job_id, "move"))

    def _ask_to_move(self, job_id: UUID, state: JobState) -> bool:
        """Ask a job's actor to stop where the job is to move, if it is; whether that is at once.

        One that starts although it is to restart has an action to bring to its end: it may take its time for that.
        """
        upgrade = self._upgrade_of(state)
        if upgrade is None or not (upgrade.restart or (state.resumable and upgrade.resumable)):
            return False
        self.jobs.tell(job_id, MoveJob(upgrade.version, upgrade.restart))
        return upgrade.restart

    # --- extensions --------------------------------------------------------------------------------------------------

    def extension_address(self, extension: str) -> Address:
        """Where the extension's actor is reached; it is started if need be, and runs nothing before `load`."""
        with self._addressing:
            address = self._extensions.get(extension)
            if address is None:
                if self.closing:
                    raise SystemStopped
                address = Address(f"extension:{extension}")
                address.set(ExtensionActor.start(self, extension))
                self._extensions[extension] = address
            return address

    def _tell_extension(self, extension: str, message: Message) -> bool:
        """Send to the extension's actor if there is one; False if nobody got it."""
        address = self._extensions.get(extension)
        try:
            return address is not None and address.tell(message)
        except SystemStopped:
            return False

    def load(self, extension: str, version: str, module: str, timeout: float) -> tuple[JobType, ...]:
        """Load, or load anew, a module; jobs that run go on with theirs. Durable.

        Raises:
            Exception: whatever refused the module; what was loaded before stays.
        """
        address = self.extension_address(extension)
        if address.ref is None:
            # It died too often; whoever loads it anew thinks that it will not any more.
            with self._addressing:
                address.set(ExtensionActor.start(self, extension))
        job_types: tuple[JobType, ...] = address.ask(LoadExtension(version, module), timeout)
        return job_types

    def unload(self, extension: str, timeout: float, *, record: bool = True) -> None:
        """Clean up an extension whose jobs have ended and stop its actor.

        Raises:
            ExtensionBusy: it has running jobs.
        """
        address = self._extensions.get(extension)
        if address is None:
            return
        address.ask(UnloadExtension(record), timeout)
        self._extensions.pop(extension, None)
        self._stop_actor(address)

    def stop_admitting(self, extension: str, timeout: float) -> tuple[UUID, ...]:
        """Start no more jobs of this extension; returns those that run."""
        address = self._extensions.get(extension)
        if address is None:
            return ()
        running: tuple[UUID, ...] = address.ask(StopAdmitting(), timeout)
        return running

    def offer_slot(self) -> None:
        """If a slot is free, tell the extension that is next in line."""
        while not self.closing and (extension := self.slots.next()) is not None:
            if self._tell_extension(extension, SlotFree()):
                return
            # An actor that takes this one's place asks for itself.
            self.slots.leave(extension)

    # --- restarts ----------------------------------------------------------------------------------------------------

    def actor_died(self, name: str, reason: str) -> None:
        """An actor failed; called on its thread."""
        if name == "log":
            self._break_lanes(f"the log writer died: {reason}")
        self.supervisor.tell(ActorDied(name, reason))

    def _break_lanes(self, reason: str) -> None:
        # Which of a lane's events the dead writer stored is not known here. Its jobs are rebuilt from the log, which
        # does know.
        for lane in list(self._lanes.values()):
            for entry in lane.break_off(reason):
                if entry.token and (wake := lane.reply(CommitFailed(entry.token, reason, refused=True))):
                    wake()

    def restart(self, name: str) -> None:
        """Start a new actor in the place of one that died; called by the supervisor."""
        address = self._address_of(name)
        if self.closing or address is None or address.ref is None or address.ref.is_alive():
            return
        if name == "log":
            self._start_log()
        elif name == "router":
            self._start_router()
        else:
            self._restart_extension(name.removeprefix("extension:"), address)

    def give_up(self, name: str) -> None:
        """The actor died too often: whoever needs it is told so from now on."""
        address = self._address_of(name)
        if address is not None:
            address.set(None)
        if name == "log":
            self._break_lanes("the log writer died too often")  # those that were opened since its last death
        elif name == "router":
            give_up_calls(self._open_calls, self.operations, self.jobs.answer)

    def _address_of(self, name: str) -> Address | None:
        return {"log": self.log, "router": self.router}.get(name) or self._extensions.get(name.partition(":")[2])

    def _start_log(self) -> None:
        self._commits.lingering = self._commits.watched = False
        self.log.set(LogWriter.start(self._commits, lambda: list(self._lanes), self.clock, self._death_of("log")))
        # What was laid down while there was nobody to tell.
        for lane in list(self._lanes.values()):
            if lane.waiting:
                self.log.tell(LaneFlush(lane.stream))

    def _start_router(self) -> None:
        self.router.set(
            OperationRouter.start(
                self.operations,
                self._workers,
                self._loop,
                self._open_calls,
                self.jobs.answer,
                self.hooks,
                self.clock,
                self._death_of("router"),
            )
        )

    def _death_of(self, name: str) -> Callable[[str], None]:
        return lambda reason: self.actor_died(name, reason)

    def _restart_extension(self, extension: str, address: Address) -> None:
        """A new actor for the extension, with the queue that the log has for it."""
        address.set(ExtensionActor.start(self, extension))
        extension_state = self.store.state(extension_stream(extension))
        if isinstance(extension_state, ExtensionState) and extension_state.enabled:
            # Told, not asked: if this fails, the actor dies of it and the supervisor tries again.
            address.tell(LoadExtension(extension_state.version, extension_state.module))
        page = self.store.jobs(JobQuery(statuses=frozenset({Status.QUEUED}), extension=extension, limit=1_000_000))
        for state in reversed(page.jobs):
            address.tell(Admit(state.job_id))

    # --- the end -----------------------------------------------------------------------------------------------------

    def shutdown(self, grace: float, reason: str, last: Callable[[], object] = lambda: None) -> None:
        """Ask running jobs to stop, stop those that do not within ``grace`` seconds, then stop the actors.

        What was acknowledged is on disk afterwards; jobs without an end are recovered by the next process. ``last`` is
        called while the log can still be appended to and nothing else will be.
        """
        with self._starting:
            if self.closing:
                return
            self.closing = True
        for job_id in self.jobs.ids():
            self.jobs.tell(job_id, SuspendJob(reason))
        if not self.jobs.wait_none(grace):
            for job_id in self.jobs.ids():
                self.jobs.kill(job_id, KillJob("grace"))
            # A killed guest ends at its next branch; what is left after this is stuck in the host.
            if not self.jobs.wait_none(max(2.0, grace)):
                logger.error("%d jobs did not stop: %s", len(self.jobs), self.jobs.ids())
        for extension in list(self._extensions):
            try:
                self.unload(extension, timeout=max(2.0, grace), record=False)
            except Exception:
                logger.exception("extension %s could not be unloaded", extension)
        for address in (*self._extensions.values(), self.router, self.supervisor):
            self._stop_actor(address)
        try:
            last()
        finally:
            self._stop_actor(self.log)
        self._workers.close()
        self._loop.close(max(2.0, grace))

    def suspend_jobs(self, job_ids: Sequence[UUID], reason: str) -> None:
        """Ask running jobs to stop, and stop those that do not within the grace period."""
        for job_id in job_ids:
            self.jobs.tell(job_id, SuspendJob(reason))
            self.supervisor.tell(KillLater(job_id))

    def _stop_actor(self, address: Address) -> None:
        ref = address.ref
        address.set(None)
        if ref is not None and ref.is_alive():
            try:
                ref.stop(block=True, timeout=10.0)
            except pykka.Timeout:
                logger.error("actor %s did not stop", address.name)

    # --- what can be measured ----------------------------------------------------------------------------------------

    def mailbox_depths(self) -> dict[str, int]:
        """See `Gauges.mailbox_depths`."""
        return {
            "log": self.log.depth(),
            "lanes": sum(lane.waiting for lane in list(self._lanes.values())),
            "router": self.router.depth(),
            "supervisor": self.supervisor.depth(),
            "extension": sum(address.depth() for address in list(self._extensions.values())),
            "job": self.jobs.waiting(),
        }

    def lost_threads(self) -> int:
        """Threads that run operations which nobody waits for any more."""
        return self._workers.lost()

    def held_calls(self) -> int:
        """Calls of operations that wait for room in a budget."""
        return sum(call.is_held for _, call in self._open_calls.all())

    def loaded(self) -> list[str]:
        """The extensions that have an actor."""
        return list(self._extensions)
