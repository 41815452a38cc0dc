"""Guests that fail, and jobs that go beyond their limits."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from tests.support.actor_rig import Rig
from tests.support.puppet import Puppets, Stopped
from tests.support.python_guest import PythonHost
from tests.support.waiting import TIMEOUT

from perdure.actors import Exit, GuestLoadFailed, GuestResult, GuestSpec
from perdure.store import Status
from perdure.store import events as ev
from perdure.store.events import JobError, JobLimits, RetryPolicy

MakeRig = Callable[..., Rig]


def test_a_guest_that_fails_fails_its_job(make_rig: MakeRig) -> None:
    error = JobError("trap", "unreachable", backtrace=(ev.WasmFrame("execute_count", 12),))
    rig = make_rig(body=lambda host, state, spec: GuestResult(Exit.FAILED, 55, 0, error))

    state = rig.wait(rig.dispatch(), Status.FAILED)

    assert (state.error, state.fuel) == (error, 55)


def test_a_guest_that_reports_failure_without_more_is_recorded_as_such(make_rig: MakeRig) -> None:
    rig = make_rig(body=lambda host, state, spec: GuestResult(Exit.FAILED, 0))

    state = rig.wait(rig.dispatch(), Status.FAILED)

    assert state.error is not None
    assert (state.error.kind, state.error.blame) == ("guest_failed", "guest")


def test_a_guest_that_cannot_be_made_fails_its_job(make_rig: MakeRig) -> None:
    puppets = Puppets()
    error = JobError("load_failed", "the module is missing", blame="host")

    def refuse(spec: GuestSpec) -> None:
        raise GuestLoadFailed(error)

    puppets.making = refuse
    rig = make_rig(puppets)

    job_id = rig.dispatch()

    assert rig.wait(job_id, Status.FAILED).error == error
    assert rig.tags(job_id) == ["dispatched", "started", "failed"]


def test_the_limit_on_fuel_is_the_jobs_not_the_attempts(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch(limits=JobLimits(fuel=100), retry=RetryPolicy(attempts=2, initial_ms=0))
    first = puppets.of(job_id)
    for _ in range(4):
        first.do(lambda host: host.increment_items())
    first.do(lambda host: host.checkpoint(b"at 50"))
    first.fail()

    second = puppets.of(job_id)
    assert second.spec.fuel == 50
    limit = ev.LimitUse("fuel", 50, 50, "fuel")
    second.end(Exit.FAILED, error=JobError("out_of_fuel", "the guest used 50", limit=limit))

    error = rig.wait(job_id, Status.FAILED).error
    assert error is not None
    assert error.limit is not None
    assert (error.limit.value, error.limit.unit) == (100, "fuel")
    assert "of 100 units" in error.message


def test_a_job_stops_at_its_wall_clock_limit(make_rig: MakeRig) -> None:
    started = threading.Event()

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        started.set()
        host.block()

    rig = make_rig(body=body)
    job_id = rig.dispatch(limits=JobLimits(wall_clock_ms=1_500))
    assert started.wait(TIMEOUT)
    rig.advance(1.499)
    assert rig.status(job_id) is Status.RUNNING

    rig.advance(0.001)

    error = rig.wait(job_id, Status.FAILED).error
    assert error is not None
    assert (error.kind, error.limit) == ("timeout", ev.LimitUse("wall_clock_ms", 1_500, 1_500, "ms"))


def test_the_wall_clock_of_an_attempt_does_not_stop_the_next_one(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    policy = RetryPolicy(attempts=2, initial_ms=600, jitter=0.0)
    job_id = rig.dispatch(limits=JobLimits(wall_clock_ms=1_000), retry=policy)
    puppets.of(job_id).fail()
    rig.over(job_id)
    rig.advance(0.6)
    second = puppets.of(job_id)

    rig.advance(0.999)

    second.do(lambda host: host.increment_items())
    second.end()
    rig.wait(job_id, Status.COMPLETED)


def test_a_job_may_make_as_many_events_a_second_as_its_limit_says(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch(limits=JobLimits(events_per_second=3))
    puppet = puppets.of(job_id)
    for _ in range(2):
        for _ in range(3):
            puppet.do(lambda host: host.increment_items())
        rig.clock.advance(1.0)
    puppet.end()

    assert rig.wait(job_id, Status.COMPLETED).items == 6


def test_a_job_that_makes_more_events_a_second_fails(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch(limits=JobLimits(events_per_second=3))
    puppet = puppets.of(job_id)
    for _ in range(3):
        puppet.do(lambda host: host.increment_items())
    rig.clock.advance(0.999)

    with pytest.raises(Stopped):
        puppet.do(lambda host: host.increment_items())

    state = rig.wait(job_id, Status.FAILED)
    assert state.error is not None
    assert (state.error.kind, state.error.limit) == ("event_rate", ev.LimitUse("events_per_second", 3, 4, "events/s"))
    assert state.items == 3


def test_checkpoints_and_questions_do_not_count_as_events(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch(limits=JobLimits(events_per_second=1))
    puppet = puppets.of(job_id)
    for _ in range(5):
        puppet.do(lambda host: host.checkpoint(b""))
        puppet.do(lambda host: host.check_interrupt())
    puppet.end()

    rig.wait(job_id, Status.COMPLETED)
