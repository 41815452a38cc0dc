"""Guests that are led to where they were: what reaches them meanwhile, what counts, and long runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from tests.support.actor_rig import Rig
from tests.support.python_guest import FUEL_PER_CALL, PythonGuests, PythonHost, PythonOperations
from tests.support.waiting import TIMEOUT, wait_for_log

from perdure.actors import ActorHooks, Exit, GuestResult, GuestSpec, Interrupt, OperationCall
from perdure.actors.hooks import JobMeter
from perdure.actors.requeueing import ReplayLimit
from perdure.store import Status
from perdure.store import events as ev

MakeRig = Callable[..., Rig]
ITEMS = 6


class Worker:
    """A guest that counts to `ITEMS`, with a checkpoint behind the third, and the same however often it is run.

    It stops for a moment behind the fifth, as often as ``stops`` says, so that its process can be crashed there:
    ``there`` is released. In ``led`` it stops, without calling its host, when the log has led it behind the second.
    """

    def __init__(self, *, prologue: bool = False, stops: int = 1, led: bool = False) -> None:
        self.there = threading.Semaphore(0)
        self.held = threading.Semaphore(0)
        self.states: list[bytes] = []
        self._prologue = prologue
        self._stops = stops
        self._led = led

    def __call__(self, host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        self.states.append(state)
        if state and self._prologue:
            host.log(1, "going on")
        for number in range(int(state or b"0"), ITEMS):
            host.increment_items()
            if number == 2:
                host.checkpoint(b"3")
            if number == 1 and host.is_led and self._led:
                self.held.release()
                host.block()
            if number == 4 and not host.is_led and self._stops:
                self._stops -= 1
                self.there.release()
                host.block()

    def crash(self, rig: Rig, job_id: UUID) -> None:
        """Let its process die where it stops."""
        assert self.there.acquire(timeout=TIMEOUT)
        wait_for_log(rig.store, lambda: rig.job(job_id).items == 5)
        rig.crash()


class Meters(ActorHooks):
    """What each attempt is measured to have done."""

    def __init__(self) -> None:
        self.work: list[tuple[int, int]] = []
        self.replayed_calls = 0

    def attempt_ended(self, meter: JobMeter) -> None:
        self.work.append((sum(meter.calls), meter.fuel))

    def replayed(self, extension: str, calls: int) -> None:
        self.replayed_calls += calls


def guest_calls(rig: Rig, job_id: UUID) -> list[int]:
    return [event.call for event in rig.events(job_id) if isinstance(event, ev.GuestEvent)]


# --- what counts -----------------------------------------------------------------------------------------------------


def test_only_new_work_is_measured(make_rig: MakeRig) -> None:
    worker, hooks = Worker(), Meters()
    rig = make_rig(PythonGuests(worker))
    job_id = rig.dispatch()
    worker.crash(rig, job_id)

    rig = make_rig(PythonGuests(worker), predecessor=rig, hooks=hooks)

    state = rig.wait(job_id, Status.COMPLETED)
    assert (state.items, state.fuel) == (ITEMS, 7 * FUEL_PER_CALL)
    rig.over(job_id)
    assert hooks.work == [(1, FUEL_PER_CALL)]
    assert hooks.replayed_calls == 6
    assert guest_calls(rig, job_id) == [1, 2, 3, 4, 5, 6, 7]


def test_what_was_done_is_not_done_again(make_rig: MakeRig) -> None:
    ran: list[int] = []
    there = threading.Semaphore(0)
    heard: list[list[bytes]] = []

    def read(call: OperationCall) -> bytes:
        ran.append(call.call)
        return b'{"n": %d}' % len(ran)

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        answers = [host.call("query:read") for _ in range(3)]
        host.checkpoint(b"".join(answers))
        if not heard:
            heard.append(answers)
            there.release()
            host.block()
        heard.append(answers)

    rig = make_rig(PythonGuests(body), operations=PythonOperations(read=read))
    job_id = rig.dispatch()
    assert there.acquire(timeout=TIMEOUT)
    rig.crash()

    rig = make_rig(PythonGuests(body), predecessor=rig, operations=PythonOperations(read=read))

    rig.wait(job_id, Status.COMPLETED)
    assert ran == [1, 2, 3]
    assert heard[0] == heard[1] == [b'{"n": 1}', b'{"n": 2}', b'{"n": 3}']


# --- what reaches a guest that is led --------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "status"), [("cancel", Status.CANCELLED), ("pause", Status.PAUSED)])
def test_a_guest_that_is_led_can_be_stopped_and_nothing_is_lost(make_rig: MakeRig, action: str, status: Status) -> None:
    worker = Worker()
    rig = make_rig(PythonGuests(worker))
    job_id = rig.dispatch()
    worker.crash(rig, job_id)
    before = rig.job(job_id)
    slow = Worker(stops=0, led=True)
    rig = make_rig(PythonGuests(slow), predecessor=rig, kill_grace=1.0)
    assert slow.held.acquire(timeout=TIMEOUT)

    rig.control(job_id, action)
    rig.advance(1.0)

    state = rig.wait(job_id, status)
    assert (state.items, state.fuel, state.progress) == (before.items, before.fuel, before.progress)
    end = rig.events(job_id)[-1]
    assert isinstance(end, ev.JobCancelled | ev.JobPaused)
    assert end.forced
    if status is Status.PAUSED:
        rig.over(job_id)
        rig.system.guests = PythonGuests(Worker(stops=0))
        rig.control(job_id, "resume")
        assert rig.wait(job_id, Status.COMPLETED).items == ITEMS
        assert guest_calls(rig, job_id) == [1, 2, 3, 4, 5, 6, 7]


def test_a_pause_that_comes_meanwhile_is_told_when_the_log_has_ended(make_rig: MakeRig) -> None:
    worker = Worker()
    rig = make_rig(PythonGuests(worker))
    job_id = rig.dispatch()
    worker.crash(rig, job_id)
    go, told = threading.Event(), threading.Event()
    polite = Worker(stops=0)

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult | None:
        told.set()
        assert go.wait(TIMEOUT)
        polite(host, state, spec)
        if host.check_interrupt() is Interrupt.PAUSE:
            return GuestResult(Exit.INTERRUPTED, host.fuel)
        return None

    rig = make_rig(PythonGuests(body), predecessor=rig)
    assert told.wait(TIMEOUT)
    rig.control(job_id, "pause")
    go.set()

    state = rig.wait(job_id, Status.PAUSED)
    assert (state.items, state.is_broken_off) == (ITEMS, False)
    assert rig.tags(job_id)[-3:] == ["items", "interrupt", "paused"]


def test_what_it_had_been_told_before_the_crash_does_not_pause_it_for_ever(make_rig: MakeRig) -> None:
    asked, go, there = threading.Event(), threading.Event(), threading.Semaphore(0)
    crash = True

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult | None:
        host.increment_items()
        asked.set()
        assert go.wait(TIMEOUT)
        if not state and host.check_interrupt() is Interrupt.PAUSE:
            host.checkpoint(b"paused")
            if crash:
                there.release()
                host.block()
            return GuestResult(Exit.INTERRUPTED, host.fuel)
        return None

    rig = make_rig(PythonGuests(body))
    job_id = rig.dispatch()
    assert asked.wait(TIMEOUT)
    rig.control(job_id, "pause")
    go.set()
    assert there.acquire(timeout=TIMEOUT)
    crash = False
    rig.crash()

    rig = make_rig(PythonGuests(body), predecessor=rig)
    assert rig.status(job_id) is Status.PAUSED, "the pause is met, if by force"
    rig.control(job_id, "resume")

    wait_for_log(rig.store, lambda: rig.status(job_id) is Status.SUSPENDED)
    rig.over(job_id)
    rig.advance(1.0)
    state = rig.wait(job_id, Status.COMPLETED)
    assert (state.items, state.checkpoints) == (2, 1)
    assert rig.tags(job_id)[-9:] == [
        "checkpoint", "paused", "recovered", "started", "suspended", "resumed", "started", "items", "completed",
    ]  # fmt: skip


# --- long runs -------------------------------------------------------------------------------------------------------


def long_run(make_rig: MakeRig, worker: Worker, limit: ReplayLimit) -> tuple[Rig, UUID]:
    """A job whose process died behind its checkpoint, in the next process."""
    rig = make_rig(PythonGuests(worker))
    job_id = rig.dispatch()
    worker.crash(rig, job_id)
    return make_rig(PythonGuests(worker), predecessor=rig, replay_limit=limit), job_id


def test_a_long_run_is_taken_up_from_its_checkpoint(make_rig: MakeRig) -> None:
    worker = Worker()
    rig, job_id = long_run(make_rig, worker, ReplayLimit(events=0))

    state = rig.wait(job_id, Status.COMPLETED)
    assert worker.states == [b"", b"3"]
    assert (state.items, state.superseded) == (ITEMS, [])
    assert guest_calls(rig, job_id) == [1, 2, 3, 4, 5, 6, 7]
    (recovered,) = [event for event in rig.events(job_id) if isinstance(event, ev.JobRecovered)]
    assert recovered.origin == 6


def test_a_guest_that_begins_otherwise_from_its_checkpoint_begins_a_new_run(make_rig: MakeRig) -> None:
    worker = Worker(prologue=True)
    rig, job_id = long_run(make_rig, worker, ReplayLimit(fuel=1))

    wait_for_log(rig.store, lambda: rig.status(job_id) is Status.SUSPENDED)
    rig.over(job_id)
    rig.advance(1.0)
    state = rig.wait(job_id, Status.COMPLETED)
    assert worker.states == [b"", b"3", b"3"]
    assert state.items == ITEMS
    (suspended,) = [event for event in rig.events(job_id) if isinstance(event, ev.JobSuspended)]
    assert suspended.reason.startswith("it began otherwise from its checkpoint: call 5: recorded was ")
    assert not suspended.forced
    (resumed,) = [event for event in rig.events(job_id) if isinstance(event, ev.JobResumed)]
    assert resumed.checkpoint == 6
    assert state.superseded == [(6, rig.events(job_id).index(resumed) + 1)]
    assert rig.tags(job_id)[-6:] == ["started", "log", "items", "items", "items", "completed"]


def test_the_same_guest_is_led_from_the_beginning_where_its_run_is_short(make_rig: MakeRig) -> None:
    worker = Worker(prologue=True)
    rig, job_id = long_run(make_rig, worker, ReplayLimit())

    state = rig.wait(job_id, Status.COMPLETED)
    assert worker.states == [b"", b""]
    assert (state.items, state.superseded) == (ITEMS, [])


def test_a_long_run_is_taken_up_from_there_again(make_rig: MakeRig) -> None:
    worker = Worker()
    rig, job_id = long_run(make_rig, worker, ReplayLimit(events=0))
    rig.crash()  # wherever it is

    rig = make_rig(PythonGuests(worker), predecessor=rig, replay_limit=ReplayLimit(events=0))

    state = rig.wait(job_id, Status.COMPLETED)
    assert set(worker.states[1:]) == {b"3"}
    assert guest_calls(rig, job_id) == [1, 2, 3, 4, 5, 6, 7]
    assert state.items == ITEMS
