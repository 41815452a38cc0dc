"""A replay that stands still: a person walks through a job's run, call by call, forward and back.

The guest is run again in a sandbox, led by the log, and stopped at each host call before it is answered. Going back is
running it again from where the run began, which is fast. Nothing live ever happens: where the log ends, the guest is
let go on only if it had ended its run itself, and any further host call stops it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, NoReturn
from uuid import UUID

import msgspec

from perdure.actors.guest import (
    Exit,
    Guest,
    GuestFactory,
    GuestHost,
    GuestLoadFailed,
    GuestResult,
    GuestSpec,
    Interrupt,
    StopGuest,
)
from perdure.actors.replay.divergence import Divergence
from perdure.actors.replay.job_log import run_calls
from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.actors.replay.replay_host import ReplayHost
from perdure.runtime.errors import CannotStep
from perdure.runtime.proof.job_source import JobSource, StoredJob
from perdure.runtime.proof.recorded_runs import History, RecordedRun, history_of
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.timetravel.call_search import find_call
from perdure.store import job_evolution
from perdure.store.blobs import load_payload
from perdure.store.errors import StoreError
from perdure.store.event_store import EventStore, StoredEvent
from perdure.store.events import CheckpointSaved, JobError, Payload, job_stream
from perdure.store.job_state import JobState, Run

_REMEMBERED: Final = 512  # calls behind the guest that can be shown without running it again
_SPARE: Final = 10_000_000  # units of fuel beyond the recorded ones, before a guest is stopped that goes another way


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Where the guest stands: at host call ``call``, before it is answered.

    ``fuel`` is what it has consumed in this run. ``recorded`` is what the log has of the call: what was asked, and what
    will be answered; None for a check for interrupts that was answered with 0, and at the two ends.
    """

    call: int
    fuel: int
    recorded: RecordedCall | None = None


class End(msgspec.Struct, frozen=True, kw_only=True):
    """Where the run ends: behind host call ``call``.

    ``recorded`` is the event that ended it in the log, None if it was broken off or has not ended. ``exit`` and
    ``error`` are what the guest did now; ``exit`` is None where it was not let go on, because it had not ended its run
    itself. ``open_call`` is what it asked there and was not answered. ``divergence`` or ``unreadable`` say why it was
    stopped before the log ended.
    """

    call: int
    fuel: int
    recorded: StoredEvent | None
    exit: Exit | None = None
    error: JobError | None = None
    open_call: RecordedCall | None = None
    divergence: Divergence | None = None
    unreadable: str = ""


class Stepper:
    """Walks through one run of a job. For one thread; a context manager.

    Attributes:
        history: the job's runs.
        run: the one that it is in.
        here: where it stands.

    Args:
        source: the job.
        guests: makes the sandboxes.
        run: the number of the run, from 1; None is the last one.

    Raises:
        CannotStep: the job has no such run, or its guest cannot be made.
        StoreError: the log cannot be read.
    """

    def __init__(self, source: JobSource, guests: GuestFactory, run: int | None = None) -> None:
        self._source = source
        self._guests = guests
        self.history: History = history_of(source.read(job_stream(source.job_id)))
        if not self.history.runs:
            raise CannotStep(str(source.job_id), "it has not begun yet")
        number = len(self.history.runs) if run is None else run
        if not 1 <= number <= len(self.history.runs):
            raise CannotStep(str(source.job_id), f"it has runs 1 to {len(self.history.runs)}, not {number}")
        self.run: RecordedRun = self.history.runs[number - 1]
        self._drive: _Drive | None = None
        self.here: Step | End = Step(call=self.first - 1, fuel=0)

    def __enter__(self) -> Stepper:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the guest; idempotent."""
        if self._drive is not None:
            self._drive.close()
            self._drive = None

    # --- walking -----------------------------------------------------------------------------------------------------

    @property
    def first(self) -> int:
        """The number of the run's first host call."""
        return self.run.calls_before + 1

    @property
    def last(self) -> int:
        """The number of the last one that left an event; checks for interrupts may follow."""
        return max(self.run.last_call, self.run.calls_before)

    def enter(self, run: int) -> Step | End:
        """Go to the beginning of another run. Raises `CannotStep` if there is none."""
        if not 1 <= run <= len(self.history.runs):
            raise CannotStep(str(self._source.job_id), f"it has runs 1 to {len(self.history.runs)}, not {run}")
        self.close()
        self.run = self.history.runs[run - 1]
        self.here = Step(call=self.first - 1, fuel=0)
        return self.here

    def at(self, call: int) -> Step | End:
        """Go to a host call; before the first one is the beginning, behind the last one the end.

        Raises:
            CannotStep: the guest cannot be made.
            StoreError: the log cannot be read.
        """
        if call < self.first:
            self.here = Step(call=self.first - 1, fuel=0)
            return self.here
        drive = self._drive
        known = drive.remembered(call) if drive is not None else None
        if known is None:
            if drive is None or call <= drive.passed:
                self.close()
                drive = self._drive = self._new_drive()
            known = drive.go(call)
        self.here = known
        return known

    def forward(self, calls: int = 1) -> Step | End:
        """Go on by so many calls."""
        return self.here if isinstance(self.here, End) else self.at(self.here.call + calls)

    def back(self, calls: int = 1) -> Step | End:
        """Go back by so many; from the end the first one leads to the last call that there was."""
        behind = 1 if isinstance(self.here, End) else 0
        return self.at(self.here.call + behind - calls)

    def _new_drive(self) -> _Drive:
        source, run, dispatched = self._source, self.run, self.history.dispatched
        limits = dispatched.limits
        left = None if limits.fuel is None else max(0, limits.fuel - run.fuel_before)
        spec = GuestSpec(
            job_id=self.run.guest_id,
            library_id=dispatched.library_id,
            extension=dispatched.extension,
            module=run.module,
            export=run.export,
            fuel=left,
            memory_bytes=limits.memory_bytes,
            stack_bytes=limits.stack_bytes,
            payload_bytes=limits.payload_bytes,
            checkpoint_bytes=limits.checkpoint_bytes,
        )
        recorded = max(run.last_fuel, run.led_fuel, getattr(run.end.event, "fuel", 0) if run.end is not None else 0)
        allowed = 8 * recorded + _SPARE
        return _Drive(
            source,
            self.calls,
            load_payload(source.blobs, self.input()),
            lambda: self._guests(spec),
            run,
            allowed if left is None else min(allowed, left),
        )

    # --- looking -----------------------------------------------------------------------------------------------------

    def calls(self) -> Iterator[RecordedCall]:
        """The run's calls as the log has them, which leaves out checks for interrupts that were answered with 0."""
        run = self.run
        span = Run(run.origin, run.after, run.fuel_before, calls=run.calls_before)
        return run_calls(self._source, self._source.job_id, span, run.until)

    def find(self, wanted: Callable[[RecordedCall], bool], *, backward: bool = False) -> int | None:
        """The number of the next, or the last, call before here that is ``wanted``; None if there is none."""
        here = self.here.call + (1 if isinstance(self.here, End) and backward else 0)
        return find_call(self.calls(), here, wanted, backward=backward)

    def run_of(self, sequence: int) -> tuple[int, int] | None:
        """The run, and the call in it, of an event of the job: the first one at or behind it; None if there is none."""
        for run in self.history.runs:
            if run.after < sequence <= run.until:
                span = Run(run.origin, run.after, run.fuel_before, calls=run.calls_before)
                for call in run_calls(self._source, self._source.job_id, span, run.until):
                    if call.sequence >= sequence:
                        return run.number, call.call
                return run.number, run.last_call + 1
        return None

    def sequence(self) -> int:
        """The last event of the job's history that had happened here, the call at which the guest stands among them."""
        if isinstance(self.here, End):
            return self.run.until
        sequence = self.run.after
        for call in self.calls():
            if call.call > self.here.call:
                break
            sequence = call.sequence
        return sequence

    def state(self) -> JobState:
        """The job as it was here."""
        until = self.sequence()
        events = self._source.read(job_stream(self._source.job_id), until=until)
        return job_evolution.fold(None, ((stored.event, stored.sequence, stored.time) for stored in events))

    def input(self) -> Payload:
        """The state that the run began with."""
        if not self.run.origin:
            return self.history.dispatched.state
        stream, origin = job_stream(self._source.job_id), self.run.origin
        for stored in self._source.read(stream, after=origin - 1, until=origin):
            if isinstance(stored.event, CheckpointSaved):
                return stored.event.state
        raise CannotStep(str(self._source.job_id), f"no checkpoint stands at event {origin}, where the run began")

    def guest_state(self) -> Payload:
        """The guest's state that was saved last here, or that the run began with."""
        return self._saved(self.sequence())

    def guest_state_before(self) -> Payload:
        """The same without what the call saves at which the guest stands: the two differ at a checkpoint."""
        here = self.here
        if isinstance(here, Step) and here.recorded is not None:
            return self._saved(here.recorded.sequence - 1)
        return self._saved(self.sequence())

    def _saved(self, until: int) -> Payload:
        state = self.input()
        if until <= self.run.after:
            return state
        for stored in self._source.read(job_stream(self._source.job_id), after=self.run.after, until=until):
            if isinstance(stored.event, CheckpointSaved):
                state = stored.event.state
        return state


def stepper_of(
    store: EventStore, job_id: UUID, keychain: Keychain, guests: GuestFactory, run: int | None = None
) -> Stepper:
    """A stepper for a job in a log, as it is at this moment; nothing is written to the log.

    Raises:
        UnknownJob, JobIsFolded: there is no such job, or no history of it any more.
        CannotStep, StoreError: as `Stepper`.
    """
    return Stepper(StoredJob(store, job_id, keychain), guests, run)


class _Drive:
    """One guest that is run again, on a thread of its own, and stands still where it was told to."""

    def __init__(
        self,
        source: JobSource,
        calls: Callable[[], Iterator[RecordedCall]],
        state: bytes,
        make: Callable[[], Guest],
        run: RecordedRun,
        fuel: int,
    ) -> None:
        self.passed = run.calls_before  # the last call that the guest came to
        self._run = run
        self._state = state
        self._make = make
        self._fuel = fuel
        self._changed = threading.Condition()
        self._target = 0
        self._stopped = False
        self._guest: Guest | None = None
        self._end: End | None = None
        self._failure: BaseException | None = None
        self._open: RecordedCall | None = None
        self._beyond: Divergence | None = None
        self._recent: deque[Step] = deque(maxlen=_REMEMBERED)
        self._host = ReplayHost(self._watched(calls()), source.opened, self, exact=False, after=run.calls_before)
        self._thread = threading.Thread(target=self._work, name="stepper", daemon=True)
        self._started = False

    # --- for whoever walks -------------------------------------------------------------------------------------------

    def remembered(self, call: int) -> Step | End | None:
        """The step, if the guest came by lately."""
        with self._changed:
            if self._end is not None and call > self._end.call:
                return self._end
            return next((step for step in reversed(self._recent) if step.call == call), None)

    def go(self, call: int) -> Step | End:
        """Let the guest go on to a call; returns where it came to."""
        with self._changed:
            self._target = call
            if not self._started:
                self._started = True
                self._thread.start()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._end is not None or self._failure is not None or self.passed >= call)
            if self._failure is not None:
                raise self._failure
            found = next((step for step in reversed(self._recent) if step.call == call), None)
            return found or self._end or self._recent[-1]

    def close(self) -> None:
        """Stop the guest and wait for its thread."""
        with self._changed:
            self._stopped = True
            guest = self._guest
            self._changed.notify_all()
        if guest is not None:
            guest.kill()
        if self._started:
            self._thread.join()

    # --- on the guest's thread ---------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            guest = self._make()
        except GuestLoadFailed as failure:
            self._fail(CannotStep(str(self._run.guest_id), failure.error.message))
            return
        except Exception as error:  # noqa: BLE001  # whoever waits is told, whatever it is
            self._fail(error)
            return
        try:
            with self._changed:
                self._guest = guest
            guest.allow_fuel(self._fuel)
            result = self._run_guest(guest)
        except Exception as error:  # noqa: BLE001  # as above
            self._fail(error)
        else:
            self._ended(result)
        finally:
            with self._changed:
                self._guest = None
            guest.close()

    def _run_guest(self, guest: Guest) -> GuestResult:
        try:
            self._host.begin()
        except StopGuest:
            return GuestResult(Exit.STOPPED, 0)
        if self._stopped:
            return GuestResult(Exit.STOPPED, 0)
        return guest.run(self._host, self._state)

    def _ended(self, result: GuestResult) -> None:
        host = self._host
        if result.exit is not Exit.STOPPED and self._failure is None:
            host.ended(result.exit.value)
        unreadable = host.unreadable or host.broken
        with self._changed:
            self._end = End(
                call=self.passed,
                fuel=result.fuel,
                recorded=self._run.end,
                exit=result.exit if result.exit is not Exit.STOPPED else None,
                error=result.error,
                open_call=self._open,
                divergence=host.divergence or self._beyond,
                unreadable=str(unreadable) if unreadable is not None else "",
            )
            self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _watched(self, calls: Iterator[RecordedCall]) -> Iterator[RecordedCall]:
        try:
            yield from calls
        except StoreError as error:
            self._failure = error
            raise StopGuest from None

    def replayed(self, call: int, fuel: int, recorded: RecordedCall | None) -> None:
        """See `ReplayWatch.replayed`."""
        step = Step(call=call, fuel=fuel, recorded=recorded)
        self._recent.append(step)
        if call < self._target and not self._stopped:
            self.passed = call
            return
        with self._changed:
            self.passed = call
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopped or self._target > call)
            if self._stopped:
                raise StopGuest

    def live(self, calls: int, fuel: int, open_call: RecordedCall | None) -> GuestHost:
        """See `ReplayWatch.live`: nothing is."""
        self._open = open_call
        if not self._run.by_guest:
            raise StopGuest
        return _Wall(self, calls)

    def went_on(self, call: int, function: str) -> None:
        """The guest calls its host where it had ended its run."""
        recorded = {"function": "none", "end": self._run.end_name}
        self._beyond = Divergence(call, self._run.until, recorded, {"function": function})


class _Wall:
    """The `GuestHost` behind the end of the log, for a guest that ended its run: it answers what leaves no event."""

    def __init__(self, drive: _Drive, calls: int) -> None:
        self._drive = drive
        self._calls = calls

    def check_interrupt(self, fuel: int) -> Interrupt:
        """See `GuestHost.check_interrupt`: it was told to go on, else that would be in the log."""
        self._calls += 1
        self._drive.replayed(self._calls, fuel, None)
        return Interrupt.CONTINUE

    def log(self, fuel: int, level: int, message: str) -> None:
        """See `GuestHost.log`."""
        self._stop("log")

    def report_progress(self, fuel: int, progress: float, message: str) -> None:
        """See `GuestHost.report_progress`."""
        self._stop("report_progress")

    def checkpoint(self, fuel: int, state: bytes) -> bool:
        """See `GuestHost.checkpoint`."""
        self._stop("checkpoint")

    def add_warning(self, fuel: int, message: str) -> None:
        """See `GuestHost.add_warning`."""
        self._stop("add_warning")

    def increment_items(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_items`."""
        self._stop("increment_items")

    def increment_bytes(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_bytes`."""
        self._stop("increment_bytes")

    def call(self, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        """See `GuestHost.call`."""
        self._stop("call")

    def _stop(self, function: str) -> NoReturn:
        self._drive.went_on(self._calls + 1, function)
        raise StopGuest
