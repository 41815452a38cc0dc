"""A disk that is full for a while: jobs wait for room and lose nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.support.actor_rig import Rig
from tests.support.house import House, restarted
from tests.support.puppet import Stopped
from tests.support.waiting import TIMEOUT, eventually

from perdure.store import AppendRequest, DiskFull, Status, StoreFailed
from perdure.store.events import RetryPolicy

FULL = DiskFull(Path("somewhere"))


@pytest.fixture
def house(make_rig: Callable[..., Rig]) -> House:
    return House(make_rig)


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
    eventually(restarted(house, 9))
    house.rig.store.fail_with(None)
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
