"""A replay that stands still at each host call."""

from __future__ import annotations

import threading
from pathlib import Path
from uuid import UUID

import pytest
from tests.support.acme import acme_module, install_acme
from tests.support.gate import Gate
from tests.support.job_history import events_of
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.travellers import World, bodies, guest_events, travellers
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import Exit, Guest, GuestLoadFailed, GuestResult, GuestSpec
from perdure.runtime import CannotStep, JobError, JobHandle, RetryPolicy, Runtime, Status
from perdure.runtime.timetravel.stepping import End, Step, Stepper
from perdure.store import UnknownJob
from perdure.store.events import CheckpointSaved, Inline, Sealed, WarningAdded


@pytest.fixture
def world(runtime: Runtime) -> World:
    return World(runtime)


@pytest.fixture
def jobs(runtime: Runtime, world: World, tmp_path: Path) -> PythonJobs:
    return travellers(runtime, tmp_path)


def done(job: JobHandle) -> JobHandle:
    job.wait(TIMEOUT)
    return job


def step_of(stepper: Stepper) -> Step:
    assert isinstance(stepper.here, Step)
    return stepper.here


def end_of(stepper: Stepper) -> End:
    found = stepper.at(10**9)
    assert isinstance(found, End)
    return found


def test_forward_through_all_calls_and_back(runtime: Runtime, jobs: PythonJobs, world: World) -> None:
    job = done(jobs.start())
    before, did = bodies(job), list(world.did)
    calls = {event.call: event for event in guest_events(job)}
    with runtime.stepper(job.job_id) as stepper:
        assert (stepper.first, stepper.last) == (1, max(calls))
        seen: list[Step] = []
        while isinstance(stepper.forward(), Step):
            seen.append(step_of(stepper))
        assert [step.call for step in seen] == list(range(1, stepper.last + 2))  # the last one asked, and left no event
        for step in seen:
            event = calls.get(step.call)
            assert (step.recorded is None) is (event is None)
            if event is not None and step.recorded is not None:
                assert step.recorded.fuel == step.fuel == event.fuel
        for step in reversed(seen):
            stepper.back()
            assert step_of(stepper) == step
        assert step_of(stepper).call == 1
        assert stepper.back().call == 0
    assert bodies(job) == before
    assert world.did == did


def test_jumps_lead_to_the_same_place_from_everywhere(runtime: Runtime, gate: Gate) -> None:
    job = done(runtime.dispatch("acme:twice", retry=RetryPolicy(attempts=2, initial_ms=1)))
    for run in (1, 2):
        with runtime.stepper(job.job_id, run) as stepper:
            straight = {call: stepper.at(call) for call in range(stepper.last + 2)}
            for call in (2, 1, 3, 0, 2, 2, 1):
                assert stepper.at(call) == straight[min(call, stepper.last + 1)]


def test_far_back_the_guest_is_run_again(runtime: Runtime, jobs: PythonJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[GuestSpec] = []

    def count(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        made.append(spec)
        for _ in range(1200):
            host.increment_items(1)

    jobs.body = count
    job = done(jobs.start())
    made.clear()
    with runtime.stepper(job.job_id) as stepper:
        stepper.at(1200)
        stepper.at(1190)
        assert len(made) == 1
        stepper.at(5)
        assert len(made) == 2
        assert step_of(stepper).call == 5
    assert {spec.job_id for spec in made} == {job.job_id}
    assert not [thread for thread in threading.enumerate() if thread.name == "stepper"]


def test_the_ends_of_runs(runtime: Runtime, gate: Gate, tmp_path: Path) -> None:
    job = done(runtime.dispatch("acme:twice", retry=RetryPolicy(attempts=2, initial_ms=1)))
    with runtime.stepper(job.job_id, 1) as stepper:
        end = end_of(stepper)
        assert (end.exit, end.error is not None and end.error.kind) == (Exit.FAILED, "guest_failed")
        assert end.recorded is not None
        assert end.divergence is None
    with runtime.stepper(job.job_id) as stepper:
        end = end_of(stepper)
        assert stepper.run.number == 2
        assert end.exit is Exit.COMPLETED
        assert end.fuel == getattr(end.recorded.event if end.recorded is not None else None, "fuel", None)
    trap = done(runtime.dispatch("acme:trap"))
    with runtime.stepper(trap.job_id) as stepper:
        end = end_of(stepper)
        assert end.error is not None
        assert end.error.kind == "trap"
    spin = runtime.dispatch("acme:spin")
    eventually(lambda: spin.items == 1)
    spin.cancel()
    assert done(spin).status is Status.CANCELLED
    with runtime.stepper(spin.job_id) as stepper:  # and does not loop for ever
        end = end_of(stepper)
        assert (end.call, end.exit, end.divergence) == (1, None, None)


def test_a_job_that_runs_is_followed_as_far_as_the_log_goes(runtime: Runtime, gate: Gate) -> None:
    job = runtime.dispatch("acme:polite")
    eventually(lambda: job.items == 1)
    with runtime.stepper(job.job_id) as stepper:
        end = end_of(stepper)
        assert (end.call, end.recorded, end.exit) == (1, None, None)
        assert job.status is Status.RUNNING
    job.cancel()
    done(job)


def test_a_call_that_got_no_answer_is_shown_at_the_end(runtime: Runtime, jobs: PythonJobs, world: World) -> None:
    jobs.body = lambda host, state, spec: host.increment_items(len(host.call("action:world.mail", b'{"n": 1}')))
    world.holding = True
    job = jobs.start()
    eventually(lambda: world.names() == [("mail", 1)])
    with runtime.stepper(job.job_id) as stepper:
        end = end_of(stepper)
        assert end.call == 0
        assert end.open_call is not None
        assert end.open_call.asked is not None
        assert end.open_call.asked.method == "action:world.mail"
    world.let_go()
    assert done(job).status is Status.COMPLETED


def test_a_guest_that_does_something_else_is_seen_where_it_does(runtime: Runtime, jobs: PythonJobs) -> None:
    job = done(jobs.start())

    def other(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult | None:
        host.log(1, f"I am {spec.job_id}")
        host.increment_items(99)
        return None

    jobs.body = other
    with runtime.stepper(job.job_id) as stepper:
        end = end_of(stepper)
        assert end.call == 1
        assert end.divergence is not None
        assert end.divergence.call == 2
        assert end.divergence.came == {"function": "increment_items", "count": 99}


def test_the_state_at_each_call(runtime: Runtime, jobs: PythonJobs) -> None:
    job = done(jobs.start())
    with runtime.stepper(job.job_id) as stepper:
        stepper.at(0)
        assert stepper.guest_state() == Inline(b"")
        stepper.at(5)
        assert stepper.state().items == 3
        saved = stepper.find(lambda call: isinstance(call.event, CheckpointSaved))
        assert saved == 6
        stepper.at(saved)
        assert stepper.guest_state() == Inline(b'{"round": 1}')
        assert stepper.find(lambda call: isinstance(call.event, CheckpointSaved)) == 12
        stepper.at(12)
        assert stepper.find(lambda call: isinstance(call.event, CheckpointSaved)) is None
        assert stepper.find(lambda call: isinstance(call.event, CheckpointSaved), backward=True) == 6
        end_of(stepper)
        assert stepper.find(lambda call: isinstance(call.event, CheckpointSaved), backward=True) == 12
        assert stepper.find(lambda call: isinstance(call.event, WarningAdded), backward=True) is None
        assert stepper.state().status is Status.COMPLETED


def test_an_event_is_found_in_its_run(runtime: Runtime, gate: Gate) -> None:
    job = done(runtime.dispatch("acme:twice", retry=RetryPolicy(attempts=2, initial_ms=1)))
    with runtime.stepper(job.job_id) as stepper:
        assert stepper.run_of(3) == (1, 1)
        assert stepper.run_of(5) == (1, 3)
        assert stepper.run_of(9) == (2, 1)
        assert stepper.run_of(1) is None
        assert stepper.run_of(99) is None
        assert stepper.enter(1).call == 0
        assert stepper.at(1).call == 1


def test_secrets_stay_sealed(runtime: Runtime, jobs: PythonJobs) -> None:
    jobs.body = lambda host, state, spec: host.increment_items(len(host.call("query:world.login")))
    job = done(jobs.start())
    with runtime.stepper(job.job_id) as stepper:
        stepper.at(1)
        recorded = step_of(stepper).recorded
        assert recorded is not None
        assert isinstance(recorded.answer, Sealed)
        assert "hunter2" not in repr(recorded)
        assert end_of(stepper).divergence is None


def test_a_fork_is_stepped_through_as_who_it_was(runtime: Runtime, jobs: PythonJobs) -> None:
    job = done(jobs.start())
    fork = done(runtime.fork(job.job_id, 9))
    again = done(runtime.fork(fork.job_id, 5))
    for one in (fork, again):
        with runtime.stepper(one.job_id) as stepper:
            assert stepper.run.guest_id == job.job_id
            assert end_of(stepper).divergence is None


def test_what_cannot_be_stepped_through(runtime: Runtime, gate: Gate) -> None:
    with pytest.raises(UnknownJob):
        runtime.stepper(UUID(int=7))
    job = done(runtime.dispatch("acme:nothing"))
    for run in (0, -1, 2, 10**12):
        with pytest.raises(CannotStep):
            runtime.stepper(job.job_id, run)

    def refuse(spec: GuestSpec) -> Guest:
        raise GuestLoadFailed(JobError("load_failed", "its module is gone", blame="host"))

    runtime._system.guests = refuse
    with runtime.stepper(job.job_id) as stepper:
        assert stepper.at(0).call == 0
        for _ in range(2):
            with pytest.raises(CannotStep, match="its module is gone"):
                stepper.at(1)


def test_a_guest_that_goes_on_where_it_had_ended(runtime: Runtime, jobs: PythonJobs) -> None:
    jobs.body = lambda host, state, spec: host.increment_items(1)
    job = done(jobs.start())

    def more(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        host.increment_items(1)
        host.check_interrupt()
        host.add_warning("and another thing")

    jobs.body = more
    with runtime.stepper(job.job_id) as stepper:
        end = end_of(stepper)
        assert end.divergence is not None
        assert end.divergence.call == 3
        assert end.divergence.came == {"function": "add_warning"}


def test_a_job_of_an_older_version_is_stepped_through_with_its_own_module(
    runtime: Runtime, gate: Gate, tmp_path: Path
) -> None:
    job = runtime.dispatch("acme:say")
    gate.arrival().let_go()
    done(job)
    install_acme(runtime, tmp_path, acme_module("two"))
    with runtime.stepper(job.job_id) as stepper:
        assert end_of(stepper).divergence is None
        assert events_of(job, WarningAdded)[0].message == "one"
