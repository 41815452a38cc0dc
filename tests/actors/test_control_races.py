"""Wishes at the worst moments."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from tests.support.actor_rig import Rig, nudge
from tests.support.puppet import Puppet, Puppets
from tests.support.stage import LATER, Stage
from tests.support.waiting import TIMEOUT, eventually, wait_for_log

from perdure.actors import Clock, Exit, Interrupt
from perdure.actors.lane import Commits, Lane
from perdure.actors.mailbox import Address
from perdure.store import Effects, Status
from perdure.store import events as ev
from perdure.store.events import RetryPolicy
from perdure.store.integrity import check

MakeRig = Callable[..., Rig]


@pytest.fixture
def stage(make_rig: MakeRig) -> Stage:
    puppets = Puppets()
    return Stage(make_rig(puppets, kill_grace=5.0), puppets)


class HeldLane(Lane):
    """A lane whose first durable event waits for the test, on the job's thread."""

    def __init__(self, stream: str, owner: Any, writer: Address, commits: Commits, clock: Clock) -> None:
        super().__init__(stream, owner, writer, commits, clock)
        self.posting, self.go_on = threading.Event(), threading.Event()

    def post_durable(self, body: bytes, effects: Effects | None = None) -> int:
        self.posting.set()
        assert self.go_on.wait(TIMEOUT)
        return super().post_durable(body, effects)


@pytest.mark.parametrize(("action", "status"), [("pause", Status.PAUSED), ("cancel", Status.CANCELLED)])
def test_a_wish_before_the_first_event_of_an_actor_that_has_started(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, action: str, status: Status
) -> None:
    rig = stage.rig
    monkeypatch.setattr("perdure.actors.system.Lane", HeldLane)
    job_id = rig.dispatch()
    eventually(lambda: rig.system.jobs.get(job_id))
    lane = rig.system._lanes[ev.job_stream(job_id)]
    assert isinstance(lane, HeldLane)
    assert lane.posting.wait(TIMEOUT)

    assert rig.control(job_id, action) is status
    lane.go_on.set()

    rig.over(job_id)
    assert rig.tags(job_id) == ["dispatched", str(status)], "the log refused the start"
    monkeypatch.undo()
    rig.control(job_id, "resume" if status is Status.PAUSED else "retry")
    stage.puppets.of(job_id).end()
    rig.wait(job_id, Status.COMPLETED)


@pytest.mark.parametrize(("action", "status"), [("pause", Status.PAUSED), ("cancel", Status.CANCELLED)])
def test_a_wish_while_the_first_event_of_an_actor_is_being_synced(stage: Stage, action: str, status: Status) -> None:
    rig = stage.rig
    job_id = rig.dispatch(admit=False)
    rig.store.block()
    rig.admit(job_id)
    assert rig.store.blocked.acquire(timeout=TIMEOUT)
    assert rig.status(job_id) is Status.QUEUED
    answers: queue.SimpleQueue[Status] = queue.SimpleQueue()
    wish = threading.Thread(target=lambda: answers.put(rig.control(job_id, action)))
    wish.start()
    # The supervisor has looked, and its append waits behind the start.
    eventually(rig.system.log.depth)
    rig.store.unblock()
    wish.join(TIMEOUT)

    assert answers.get(timeout=TIMEOUT) is Status.RUNNING
    puppet = stage.puppets.of(job_id)
    assert stage.interrupt_of(puppet) in (Interrupt.PAUSE, Interrupt.CANCEL)
    puppet.end(Exit.INTERRUPTED)
    rig.wait(job_id, status)


def test_a_resume_before_the_last_attempt_is_cleared_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end is in the log, so a person may act on it; the actor that wrote it is still there."""
    rig = stage.rig
    job_id = rig.dispatch()
    clear, held = rig.system.job_over, threading.Event()

    def hold(job_id: UUID, ref: Any) -> None:
        assert held.wait(TIMEOUT)
        clear(job_id, ref)

    monkeypatch.setattr(rig.system, "job_over", hold)
    puppet = stage.puppets.of(job_id)
    rig.control(job_id, "pause")
    puppet.end(Exit.INTERRUPTED)
    rig.wait(job_id, Status.PAUSED)
    assert rig.control(job_id, "resume") is Status.QUEUED
    nudge(rig.system.extension_address("acme"))

    held.set()

    stage.puppets.of(job_id).end()
    rig.wait(job_id, Status.COMPLETED)


def test_a_job_that_was_cancelled_while_it_waited_to_run_again_does_not(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = stage.rig
    job_id = rig.dispatch()
    clear, held = rig.system.job_over, threading.Event()

    def hold(job_id: UUID, ref: Any) -> None:
        assert held.wait(TIMEOUT)
        clear(job_id, ref)

    monkeypatch.setattr(rig.system, "job_over", hold)
    puppet = stage.puppets.of(job_id)
    rig.control(job_id, "pause")
    puppet.end(Exit.INTERRUPTED)
    rig.wait(job_id, Status.PAUSED)
    rig.control(job_id, "resume")
    assert rig.control(job_id, "cancel") is Status.CANCELLED

    held.set()

    rig.idle()
    assert rig.tags(job_id)[-2:] == ["resumed", "cancelled"]


def test_a_retry_at_the_very_moment_of_a_failure_is_not_lost(make_rig: MakeRig) -> None:
    """Whoever waits for the failure retries sooner than the extension's actor hears of the end."""
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch()
    for _ in range(50):
        puppets.of(job_id).fail()
        wait_for_log(rig.store, lambda: rig.status(job_id) is Status.FAILED)
        rig.control(job_id, "retry")
    puppets.of(job_id).end()

    assert rig.wait(job_id, Status.COMPLETED).attempts == 51


def test_a_backoff_of_no_time_at_all_is_over_at_once(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch(retry=RetryPolicy(attempts=30, initial_ms=0))
    for _ in range(29):
        puppets.of(job_id).fail()
    puppets.of(job_id).end()

    assert rig.wait(job_id, Status.COMPLETED).attempts == 30


@pytest.mark.parametrize(("action", "status"), [("pause", Status.PAUSED), ("cancel", Status.CANCELLED)])
def test_a_wish_that_comes_too_late_for_an_attempt_that_failed_is_met_all_the_same(
    stage: Stage, action: str, status: Status
) -> None:
    job_id, request = too_late(stage, action, lambda puppet: puppet.fail())

    stage.rig.wait(job_id, status)
    assert stage.rig.tags(job_id)[-3:] == [request, "retry-scheduled", str(status)]
    assert check(stage.rig.store.inner).clean


def test_a_cancel_that_comes_too_late_for_a_pause_is_met_all_the_same(stage: Stage) -> None:
    job_id, _ = too_late(stage, "cancel", lambda puppet: puppet.end(Exit.INTERRUPTED))

    stage.rig.wait(job_id, Status.CANCELLED)


def too_late(stage: Stage, action: str, end: Callable[[Puppet], None]) -> tuple[UUID, str]:
    """Let a wish be acknowledged when the attempt's end is decided but not yet in the log."""
    rig = stage.rig
    job_id = rig.dispatch(retry=LATER)
    puppet = stage.puppets.of(job_id)
    request = "pause-requested" if action == "pause" else "cancel-requested"
    deciding, decided = threading.Event(), threading.Event()
    lane = rig.system._lanes[ev.job_stream(job_id)]
    post_durable = lane.post_durable

    def hold(body: bytes, effects: Effects | None = None) -> int:
        deciding.set()
        assert decided.wait(TIMEOUT)
        return post_durable(body, effects)

    lane.post_durable = hold  # type: ignore[method-assign]
    end(puppet)
    assert deciding.wait(TIMEOUT)
    rig.control(job_id, action)
    decided.set()
    return job_id, request
