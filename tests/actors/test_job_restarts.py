"""A job whose actor dies, or cannot be started: it goes on where it was, or fails with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.actor_rig import Rig, nudge
from tests.support.house import House, restarted
from tests.support.waiting import eventually

from perdure.actors import Exit, GuestSpec
from perdure.actors.job_actor import JobActor
from perdure.actors.messages import JobDied
from perdure.store import BlobMissing, MemoryBlobs, Status
from perdure.store import events as ev
from perdure.store.events import RetryPolicy


@pytest.fixture
def house(make_rig: Callable[..., Rig]) -> House:
    return House(make_rig)


# --- a job's actor ---------------------------------------------------------------------------------------------------


def test_a_job_whose_actor_dies_is_taken_up(house: House) -> None:
    job_id, puppet = house.begin()
    puppet.do(lambda host: host.increment_items(3))
    puppet.do(lambda host: host.checkpoint(b"here"))
    house.explode(job_id, puppet)
    assert house.rig.status(job_id) is Status.RUNNING, "as after a crash"

    house.rig.advance(0.06)

    house.puppets.of(job_id).end()
    state = house.rig.wait(job_id, Status.COMPLETED)
    assert (state.items, state.checkpoints) == (3, 1)
    assert [event.cause for event in house.rig.events(job_id) if isinstance(event, ev.JobRecovered)] == ["restart"]
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
        assert house.rig.system.jobs.get(job_id) is None
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
    house.rig.control(job_id, "pause")
    puppet.end(Exit.INTERRUPTED)
    house.rig.wait(job_id, Status.PAUSED)
    house.rig.over(job_id)

    def miss(self: MemoryBlobs, digest: str) -> bytes:
        raise BlobMissing(digest)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryBlobs, "get", miss)
        house.rig.control(job_id, "resume")
        for deaths in (1, 2, 3):
            eventually(restarted(house, deaths))
            house.rig.advance(10.0)
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
