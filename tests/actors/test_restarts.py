"""Actors that die: who is restarted, how often, and what becomes of the jobs."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pykka
import pytest
from tests.support.actor_rig import Rig, nudge
from tests.support.puppet import Puppet, Puppets, Stopped
from tests.support.waiting import TIMEOUT, eventually, wait_for_log

from perdure.actors import ActorHooks, ActorRestarted, Exit, GuestSpec, OperationCall, RestartLimit, SystemStopped
from perdure.actors.job_actor import JobActor
from perdure.actors.messages import Admit, JobDied, OperationDone, Run, encode_message
from perdure.store import AppendRequest, BlobMissing, DiskFull, MemoryBlobs, Status, StoreFailed
from perdure.store import events as ev
from perdure.store.events import RetryPolicy, job_stream

MakeRig = Callable[..., Rig]
FULL = DiskFull(Path("somewhere"))


class Restarts(ActorHooks):
    def __init__(self) -> None:
        self.restarted: list[str] = []
        self.facts: list[tuple[str, ...]] = []

    def actor_restarted(self, kind: str) -> None:
        self.restarted.append(kind)

    def attempt_failed(self, extension: str, job_type: str, kind: str) -> None:
        self.facts.append(("attempt", kind))

    def job_ended(self, extension: str, job_type: str, status: str, seconds: float) -> None:
        self.facts.append(("job", status))


class House:
    """An actor system whose actors a test can kill."""

    def __init__(self, make_rig: MakeRig) -> None:
        self.hooks = Restarts()
        self.puppets = Puppets()
        self.rig = make_rig(self.puppets, hooks=self.hooks, restarts=RestartLimit(deaths=3, seconds=60.0))

    def begin(self, **job: Any) -> tuple[UUID, Puppet]:
        job_id = self.rig.dispatch(**job)
        return job_id, self.puppets.of(job_id)

    def kill(self, name: str) -> None:
        """Let an actor die of a message that is not for it."""
        address = {"log": self.rig.system.log, "router": self.rig.system.router}.get(name)
        address = address or self.rig.system.extension_address(name)
        ref, restarts = address.ref, len(self.hooks.restarted)
        assert ref is not None
        ref.tell(encode_message(Run()))
        # It will be restarted, or was given up.
        eventually(lambda: len(self.hooks.restarted) > restarts or address.ref is None)

    def explode(self, job_id: UUID, puppet: Puppet, seconds: float = 0.0) -> None:
        """Let the job's actor die of a defect; returns when the supervisor knows, and ``seconds`` have passed."""
        failures, ends = len(self.hooks.restarted), len(self.hooks.facts)
        puppet.explode(ZeroDivisionError("a defect"))
        eventually(lambda: len(self.hooks.restarted) > failures or len(self.hooks.facts) > ends)
        assert self.rig.system.running(job_id) is None
        self.rig.advance(seconds)

    def kill_and_restart(self, name: str, seconds: float = 20.0) -> None:
        self.kill(name)
        self.rig.advance(seconds)


def restarted(house: House, times: int) -> Callable[[], bool]:
    return lambda: len(house.hooks.restarted) == times


@pytest.fixture
def house(make_rig: MakeRig) -> House:
    return House(make_rig)


# --- a job's actor ---------------------------------------------------------------------------------------------------


def test_a_job_whose_actor_dies_is_restarted_from_its_checkpoint(house: House) -> None:
    job_id, puppet = house.begin()
    puppet.do(lambda host: host.checkpoint(b"here"))
    house.explode(job_id, puppet)
    assert house.rig.status(job_id) is Status.RUNNING, "as after a crash"

    house.rig.advance(0.06)

    second = house.puppets.of(job_id)
    assert second.state == b"here"
    second.end()
    house.rig.wait(job_id, Status.COMPLETED)
    assert [event.cause for event in house.rig.events(job_id) if isinstance(event, ev.JobResumed)] == ["restart"]
    assert house.hooks.restarted == ["job"]
    assert all(guest.closed for guest in house.puppets.made[:1])


def test_a_job_whose_actor_dies_each_time_fails_with_the_reason(house: House) -> None:
    job_id = house.rig.dispatch(retry=RetryPolicy(attempts=99))
    for _ in range(4):
        house.explode(job_id, house.puppets.of(job_id), 10.0)

    state = house.rig.wait(job_id, Status.FAILED)

    assert state.error is not None
    assert (state.error.kind, state.error.blame) == ("restart_limit", "host")
    assert state.error.data == {"last": "ZeroDivisionError: a defect"}
    assert "more than 3 times in 60 s" in state.error.message
    assert state.attempts == 4
    assert house.hooks.facts == [("attempt", "restart_limit"), ("job", "failed")]


def test_restarts_wait_longer_each_time(house: House) -> None:
    job_id = house.rig.dispatch()
    for least, most in ((0.045, 0.055), (0.18, 0.22), (0.72, 0.88)):
        house.explode(job_id, house.puppets.of(job_id), least - 0.001)
        assert house.rig.system.running(job_id) is None
        house.rig.advance(most - least + 0.002)
    house.puppets.of(job_id).end()
    house.rig.wait(job_id, Status.COMPLETED)


def test_deaths_that_lie_far_apart_are_not_too_many(house: House) -> None:
    job_id = house.rig.dispatch()
    for _ in range(10):
        house.explode(job_id, house.puppets.of(job_id), 30.0)
    house.puppets.of(job_id).end()

    assert house.rig.wait(job_id, Status.COMPLETED).attempts == 11


def test_a_person_may_retry_a_job_whose_actor_died_too_often(house: House) -> None:
    job_id = house.rig.dispatch()
    for _ in range(4):
        house.explode(job_id, house.puppets.of(job_id), 1.0)
    house.rig.wait(job_id, Status.FAILED)

    house.rig.control(job_id, "retry")
    house.explode(job_id, house.puppets.of(job_id), 1.0)

    house.puppets.of(job_id).end()
    house.rig.wait(job_id, Status.COMPLETED)


@pytest.mark.parametrize(("action", "status"), [("pause", Status.PAUSED), ("cancel", Status.CANCELLED)])
def test_a_wish_that_the_dead_actor_did_not_meet_is_met(house: House, action: str, status: Status) -> None:
    job_id, puppet = house.begin()
    house.rig.control(job_id, action)

    puppet.explode(ZeroDivisionError())

    house.rig.wait(job_id, status)
    house.rig.advance(60.0)
    assert house.rig.status(job_id) is status


@pytest.mark.parametrize(("action", "status"), [("pause", Status.PAUSED), ("cancel", Status.CANCELLED)])
def test_a_wish_between_an_actors_death_and_its_restart_is_met_at_once(
    house: House, action: str, status: Status
) -> None:
    job_id, puppet = house.begin()
    house.explode(job_id, puppet)

    assert house.rig.control(job_id, action) is status

    house.rig.advance(60.0)
    assert house.rig.status(job_id) is status


def test_a_resume_between_an_actors_death_and_its_restart_does_not_wait(house: House) -> None:
    job_id, puppet = house.begin()
    house.explode(job_id, puppet)

    house.rig.control(job_id, "resume")

    second = house.puppets.of(job_id)
    house.rig.advance(60.0)  # the restart that was planned finds that there is nothing to do
    second.end()
    assert house.rig.wait(job_id, Status.COMPLETED).attempts == 2


def test_a_guest_that_cannot_be_made_for_a_defect_of_the_host_is_restarted(house: House) -> None:
    defects = iter([MemoryError("no room for a guest")])

    def make(spec: GuestSpec) -> None:
        for defect in defects:
            raise defect

    house.puppets.making = make
    job_id = house.rig.dispatch()
    eventually(lambda: house.hooks.restarted)
    house.rig.advance(1.0)

    house.puppets.of(job_id).end()
    house.rig.wait(job_id, Status.COMPLETED)


def test_a_sandbox_that_cannot_be_closed_does_not_take_the_job_along(house: House) -> None:
    job_id, puppet = house.begin()

    def fail() -> None:
        raise ZeroDivisionError("close")

    house.puppets.made[0].close = fail  # type: ignore[method-assign]
    puppet.end()

    house.rig.wait(job_id, Status.COMPLETED)
    house.rig.idle()
    house.rig.advance(60.0)
    assert house.rig.status(job_id) is Status.COMPLETED
    other, puppet = house.begin()
    puppet.end()
    house.rig.wait(other, Status.COMPLETED)


def test_a_checkpoint_that_is_missing_fails_the_job_and_does_not_try_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, puppet = house.begin()
    puppet.do(lambda host: host.checkpoint(b"x" * (ev.INLINE_LIMIT + 1)))

    def miss(self: MemoryBlobs, digest: str) -> bytes:
        raise BlobMissing(digest)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryBlobs, "get", miss)
        house.explode(job_id, puppet)
        for deaths in (2, 3):
            house.rig.advance(10.0)
            eventually(restarted(house, deaths))
        house.rig.advance(10.0)
        state = house.rig.wait(job_id, Status.FAILED)

    assert state.error is not None
    assert state.error.kind == "restart_limit"
    assert "is missing" in state.error.data["last"]


def test_what_is_remembered_of_deaths_is_bounded_by_time(house: House) -> None:
    supervisor = house.rig.system.supervisor
    jobs = [house.rig.dispatch(admit=False) for _ in range(20)]
    for job_id in jobs:
        supervisor.tell(JobDied(job_id, "a defect", "host"))
    house.rig.advance(0.0)
    actor = supervisor.ref._actor_weakref() if supervisor.ref is not None else None
    assert actor is not None
    assert len(actor._deaths) == 20

    house.rig.advance(60.1)
    supervisor.tell(JobDied(jobs[0], "a defect", "host"))
    nudge(supervisor)

    assert list(actor._deaths) == [f"job:{jobs[0]}"]


# --- a job that cannot be started ------------------------------------------------------------------------------------


def test_a_job_that_cannot_be_started_leaves_its_slot_and_its_extension_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.rig.extensions["acme"].concurrent_jobs = 1
    start = JobActor.start
    unlucky = house.rig.dispatch(admit=False)

    def fail(system: Any, state: Any, cause: str) -> Any:
        if state.job_id == unlucky:
            raise RuntimeError("can't start new thread")
        return start(system, state, cause)

    monkeypatch.setattr(JobActor, "start", fail)
    house.rig.admit(unlucky)
    lucky, puppet = house.begin()
    puppet.end()
    house.rig.wait(lucky, Status.COMPLETED)
    assert house.rig.status(unlucky) is Status.QUEUED

    monkeypatch.undo()
    house.rig.advance(1.0)

    house.puppets.of(unlucky).end()
    house.rig.wait(unlucky, Status.COMPLETED)


def test_a_job_that_can_never_be_started_fails(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(JobActor, "start", fail)
    job_id = house.rig.dispatch()
    for count in range(1, 4):
        eventually(restarted(house, count))
        house.rig.advance(10.0)

    state = house.rig.wait(job_id, Status.FAILED)
    assert state.error is not None
    assert "can't start new thread" in state.error.data["last"]


# --- the log writer --------------------------------------------------------------------------------------------------


def test_a_log_writer_that_dies_is_restarted_and_its_jobs_finish(house: House) -> None:
    jobs = [house.begin() for _ in range(3)]
    for _, puppet in jobs:
        puppet.do(lambda host: host.increment_items(5))
        puppet.do(lambda host: host.checkpoint(b"five"))
    house.rig.store.fail_once_with(ZeroDivisionError("a defect"))
    with pytest.raises(Stopped):
        jobs[0][1].do(lambda host: host.checkpoint(b"never"))
    for _, puppet in jobs[1:]:
        with pytest.raises(Stopped):
            puppet.do(lambda host: host.increment_items(7))
    for job_id, _ in jobs:
        house.rig.over(job_id)

    house.rig.advance(1.0)  # the log writer is back
    house.rig.advance(1.0)  # and whoever could not be resumed before it

    for job_id, _ in jobs:
        second = house.puppets.of(job_id)
        assert second.state == b"five"
        second.end()
        assert house.rig.wait(job_id, Status.COMPLETED).items == 5
    assert sorted(house.hooks.restarted) == ["job", "job", "job", "log"]


def test_a_job_that_was_just_starting_when_the_log_writer_died_is_not_forgotten(house: House) -> None:
    job_id = house.rig.dispatch(admit=False)
    house.rig.store.fail_once_with(ZeroDivisionError("a defect"))
    house.rig.admit(job_id)
    eventually(lambda: len(house.hooks.restarted) == 2)

    house.rig.advance(1.0)
    house.rig.advance(1.0)

    house.puppets.of(job_id).end()
    house.rig.wait(job_id, Status.COMPLETED)


def test_a_job_that_starts_while_there_is_no_log_writer_waits_for_the_next_one(house: House) -> None:
    job_id = house.rig.dispatch(admit=False)
    house.kill("log")
    house.rig.admit(job_id)
    eventually(lambda: house.rig.system.running(job_id))
    lane = house.rig.system._lanes[job_stream(job_id)]
    eventually(lambda: lane.waiting)

    house.rig.advance(1.0)

    house.puppets.of(job_id).end()
    house.rig.wait(job_id, Status.COMPLETED)
    assert house.rig.job(job_id).attempts == 1


def test_whoever_appends_while_there_is_no_log_writer_may_try_again(house: House) -> None:
    house.kill("log")
    with pytest.raises(ActorRestarted, match="log is being restarted; try again"):
        house.rig.dispatch()

    house.rig.advance(1.0)

    house.puppets.of(house.rig.dispatch()).end()


def test_a_log_writer_that_dies_too_often_is_given_up_and_everybody_is_told(house: House) -> None:
    for _ in range(3):
        house.kill_and_restart("log")
    house.kill("log")
    eventually(lambda: house.rig.system.log.ref is None)

    with pytest.raises(SystemStopped, match="log is stopped; open the runtime again"):
        house.rig.dispatch(admit=False)
    assert house.hooks.restarted.count("log") == 3


def test_a_job_that_starts_just_before_the_log_writer_is_given_up_does_not_wait_for_ever(house: House) -> None:
    job_id = house.rig.dispatch(admit=False)
    for _ in range(3):
        house.kill_and_restart("log")
    give_up = house.rig.system.give_up

    def late(name: str) -> None:
        house.rig.admit(job_id)
        eventually(lambda: any(lane.waiting for lane in list(house.rig.system._lanes.values())))
        give_up(name)

    house.rig.system.give_up = late  # type: ignore[method-assign]

    house.kill("log")

    eventually(lambda: house.rig.system.log.ref is None)
    house.rig.over(job_id)
    assert house.rig.status(job_id) is Status.QUEUED


# --- a full disk -----------------------------------------------------------------------------------------------------


def test_a_checkpoint_on_a_full_disk_is_refused_and_the_guest_goes_on(house: House) -> None:
    job_id, puppet = house.begin()
    house.rig.store.fail_with(FULL)
    assert puppet.do(lambda host: host.checkpoint(b"no")) is False
    puppet.do(lambda host: host.increment_items(3))
    house.rig.store.fail_with(None)

    assert puppet.do(lambda host: host.checkpoint(b"yes")) is True

    puppet.end()
    state = house.rig.wait(job_id, Status.COMPLETED)
    assert (state.items, state.checkpoints) == (3, 1)
    assert house.hooks.restarted == []


def test_an_end_on_a_full_disk_is_recorded_when_there_is_room(house: House) -> None:
    job_id, puppet = house.begin()
    puppet.do(lambda host: host.increment_items(3))
    full = threading.Event()

    def fail(requests: Sequence[AppendRequest]) -> None:
        full.set()
        raise FULL

    house.rig.store.before = fail
    puppet.end()
    assert full.wait(TIMEOUT)
    house.rig.store.fail_with(None)

    state = house.rig.wait(job_id, Status.COMPLETED)
    assert (state.items, state.attempts) == (3, 1)


def test_a_start_on_a_full_disk_is_tried_until_there_is_room_and_counts_for_nothing(house: House) -> None:
    job_id = house.rig.dispatch(admit=False)
    house.rig.store.fail_with(FULL)
    house.rig.admit(job_id)
    for count in range(1, 9):
        eventually(restarted(house, count))
        house.rig.over(job_id)
        house.rig.advance(1.0)
    house.rig.store.fail_with(None)
    house.rig.over(job_id)
    house.rig.advance(1.0)

    house.puppets.of(job_id).end()
    assert house.rig.wait(job_id, Status.COMPLETED).attempts == 1


def test_a_backoff_that_ends_on_a_full_disk_ends_when_there_is_room(house: House) -> None:
    job_id, puppet = house.begin(retry=RetryPolicy(attempts=2, initial_ms=1_000, jitter=0.0))
    puppet.fail()
    house.rig.wait(job_id, Status.BACKOFF)
    house.rig.over(job_id)
    house.rig.store.fail_with(FULL)
    house.rig.advance(1.0)
    house.rig.advance(30.0)
    assert house.rig.status(job_id) is Status.BACKOFF
    house.rig.store.fail_with(None)

    house.rig.advance(30.0)

    house.puppets.of(job_id).end()
    house.rig.wait(job_id, Status.COMPLETED)


def test_a_restart_on_a_full_disk_happens_when_there_is_room(house: House) -> None:
    job_id, puppet = house.begin()
    house.explode(job_id, puppet)
    house.rig.store.fail_with(StoreFailed(Path("somewhere"), "no luck"))
    house.rig.advance(1.0)
    house.rig.advance(30.0)
    house.rig.store.fail_with(None)

    house.rig.advance(30.0)

    house.puppets.of(job_id).end()
    assert house.rig.wait(job_id, Status.COMPLETED).attempts == 2


def test_the_end_of_a_job_that_died_too_often_is_recorded_when_there_is_room(house: House) -> None:
    job_id = house.rig.dispatch()
    for _ in range(3):
        house.explode(job_id, house.puppets.of(job_id), 1.0)
    puppet = house.puppets.of(job_id)
    house.rig.store.fail_with(FULL)
    tries = house.rig.store.attempts
    puppet.explode(ZeroDivisionError())
    eventually(lambda: house.rig.store.attempts > tries)
    house.rig.advance(0.0)
    assert house.rig.status(job_id) is Status.RUNNING
    house.rig.store.fail_with(None)

    house.rig.advance(30.0)

    assert house.rig.wait(job_id, Status.FAILED).attempts == 4


def test_a_guest_that_fills_its_lane_waits_and_loses_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.actors.lane.Lane.FULL", 10)
    job_id, puppet = house.begin()
    house.rig.store.fail_with(FULL)
    for _ in range(10):
        puppet.do(lambda host: host.increment_items())
    stuck = puppet.begin(lambda host: host.increment_items())
    failures = house.rig.store.attempts
    eventually(lambda: house.rig.store.attempts > failures)
    assert not stuck.done()

    house.rig.store.fail_with(None)

    stuck.result(TIMEOUT)
    puppet.end()
    assert house.rig.wait(job_id, Status.COMPLETED).items == 11


def test_a_guest_that_waits_for_room_can_be_stopped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.actors.lane.Lane.FULL", 10)
    job_id, puppet = house.begin()
    house.rig.control(job_id, "cancel")
    house.rig.store.fail_with(FULL)
    for _ in range(10):
        puppet.do(lambda host: host.increment_items())
    stuck = puppet.begin(lambda host: host.increment_items())
    house.rig.advance(5.0)

    assert isinstance(stuck.exception(TIMEOUT), Stopped)
    house.rig.store.fail_with(None)
    house.rig.wait(job_id, Status.CANCELLED)


# --- the router ------------------------------------------------------------------------------------------------------


class HeldOperations:
    """Operations whose checks wait for the test."""

    def __init__(self) -> None:
        self.admitting = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.error: BaseException | None = None

    def admit(self, call: OperationCall) -> str:
        self.admitting.release()
        assert self.go_on.wait(TIMEOUT)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return call.method

    def run(self, call: OperationCall) -> bytes:
        return b'"ran"'


def test_calls_that_die_with_the_router_are_answered_and_the_next_ones_run(make_rig: MakeRig) -> None:
    puppets, hooks, operations = Puppets(), Restarts(), HeldOperations()
    rig = make_rig(puppets, hooks=hooks, operations=operations)
    ids = [rig.dispatch() for _ in range(3)]
    running = [puppets.of(job_id) for job_id in ids]
    operations.error = KeyboardInterrupt()
    calls = [running[0].begin(lambda host: host.call("query:x"))]
    assert operations.admitting.acquire(timeout=TIMEOUT)
    calls += [puppet.begin(lambda host: host.call("query:x")) for puppet in running[1:]]
    eventually(lambda: rig.system.router.depth() == 2)
    operations.go_on.set()

    answers = [call.result(TIMEOUT) for call in calls]

    assert all(b'"code": "unavailable"' in answer for answer in answers)
    eventually(lambda: hooks.restarted == ["router"])
    while_it_is_gone = running[0].do(lambda host: host.call("query:x"))
    assert b'"code": "unavailable"' in while_it_is_gone
    rig.advance(1.0)
    assert running[0].do(lambda host: host.call("query:x")) == b'"ran"'
    running[0].end()
    rig.wait(ids[0], Status.COMPLETED)
    codes = [event.code for event in rig.events(ids[0]) if isinstance(event, ev.OperationAnswered)]
    assert codes == ["unavailable", "unavailable", ""]


def test_a_router_that_dies_too_often_costs_the_jobs_that_call_it(house: House) -> None:
    for _ in range(3):
        house.kill_and_restart("router")
    house.kill("router")
    eventually(lambda: house.rig.system.router.ref is None)
    _, puppet = house.begin()

    with pytest.raises(Stopped):
        puppet.do(lambda host: host.call("query:x"))
    other, quiet = house.begin()
    quiet.end()
    house.rig.wait(other, Status.COMPLETED)


def test_an_answer_to_a_job_that_is_gone_disturbs_nobody(house: House) -> None:
    job_id, puppet = house.begin()
    house.rig.system.tell_job(job_id, OperationDone(99, "", b"late"))
    puppet.end()
    house.rig.wait(job_id, Status.COMPLETED)
    house.rig.over(job_id)

    house.rig.system.tell_job(job_id, OperationDone(99, "", b"late"))


# --- an extension's actor --------------------------------------------------------------------------------------------


def test_an_extensions_actor_that_dies_is_restarted_with_its_queue(house: House) -> None:
    extension = house.rig.extensions["acme"]
    extension.concurrent_jobs = 1
    running, puppet = house.begin()
    queued = [house.rig.dispatch() for _ in range(3)]
    house.kill("acme")
    while_it_is_gone = house.rig.dispatch()

    house.rig.advance(1.0)

    nudge(house.rig.system.extension_address("acme"))
    assert extension.initialised == 2
    assert house.rig.system.running_jobs() == [running], "it knows of the one that runs"
    puppet.end()
    for job_id in [*queued, while_it_is_gone]:
        house.puppets.of(job_id).end()
        house.rig.wait(job_id, Status.COMPLETED)
    assert house.rig.job(running).attempts == 1


def test_a_job_that_ends_while_its_extension_has_no_actor_leaves_its_slot(make_rig: MakeRig) -> None:
    puppets, hooks = Puppets(), Restarts()
    rig = make_rig(puppets, hooks=hooks, running_jobs=1)
    first = rig.dispatch()
    puppet = puppets.of(first)
    second = rig.dispatch()
    address = rig.system.extension_address("acme")
    assert address.ref is not None
    address.ref.tell(encode_message(Run()))
    eventually(lambda: hooks.restarted == ["extension"])
    puppet.end()
    rig.over(first)

    rig.advance(1.0)

    puppets.of(second).end()
    rig.wait(second, Status.COMPLETED)


def test_an_extension_that_cannot_be_loaded_after_a_restart_is_tried_again(house: House) -> None:
    extension = house.rig.extensions["acme"]
    errors = [ZeroDivisionError("plugin_init")]

    def fail() -> None:
        if errors:
            raise errors.pop()

    extension.on_initialise = fail
    job_id = house.rig.dispatch(admit=False)
    house.kill_and_restart("acme")
    eventually(lambda: house.hooks.restarted == ["extension"] * 2)

    house.rig.advance(20.0)

    house.puppets.of(job_id).end()
    house.rig.wait(job_id, Status.COMPLETED)


def test_an_extension_that_was_given_up_can_be_loaded_anew(house: House) -> None:
    for _ in range(3):
        house.kill_and_restart("acme", seconds=5.0)
    house.kill("acme")
    address = house.rig.system.extension_address("acme")
    eventually(lambda: address.ref is None)
    with pytest.raises(SystemStopped):
        address.tell(Admit(UUID(int=1)))

    house.rig.load()

    job_id, puppet = house.begin()
    puppet.end()
    house.rig.wait(job_id, Status.COMPLETED)


def test_an_extension_that_was_unloaded_meanwhile_is_not_restarted(house: House) -> None:
    house.kill("acme")
    house.rig.system._extensions.pop("acme")

    house.rig.advance(60.0)

    assert house.rig.system.loaded() == []


# --- the supervisor --------------------------------------------------------------------------------------------------


def test_the_supervisor_survives_whatever_it_is_sent(house: House, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = house.rig.system.supervisor
    with caplog.at_level(logging.CRITICAL + 1):
        supervisor.tell(Run())
        supervisor.tell(JobDied(UUID(int=1), "no such job", "host"))
        with pytest.raises(LookupError):
            house.rig.control(UUID(int=1), "pause")

    job_id, puppet = house.begin()
    house.rig.control(job_id, "pause")
    puppet.end(Exit.INTERRUPTED)
    house.rig.wait(job_id, Status.PAUSED)


# --- from outside ----------------------------------------------------------------------------------------------------


def test_a_job_whose_actor_is_stopped_by_the_embedder_is_suspended(house: House) -> None:
    job_id, puppet = house.begin()
    ref = house.rig.system.running(job_id)
    assert ref is not None
    stopped: queue.SimpleQueue[bool] = queue.SimpleQueue()
    threading.Thread(target=lambda: stopped.put(ref.stop(block=True, timeout=TIMEOUT))).start()
    eventually(lambda: puppet.begin(lambda host: host.check_interrupt()).exception(TIMEOUT))

    assert stopped.get(timeout=TIMEOUT) is True
    state = house.rig.wait(job_id, Status.SUSPENDED)
    assert state.attempts == 1
    assert ref not in pykka.ActorRegistry.get_all()


def test_two_systems_in_one_process_do_not_disturb_each_other(make_rig: MakeRig) -> None:
    puppets = Puppets(), Puppets()
    one, two = (
        make_rig(puppets[0]),
        make_rig(puppets[1]),
    )
    first, second = one.dispatch(), two.dispatch()
    one_puppet, two_puppet = puppets[0].of(first), puppets[1].of(second)
    one.store.fail_with(KeyboardInterrupt())
    one_puppet.begin(lambda host: host.checkpoint(b"never"))
    eventually(lambda: one.system.log.ref is None or not one.system.log.ref.is_alive())

    two_puppet.do(lambda host: host.increment_items(4))
    assert two_puppet.do(lambda host: host.checkpoint(b"four"))
    one.store.fail_with(None)
    one.crash()
    two_puppet.end()

    assert two.wait(second, Status.COMPLETED).items == 4
    wait_for_log(two.store, lambda: two.job(second).finished)
