"""What one process leaves behind, the next one takes up. A crash cuts a system off from its log at once.

The guests' own lives through a crash are in `tests/actors/test_taking_up.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from tests.support.actor_rig import Rig
from tests.support.crash import Crash, Recovered
from tests.support.puppet import Puppets
from tests.support.python_guest import FUEL_PER_CALL, PythonHost
from tests.support.waiting import TIMEOUT, eventually, wait_for_log

from perdure.actors import Exit, GuestSpec
from perdure.actors.recovery import admit_recovered, recover
from perdure.store import AppendRequest, JobState, LmdbEventStore, Status, check
from perdure.store import events as ev
from perdure.store.events import RetryPolicy, job_stream

MakeRig = Callable[..., Rig]


@pytest.fixture
def crash(make_rig: MakeRig) -> Crash:
    return Crash(make_rig)


# --- from where its run began ----------------------------------------------------------------------------------------


def test_a_job_goes_on_where_it_was_with_all_that_it_counted(crash: Crash) -> None:
    job_id, puppet = crash.begin(state=b"start")
    puppet.do(lambda host: host.increment_items(5))
    puppet.do(lambda host: host.add_warning("odd"))
    puppet.do(lambda host: host.report_progress(0.5, "half"))
    puppet.do(lambda host: host.checkpoint(b"five"))
    puppet.do(lambda host: host.increment_items(90))
    wait_for_log(crash.rig.store, lambda: crash.rig.job(job_id).items == 95)
    before = crash.rig.job(job_id)

    rig = crash.crash()

    second = crash.puppets.of(job_id)
    assert second.state == b"start", "the guest is led to where it was from the beginning"
    second.do(lambda host: host.increment_items(1))
    second.end()
    state = rig.wait(job_id, Status.COMPLETED)
    assert (state.items, state.warnings, state.message, state.attempts) == (96, 1, "half", 2)
    assert (state.fuel, state.fuel_superseded) == (before.fuel + FUEL_PER_CALL, 0)
    assert rig.tags(job_id) == [
        "dispatched", "started", "items", "warning", "progress", "checkpoint", "items", "recovered", "started", "items",
        "completed",
    ]  # fmt: skip
    assert state.superseded == []
    assert [event.call for event in rig.events(job_id) if isinstance(event, ev.GuestEvent)] == [1, 2, 3, 4, 5, 6]


def test_a_run_after_a_pause_is_taken_up_from_the_checkpoint_of_that_pause(crash: Crash) -> None:
    job_id, puppet = crash.begin(state=b"start")
    puppet.do(lambda host: host.checkpoint(b"one"))
    crash.rig.control(job_id, "pause")
    puppet.end(Exit.INTERRUPTED)
    crash.rig.wait(job_id, Status.PAUSED)
    crash.rig.control(job_id, "resume")
    puppet = crash.puppets.of(job_id)
    puppet.do(lambda host: host.increment_items(2))
    puppet.do(lambda host: host.checkpoint(b"two"))

    rig = crash.crash()

    puppet = crash.puppets.of(job_id)
    assert puppet.state == b"one"
    puppet.end()
    state = rig.wait(job_id, Status.COMPLETED)
    assert (state.items, state.checkpoints, state.superseded) == (2, 2, [(3, 6)])


def test_what_came_after_the_checkpoint_of_a_failed_attempt_is_superseded_and_stays_in_the_history(
    crash: Crash,
) -> None:
    job_id, puppet = crash.begin(retry=RetryPolicy(attempts=2, initial_ms=0, jitter=0.0))
    puppet.do(lambda host: host.checkpoint(b"1"))
    puppet.do(lambda host: host.increment_items(9))
    puppet.fail()
    crash.rig.wait(job_id, Status.BACKOFF, Status.QUEUED, Status.RUNNING)
    crash.rig.advance(0.0)

    crash.puppets.of(job_id).end()
    state = crash.rig.wait(job_id, Status.COMPLETED)
    assert crash.rig.tags(job_id) == [
        "dispatched", "started", "checkpoint", "items", "retry-scheduled", "resumed", "started", "completed",
    ]  # fmt: skip
    assert state.superseded == [(3, 6)]
    assert [state.is_superseded(sequence) for sequence in range(1, 9)] == [False] * 3 + [True] * 2 + [False] * 3


def test_a_job_that_was_not_called_before_the_crash_begins_with_its_state(crash: Crash) -> None:
    job_id, _ = crash.begin(state=b"start")

    rig = crash.crash()

    puppet = crash.puppets.of(job_id)
    assert puppet.state == b"start"
    puppet.do(lambda host: host.increment_items(1))
    puppet.end()
    assert rig.wait(job_id, Status.COMPLETED).items == 1


def test_a_job_that_is_not_resumable_is_taken_up_too(crash: Crash) -> None:
    job_id, puppet = crash.begin(state=b"start", resumable=False)
    puppet.do(lambda host: host.increment_items(7))
    puppet.do(lambda host: host.checkpoint(b"later"))

    rig = crash.crash()

    puppet = crash.puppets.of(job_id)
    assert puppet.state == b"start"
    puppet.end()
    assert rig.wait(job_id, Status.COMPLETED).items == 7


def test_crash_after_crash_loses_nothing_and_repeats_nothing(crash: Crash) -> None:
    job_id, puppet = crash.begin(state=b"0")
    for number in range(1, 6):
        puppet.do(lambda host: host.increment_items())
        assert puppet.do(lambda host, number=number: host.checkpoint(b"%d" % number))  # type: ignore[misc]
        rig = crash.crash()
        puppet = crash.puppets.of(job_id)
        assert puppet.state == b"0"
    puppet.end()

    state = rig.wait(job_id, Status.COMPLETED)

    assert (state.items, state.attempts, state.checkpoints) == (5, 6, 5)
    calls = [event.call for event in rig.events(job_id) if isinstance(event, ev.GuestEvent)]
    assert calls == list(range(1, 11))


def test_a_checkpoint_that_was_not_answered_may_be_lost_but_nothing_before_it(crash: Crash) -> None:
    job_id, puppet = crash.begin()
    puppet.do(lambda host: host.checkpoint(b"1"))
    crash.rig.store.block()
    answer = puppet.begin(lambda host: host.checkpoint(b"2"))
    assert crash.rig.store.blocked.acquire(timeout=TIMEOUT)

    rig = crash.crash()

    crash.puppets.of(job_id).end()
    state = rig.wait(job_id, Status.COMPLETED)
    assert state.checkpoints in (1, 2)
    # The old process was told that it could not be stored, and was stopped.
    assert answer.exception(TIMEOUT) is not None or answer.result() is False


def test_the_log_on_disk_is_enough(tmp_path: Path) -> None:
    puppets = Puppets()
    with LmdbEventStore.open(tmp_path) as inner, Rig(puppets, inner=inner) as rig:
        job_id = rig.dispatch()
        puppets.of(job_id).do(lambda host: host.checkpoint(b"kept"))
        rig.crash()
    with LmdbEventStore.open(tmp_path) as inner, Rig(puppets, inner=inner) as rig:
        admit_recovered(rig.system, recover(rig.system))
        puppets.of(job_id).end()
        assert rig.wait(job_id, Status.COMPLETED).checkpoints == 1
        assert check(inner).problems == []


# --- in every status -------------------------------------------------------------------------------------------------


def test_a_queued_job_runs(crash: Crash) -> None:
    job_id = crash.rig.dispatch(admit=False)

    rig = crash.crash()

    crash.puppets.of(job_id).end()
    rig.wait(job_id, Status.COMPLETED)
    assert rig.tags(job_id) == ["dispatched", "started", "completed"]


def test_a_paused_job_stays_paused(crash: Crash) -> None:
    job_id, puppet = crash.begin()
    crash.rig.control(job_id, "pause")
    puppet.end(Exit.INTERRUPTED)
    crash.rig.wait(job_id, Status.PAUSED)

    rig = crash.crash()

    assert rig.status(job_id) is Status.PAUSED
    assert crash.hooks.jobs == 0
    rig.control(job_id, "resume")
    crash.puppets.of(job_id).end()
    rig.wait(job_id, Status.COMPLETED)


def test_jobs_that_have_ended_stay_as_they_are(crash: Crash) -> None:
    done, puppet = crash.begin()
    puppet.end()
    failed, puppet = crash.begin()
    puppet.fail()
    crash.rig.wait(done, Status.COMPLETED)
    crash.rig.wait(failed, Status.FAILED)
    position = crash.rig.store.position()

    rig = crash.crash()

    assert [event.stream for event in rig.store.read_all(after=position)] == ["extension:acme"]


def test_a_backoff_goes_on_where_it_was(crash: Crash) -> None:
    job_id, puppet = crash.begin(retry=RetryPolicy(attempts=2, initial_ms=10_000, jitter=0.0))
    puppet.fail()
    crash.rig.wait(job_id, Status.BACKOFF)
    crash.rig.over(job_id)
    crash.rig.advance(4.0)

    rig = crash.crash()

    rig.advance(5.999)
    assert rig.status(job_id) is Status.BACKOFF
    rig.advance(0.001)
    crash.puppets.of(job_id).end()
    assert rig.wait(job_id, Status.COMPLETED).failures == 1


def test_a_backoff_that_ended_while_nobody_was_there_is_over(crash: Crash) -> None:
    job_id, puppet = crash.begin(retry=RetryPolicy(attempts=2, initial_ms=10_000))
    puppet.fail()
    crash.rig.wait(job_id, Status.BACKOFF)
    crash.rig.crash()
    crash.rig.clock.advance(3_600)

    rig = crash.again()

    rig.advance(0)
    crash.puppets.of(job_id).end()
    rig.wait(job_id, Status.COMPLETED)


@pytest.mark.parametrize(("action", "status"), [("pause", Status.PAUSED), ("cancel", Status.CANCELLED)])
def test_a_wish_that_the_crashed_process_did_not_live_to_meet_is_met(crash: Crash, action: str, status: Status) -> None:
    job_id, _ = crash.begin()
    crash.rig.control(job_id, action)

    rig = crash.crash()

    assert rig.status(job_id) is status
    end = rig.events(job_id)[-1]
    assert isinstance(end, ev.JobPaused | ev.JobCancelled)
    assert end.forced
    assert crash.hooks.ended == (["cancelled"] if status is Status.CANCELLED else [])


@pytest.mark.parametrize("end", [ev.JobPaused(False, 1), ev.JobSuspended("unload", False, 1), "backoff"])
def test_a_cancel_that_was_overtaken_by_the_attempts_end_is_met(crash: Crash, end: ev.JobEvent | str) -> None:
    job_id, _ = crash.begin()
    if isinstance(end, str):
        end = ev.RetryScheduled(ev.JobError("trap", "boom"), 60_000, 1)
    # Acknowledged, then the end that had been decided before; the process died before it could do more.
    crash.rig.store.inner.append(job_stream(job_id), [ev.JobCancelRequested(), end])

    rig = crash.crash()

    assert rig.status(job_id) is Status.CANCELLED


# --- many ------------------------------------------------------------------------------------------------------------


def tags_of(batch: Sequence[AppendRequest]) -> set[str]:
    return {ev.tag_of(ev.decode(body)) for request in batch for body in request.bodies}


def test_a_hundred_jobs_are_taken_up_at_once(make_rig: MakeRig) -> None:
    blocked = threading.Semaphore(0)

    def hang(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        blocked.release()
        host.block()

    rig = make_rig(body=hang, running_jobs=100)
    rig.extensions["acme"].concurrent_jobs = 100
    jobs = [rig.dispatch() for _ in range(100)]
    for _ in jobs:
        assert blocked.acquire(timeout=TIMEOUT)
    rig.crash()

    hooks = Recovered()
    rig = make_rig(body=lambda host, state, spec: None, inner=rig.store.inner, running_jobs=4, hooks=hooks)
    rig.store.block()
    recovering: Future[list[JobState]] = Future()
    threading.Thread(target=lambda: recovering.set_result(recover(rig.system))).start()
    eventually(lambda: len(rig.store.held) + rig.system.log.depth() == 100)
    rig.store.unblock()
    admit_recovered(rig.system, recovering.result(TIMEOUT))

    for job_id in jobs:
        rig.wait(job_id, Status.COMPLETED)
    assert hooks.jobs == 100
    assert hooks.causes == ["recovery"] * 100
    assert len([batch for batch in rig.store.batches if "recovered" in tags_of(batch)]) <= 2
    assert {rig.job(job_id).attempts for job_id in jobs} == {2}
