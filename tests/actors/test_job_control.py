"""Pause, resume, cancel and retry: in every status, and with guests that do not listen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from tests.support.actor_rig import Rig
from tests.support.puppet import Puppets, Stopped
from tests.support.python_guest import PythonHost
from tests.support.stage import LATER, Stage
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import Exit, GuestSpec, Interrupt
from perdure.actors.messages import KillLater, WatchDeadline
from perdure.store import IllegalTransition, Status
from perdure.store import events as ev
from perdure.store.events import JobLimits

MakeRig = Callable[..., Rig]


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
    ("cancel", Status.ATTENTION): Status.CANCELLED,
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
