"""A log writer that dies: its jobs are rebuilt from the log and finish."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.actor_rig import Rig
from tests.support.house import House
from tests.support.puppet import Stopped
from tests.support.waiting import eventually

from perdure.actors import ActorRestarted, SystemStopped
from perdure.store import Status
from perdure.store.events import job_stream


@pytest.fixture
def house(make_rig: Callable[..., Rig]) -> House:
    return House(make_rig)


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
        house.puppets.of(job_id).end()
        state = house.rig.wait(job_id, Status.COMPLETED)
        assert (state.items, state.checkpoints) == (5, 1)
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
    eventually(lambda: house.rig.system.jobs.get(job_id))
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
