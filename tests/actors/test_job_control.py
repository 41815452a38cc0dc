"""Pause, resume, cancel and retry, in every status and at the worst moments."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from tests.support.actor_rig import Rig, nudge
from tests.support.puppet import Puppet, Puppets, Stopped
from tests.support.python_guest import PythonHost
from tests.support.waiting import TIMEOUT, eventually, wait_for_log

from perdure.actors import Clock, Exit, GuestSpec, Interrupt
from perdure.actors.lane import Lane
from perdure.actors.mailbox import Address
from perdure.actors.messages import KillLater, WatchDeadline
from perdure.store import IllegalTransition, Status
from perdure.store import events as ev
from perdure.store.events import JobLimits, RetryPolicy
from perdure.store.integrity import check

MakeRig = Callable[..., Rig]
LATER = RetryPolicy(attempts=5, initial_ms=60_000, jitter=0.0)


class Stage:
    """One job, brought to any status."""

    def __init__(self, rig: Rig, puppets: Puppets) -> None:
        self.rig = rig
        self.puppets = puppets

    def job(self, status: Status) -> UUID:
        if status is Status.QUEUED:
            return self.rig.dispatch(admit=False)
        job_id = self.rig.dispatch(retry=LATER if status is Status.BACKOFF else None)
        puppet = self.puppets.of(job_id)
        if status is Status.RUNNING:
            return job_id
        if status is Status.PAUSED:
            self.rig.control(job_id, "pause")
            puppet.end(Exit.INTERRUPTED)
        elif status is Status.SUSPENDED:
            self.rig.system.suspend_jobs([job_id], "unload")
            puppet.end(Exit.INTERRUPTED)
        elif status is Status.CANCELLED:
            self.rig.control(job_id, "cancel")
            puppet.end(Exit.INTERRUPTED)
        elif status is Status.COMPLETED:
            puppet.end()
        else:
            puppet.fail()
        self.rig.wait(job_id, status)
        self.rig.over(job_id)
        return job_id

    def interrupt_of(self, puppet: Puppet) -> Interrupt:
        return puppet.do(lambda host: host.check_interrupt())


@pytest.fixture
def stage(make_rig: MakeRig) -> Stage:
    puppets = Puppets()
    return Stage(make_rig(puppets, kill_grace=5.0), puppets)


# --- every wish in every status --------------------------------------------------------------------------------------

LEGAL = {
    ("pause", Status.QUEUED): Status.PAUSED,
    ("pause", Status.RUNNING): Status.RUNNING,  # until its guest agrees
    ("pause", Status.SUSPENDED): Status.PAUSED,
    ("pause", Status.BACKOFF): Status.PAUSED,
    ("cancel", Status.QUEUED): Status.CANCELLED,
    ("cancel", Status.RUNNING): Status.RUNNING,
    ("cancel", Status.PAUSED): Status.CANCELLED,
    ("cancel", Status.SUSPENDED): Status.CANCELLED,
    ("cancel", Status.BACKOFF): Status.CANCELLED,
    ("resume", Status.PAUSED): Status.QUEUED,
    ("resume", Status.SUSPENDED): Status.QUEUED,
    ("retry", Status.FAILED): Status.QUEUED,
    ("retry", Status.CANCELLED): Status.QUEUED,
    ("retry", Status.BACKOFF): Status.QUEUED,
}
ACTIONS = ("pause", "resume", "cancel", "retry")
CASES = [(action, status) for action in ACTIONS for status in Status]


@pytest.mark.parametrize(("action", "status"), CASES, ids=str)
def test_a_wish_is_met_or_refused_as_the_status_allows(stage: Stage, action: str, status: Status) -> None:
    job_id = stage.job(status)
    before = stage.rig.tags(job_id)
    if (action, status) in LEGAL:
        # One that is queued may be running by the time of the answer.
        assert stage.rig.control(job_id, action) in {LEGAL[action, status], Status.RUNNING}
        if LEGAL[action, status] is Status.QUEUED:
            puppet = stage.puppets.of(job_id)
            puppet.end()
            stage.rig.wait(job_id, Status.COMPLETED)
        elif status is not Status.RUNNING:
            assert stage.rig.status(job_id) is LEGAL[action, status]
    else:
        with pytest.raises(IllegalTransition) as caught:
            stage.rig.control(job_id, action)
        assert caught.value.status == status
        assert stage.rig.tags(job_id) == before, "a wish that is refused changes nothing"


def test_there_are_no_other_wishes(stage: Stage) -> None:
    with pytest.raises(ValueError, match="explode"):
        stage.rig.control(stage.job(Status.RUNNING), "explode")


def test_a_queued_job_that_was_cancelled_never_runs(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets, running_jobs=1)
    first = rig.dispatch()
    puppet = puppets.of(first)
    waiting, last = rig.dispatch(), rig.dispatch()

    rig.control(waiting, "cancel")
    puppet.end()

    puppets.of(last).end()
    rig.wait(last, Status.COMPLETED)
    assert rig.tags(waiting) == ["dispatched", "cancelled"]


# --- a guest that runs -----------------------------------------------------------------------------------------------


def test_a_pause_reaches_the_guest_at_its_next_question(stage: Stage) -> None:
    job_id = stage.rig.dispatch()
    puppet = stage.puppets.of(job_id)
    assert stage.interrupt_of(puppet) is Interrupt.CONTINUE
    assert stage.rig.control(job_id, "pause") is Status.RUNNING
    assert stage.rig.job(job_id).pause_requested

    assert stage.interrupt_of(puppet) is Interrupt.PAUSE
    puppet.do(lambda host: host.checkpoint(b"here"))
    puppet.end(Exit.INTERRUPTED)

    state = stage.rig.wait(job_id, Status.PAUSED)
    assert not state.pause_requested
    assert stage.rig.tags(job_id)[2:] == ["pause-requested", "interrupt", "checkpoint", "paused"]


def test_a_paused_job_goes_on_from_its_checkpoint(stage: Stage) -> None:
    job_id = stage.rig.dispatch(b"start")
    puppet = stage.puppets.of(job_id)
    puppet.do(lambda host: host.increment_items(3))
    puppet.do(lambda host: host.checkpoint(b"three"))
    puppet.do(lambda host: host.increment_items(4))
    stage.rig.control(job_id, "pause")
    puppet.end(Exit.INTERRUPTED)
    assert stage.rig.wait(job_id, Status.PAUSED).items == 7

    stage.rig.control(job_id, "resume")

    puppet = stage.puppets.of(job_id)
    assert puppet.state == b"three"
    assert stage.rig.job(job_id).items == 3
    puppet.end()
    assert stage.rig.wait(job_id, Status.COMPLETED).attempts == 2


def test_a_job_that_is_not_resumable_starts_over(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch(b"start", resumable=False)
    puppet = puppets.of(job_id)
    puppet.do(lambda host: host.increment_items(3))
    puppet.do(lambda host: host.checkpoint(b"three"))
    rig.control(job_id, "pause")
    puppet.end(Exit.INTERRUPTED)
    rig.wait(job_id, Status.PAUSED)

    rig.control(job_id, "resume")

    assert puppets.of(job_id).state == b"start"
    assert rig.job(job_id).items == 0


def test_a_cancel_reaches_the_guest_at_its_next_question(stage: Stage) -> None:
    job_id = stage.rig.dispatch()
    puppet = stage.puppets.of(job_id)
    stage.rig.control(job_id, "cancel")

    assert stage.interrupt_of(puppet) is Interrupt.CANCEL
    puppet.end(Exit.INTERRUPTED)

    stage.rig.wait(job_id, Status.CANCELLED)
    eventually(lambda: stage.rig.ended == [job_id])


def test_a_cancel_stands_whatever_comes_after_it(stage: Stage) -> None:
    job_id = stage.rig.dispatch()
    puppet = stage.puppets.of(job_id)
    stage.rig.control(job_id, "pause")
    stage.rig.control(job_id, "cancel")
    stage.rig.control(job_id, "pause")

    assert stage.interrupt_of(puppet) is Interrupt.CANCEL
    puppet.end(Exit.INTERRUPTED)
    stage.rig.wait(job_id, Status.CANCELLED)


def test_a_guest_that_completes_all_the_same_has_completed(stage: Stage) -> None:
    job_id = stage.rig.dispatch()
    puppet = stage.puppets.of(job_id)
    stage.rig.control(job_id, "cancel")

    puppet.end()

    stage.rig.wait(job_id, Status.COMPLETED)


def test_a_guest_that_fails_when_it_should_cancel_is_cancelled(stage: Stage) -> None:
    job_id = stage.rig.dispatch(retry=LATER)
    puppet = stage.puppets.of(job_id)
    stage.rig.control(job_id, "cancel")

    puppet.fail()

    stage.rig.wait(job_id, Status.CANCELLED)


# --- a guest that does not listen ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "status"), [("pause", Status.PAUSED), ("cancel", Status.CANCELLED)])
def test_a_guest_that_never_calls_is_stopped_after_the_grace_period(
    make_rig: MakeRig, action: str, status: Status
) -> None:
    blocked = threading.Event()

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        blocked.set()
        host.block()

    rig = make_rig(body=body, kill_grace=5.0)
    job_id = rig.dispatch()
    assert blocked.wait(TIMEOUT)
    rig.control(job_id, action)
    rig.advance(4.999)
    assert rig.status(job_id) is Status.RUNNING

    rig.advance(0.001)

    rig.wait(job_id, status)
    end = rig.events(job_id)[-1]
    assert isinstance(end, ev.JobPaused | ev.JobCancelled)
    assert end.forced


def test_a_guest_that_goes_on_after_its_grace_is_stopped_at_its_next_call(stage: Stage) -> None:
    job_id = stage.rig.dispatch()
    puppet = stage.puppets.of(job_id)
    stage.rig.control(job_id, "pause")
    assert stage.interrupt_of(puppet) is Interrupt.PAUSE
    puppet.do(lambda host: host.increment_items())

    stage.rig.advance(5.0)

    assert puppet.over.wait(TIMEOUT)
    with pytest.raises(Stopped):
        puppet.do(lambda host: host.increment_items())
    stage.rig.wait(job_id, Status.PAUSED)


def test_a_guest_that_was_still_being_made_does_not_escape_its_end(make_rig: MakeRig) -> None:
    puppets = Puppets()
    making, go_on = threading.Event(), threading.Event()

    def make(spec: GuestSpec) -> None:
        making.set()
        assert go_on.wait(TIMEOUT)

    puppets.making = make
    rig = make_rig(puppets, kill_grace=1.0)
    job_id = rig.dispatch()
    assert making.wait(TIMEOUT)
    rig.wait(job_id, Status.RUNNING)
    rig.control(job_id, "cancel")
    rig.advance(1.0)

    go_on.set()

    rig.wait(job_id, Status.CANCELLED)
    eventually(lambda: puppets.made[0].closed)


def test_the_grace_of_one_attempt_is_not_that_of_the_next(stage: Stage) -> None:
    job_id = stage.rig.dispatch()
    puppet = stage.puppets.of(job_id)
    stage.rig.control(job_id, "pause")
    puppet.end(Exit.INTERRUPTED)
    stage.rig.wait(job_id, Status.PAUSED)
    stage.rig.control(job_id, "resume")
    puppet = stage.puppets.of(job_id)

    stage.rig.advance(60.0)

    assert stage.interrupt_of(puppet) is Interrupt.CONTINUE


def test_a_grace_that_begins_when_nothing_runs_is_nobodys(stage: Stage) -> None:
    job_id = stage.job(Status.PAUSED)
    stage.rig.system.supervisor.tell(KillLater(job_id))
    stage.rig.control(job_id, "resume")
    puppet = stage.puppets.of(job_id)

    stage.rig.advance(60.0)

    assert stage.interrupt_of(puppet) is Interrupt.CONTINUE


def test_deadlines_of_attempts_that_are_over_do_not_pile_up(stage: Stage) -> None:
    job_id = stage.rig.dispatch(limits=JobLimits(wall_clock_ms=3_600_000))
    puppet = stage.puppets.of(job_id)
    for number in range(10_000):
        stage.rig.system.supervisor.tell(WatchDeadline(UUID(int=number), 1, 3_600_000))
    stage.rig.advance(0.0)

    supervisor = stage.rig.system.supervisor.ref
    assert supervisor is not None
    actor = supervisor._actor_weakref()
    assert actor is not None
    assert len(actor._timers) <= 1_025
    # The one that still runs is not among those that were dropped.
    stage.rig.advance(3_600.0)
    assert puppet.over.wait(TIMEOUT)
    stage.rig.wait(job_id, Status.FAILED)


# --- the worst moments -----------------------------------------------------------------------------------------------


class HeldLane(Lane):
    """A lane whose first durable event waits for the test, on the job's thread."""

    def __init__(self, stream: str, owner: Any, writer: Address, clock: Clock) -> None:
        super().__init__(stream, owner, writer, clock)
        self.posting, self.go_on = threading.Event(), threading.Event()

    def post_durable(self, body: bytes) -> int:
        self.posting.set()
        assert self.go_on.wait(TIMEOUT)
        return super().post_durable(body)


@pytest.mark.parametrize(("action", "status"), [("pause", Status.PAUSED), ("cancel", Status.CANCELLED)])
def test_a_wish_before_the_first_event_of_an_actor_that_has_started(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, action: str, status: Status
) -> None:
    rig = stage.rig
    monkeypatch.setattr("perdure.actors.system.Lane", HeldLane)
    job_id = rig.dispatch()
    eventually(lambda: rig.system.running(job_id))
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

    def hold(body: bytes) -> int:
        deciding.set()
        assert decided.wait(TIMEOUT)
        return post_durable(body)

    lane.post_durable = hold  # type: ignore[method-assign]
    end(puppet)
    assert deciding.wait(TIMEOUT)
    rig.control(job_id, action)
    decided.set()
    return job_id, request


# --- retries ---------------------------------------------------------------------------------------------------------


def test_a_job_that_fails_is_tried_again_after_its_backoff_until_it_may_not(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch(retry=RetryPolicy(attempts=3, initial_ms=1_000, factor=4.0, jitter=0.0))
    for delay in (1.0, 4.0):
        puppets.of(job_id).fail()
        rig.wait(job_id, Status.BACKOFF)
        rig.over(job_id)
        rig.advance(delay - 0.001)
        assert rig.status(job_id) is Status.BACKOFF
        rig.advance(0.001)
    puppets.of(job_id).fail()

    state = rig.wait(job_id, Status.FAILED)

    assert (state.attempts, state.failures) == (3, 3)
    assert [event.delay_ms for event in rig.events(job_id) if isinstance(event, ev.RetryScheduled)] == [1_000, 4_000]


def test_a_retry_goes_on_from_the_last_checkpoint(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch(retry=RetryPolicy(attempts=2, initial_ms=0))
    puppet = puppets.of(job_id)
    puppet.do(lambda host: host.checkpoint(b"here"))
    puppet.fail()

    assert puppets.of(job_id).state == b"here"


def test_a_manual_retry_has_all_its_attempts_again(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch(retry=RetryPolicy(attempts=2, initial_ms=0))
    for _ in range(2):
        puppets.of(job_id).fail()
    rig.wait(job_id, Status.FAILED)

    rig.control(job_id, "retry")

    puppets.of(job_id).fail()
    puppets.of(job_id).end()
    rig.wait(job_id, Status.COMPLETED)
    assert [event.cause for event in rig.events(job_id) if isinstance(event, ev.JobResumed)] == [
        "retry", "rerun", "retry",
    ]  # fmt: skip


def test_the_end_of_an_old_backoff_does_not_end_a_new_one(make_rig: MakeRig) -> None:
    puppets = Puppets()
    rig = make_rig(puppets)
    job_id = rig.dispatch(retry=RetryPolicy(attempts=9, initial_ms=10_000, factor=100.0, jitter=0.0))
    puppets.of(job_id).fail()
    rig.wait(job_id, Status.BACKOFF)
    rig.over(job_id)
    rig.control(job_id, "retry")  # a person does not wait
    puppets.of(job_id).fail()
    rig.wait(job_id, Status.BACKOFF)
    rig.over(job_id)

    rig.advance(10.0)  # when the first one would have ended

    assert rig.status(job_id) is Status.BACKOFF
    assert rig.job(job_id).attempts == 2
