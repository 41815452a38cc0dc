"""Jobs that are led to where they were take turns: in order, fairly, and what reaches those that wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from tests.support.actor_rig import Rig
from tests.support.python_guest import PythonGuests, PythonHost
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import GuestSpec
from perdure.actors.replay.gate import SECONDS, ReplayGate
from perdure.store import Status

MakeRig = Callable[..., Rig]
CALLS = 1000  # more than a guest that computes makes in a turn


class Led:
    """Guests that make `CALLS` calls and stop there, for the crash; led again, they go on to their end.

    The one that is led first is ``slow`` if there is to be one: when it has been led through ``slow_after`` calls, it
    waits until it is let go; ``slow_there`` says that it does.
    """

    def __init__(self, slow_after: int | None) -> None:
        self.there = threading.Semaphore(0)
        self.slow: UUID | None = None
        self.slow_there = threading.Event()
        self.let_go = threading.Event()
        self.begun: list[UUID] = []  # in the order in which they were led
        self.done: list[UUID] = []  # in the order in which they had been led to the last call but one
        self.most = 0  # at once
        self.crashed = False
        self.slow_after = slow_after

    def __call__(self, host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        for number in range(1, CALLS + 1):
            host.increment_items()
            if host.is_led:
                self._led(host, spec.job_id, number)
        if not self.crashed:
            self.there.release()
            host.block()

    def _led(self, host: PythonHost, job_id: UUID, number: int) -> None:
        if number == 1:
            self.begun.append(job_id)
            self.most = max(self.most, len(self.begun) - len(self.done))
        if number == self.slow_after and self.slow in (None, job_id):
            self.slow = job_id
            self.slow_there.set()
            let_go = self.let_go
            while not let_go.wait(0.01):
                if host.killed.is_set():
                    host.block()
        if number == CALLS - 1:
            self.done.append(job_id)


class World:
    """Jobs whose process has died; `go_on` is the next one."""

    def __init__(self, make_rig: MakeRig, jobs: int, *, slow_after: int | None = 1) -> None:
        self._make_rig = make_rig
        self.led = Led(slow_after)
        self.guests = PythonGuests(self.led)
        self.rig = make_rig(self.guests)
        self.jobs = [self.rig.dispatch() for _ in range(jobs)]
        for _ in self.jobs:
            assert self.led.there.acquire(timeout=TIMEOUT)
        # What they did is in the log before the crash.
        eventually(lambda: all(self.rig.job(job_id).items == CALLS for job_id in self.jobs))
        self.led.crashed = True
        self.rig.crash()

    def go_on(self) -> tuple[Rig, UUID, list[UUID]]:
        """The next process, the job that is slow in it, and those that stand in line by then."""
        self.rig = self._make_rig(self.guests, predecessor=self.rig)
        assert self.led.slow_there.wait(TIMEOUT)
        slow = self.led.slow
        assert slow is not None
        others = [job_id for job_id in self.jobs if job_id != slow]
        self.waiting(len(others))
        return self.rig, slow, others

    def waiting(self, jobs: int) -> None:
        """Return when so many stand in line."""
        eventually(lambda: self.rig.system.replay_gate.waiting == jobs)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody ends another's turn."""
    monkeypatch.setattr(ReplayGate, "press", lambda gate: None)


@pytest.mark.usefixtures("patient")
def test_one_is_led_at_a_time_and_all_come_to_their_end(make_rig: MakeRig) -> None:
    world = World(make_rig, 8)

    rig, _, others = world.go_on()
    assert len(world.led.begun) == 1
    world.led.let_go.set()

    for job_id in world.jobs:
        state = rig.wait(job_id, Status.COMPLETED)
        assert (state.items, state.attempts) == (CALLS, 2)
    assert world.led.most == 1
    assert world.led.begun == world.led.done
    assert set(world.led.begun[1:]) == set(others)


def test_one_that_computes_for_long_does_not_hold_up_the_others_nor_they_it(make_rig: MakeRig) -> None:
    world = World(make_rig, 4)
    rig, slow, others = world.go_on()

    rig.clock.advance(2 * SECONDS)

    for job_id in others:
        rig.wait(job_id, Status.COMPLETED)
    assert rig.status(slow) is Status.RUNNING
    world.led.let_go.set()
    assert rig.wait(slow, Status.COMPLETED).attempts == 2
    assert world.led.done == [*world.led.begun[1:], slow]


def test_one_that_calls_its_host_all_the_time_lines_up_again(make_rig: MakeRig) -> None:
    world = World(make_rig, 2, slow_after=CALLS - 10)
    rig, first, (second,) = world.go_on()
    let_first_go, world.led.let_go = world.led.let_go, threading.Event()
    world.led.slow_there.clear()
    world.led.slow = second

    rig.clock.advance(2 * SECONDS)
    assert world.led.slow_there.wait(TIMEOUT), "the second one has its turn"
    let_first_go.set()
    world.waiting(1)

    world.led.let_go.set()
    for job_id in world.jobs:
        rig.wait(job_id, Status.COMPLETED)
    assert world.led.done == [second, first]


@pytest.mark.usefixtures("patient")
def test_new_jobs_do_not_wait_for_those_that_are_led(make_rig: MakeRig) -> None:
    world = World(make_rig, 2)
    rig, slow, others = world.go_on()

    fresh = rig.dispatch()

    assert rig.wait(fresh, Status.COMPLETED).items == CALLS
    assert world.led.begun == [slow]
    world.led.let_go.set()
    rig.wait(others[0], Status.COMPLETED)


@pytest.mark.usefixtures("patient")
def test_one_that_waits_for_its_turn_pauses_at_once_and_goes_on_later(make_rig: MakeRig) -> None:
    world = World(make_rig, 2)
    rig, slow, (waits,) = world.go_on()

    rig.control(waits, "pause")

    rig.wait(waits, Status.PAUSED)
    rig.over(waits)
    assert world.led.begun == [slow]
    assert rig.system.replay_gate.waiting == 0
    rig.control(waits, "resume")
    world.waiting(1)
    world.led.let_go.set()
    state = rig.wait(waits, Status.COMPLETED)
    assert (state.items, state.superseded) == (CALLS, [])


@pytest.mark.usefixtures("patient")
def test_one_that_waits_for_its_turn_is_killed_at_the_end_of_its_grace(make_rig: MakeRig) -> None:
    world = World(make_rig, 2)
    rig, slow, (waits,) = world.go_on()

    rig.control(waits, "cancel")
    rig.advance(5.0)

    rig.wait(waits, Status.CANCELLED)
    assert world.led.begun == [slow]
    world.led.let_go.set()
    rig.wait(slow, Status.COMPLETED)


@pytest.mark.usefixtures("patient")
def test_one_that_is_cancelled_is_led_to_where_it_was_so_that_it_can_clean_up(make_rig: MakeRig) -> None:
    world = World(make_rig, 2)
    rig, slow, (waits,) = world.go_on()
    # Its thread may have come to the line only after the slow one had its turn; then there is nothing to clean up.
    started = rig.status(waits) is Status.RUNNING

    rig.control(waits, "cancel")
    world.led.let_go.set()

    rig.wait(waits, Status.CANCELLED, Status.COMPLETED)
    rig.wait(slow, Status.COMPLETED)
    assert world.led.done == ([slow, waits] if started else [slow])


@pytest.mark.usefixtures("patient")
def test_a_runtime_that_closes_does_not_lead_those_that_wait(make_rig: MakeRig) -> None:
    world = World(make_rig, 5)
    rig, slow, _ = world.go_on()

    rig.shutdown(grace=0)

    assert world.led.begun == [slow]
    assert {rig.status(job_id) for job_id in world.jobs} <= {Status.SUSPENDED, Status.QUEUED}
    world.led.let_go.set()
    rig = make_rig(world.guests, predecessor=rig)
    for job_id in world.jobs:
        state = rig.wait(job_id, Status.COMPLETED)
        assert (state.items, state.superseded) == (CALLS, [])


@pytest.mark.usefixtures("patient")
def test_a_turn_ends_with_its_attempt_however_that_ends(make_rig: MakeRig) -> None:
    world = World(make_rig, 2)
    rig, slow, (waits,) = world.go_on()

    rig.control(slow, "pause")
    rig.advance(5.0)

    rig.wait(slow, Status.PAUSED)
    rig.wait(waits, Status.COMPLETED)
