"""``jobs.wait``: until the end or the time is over; and without a slot, so that nobody waits for ever."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from uuid import UUID

import pytest
from tests.support.cast import Cast, install_cast
from tests.support.job_history import events_of
from tests.support.puppet import Puppet
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import Exit
from perdure.actors.guest import Interrupt
from perdure.actors.job_waits import JobWaits
from perdure.runtime import JobHandle, Runtime, RuntimeSettings, Status
from perdure.store.events import OperationAnswered

WAIT = "query:jobs.wait"


def status_of(answer: Future[bytes]) -> str:
    job = json.loads(answer.result(TIMEOUT))
    return str(job.get("status", job))


def test_until_the_end(cast: Cast) -> None:
    parent, puppet = cast.start()
    child, other = cast.child(puppet)
    waiting = cast.begin(puppet, WAIT, job_id=child.job_id)
    cast.is_waiting(parent)
    assert not waiting.done()
    cast.finish(child, other)
    assert status_of(waiting) == "completed"
    assert status_of(cast.begin(puppet, WAIT, job_id=child.job_id)) == "completed"
    eventually(lambda: [event.method for event in events_of(parent, OperationAnswered)] == [WAIT, WAIT])


def test_until_the_time_is_over(cast: Cast) -> None:
    _, puppet = cast.start()
    child, _ = cast.child(puppet)
    for timeout in (0, 1, 30):
        assert status_of(cast.begin(puppet, WAIT, job_id=child.job_id, timeout_ms=timeout)) == "running"
    for wrong in (-1, 300_001, 1.5, "1"):
        assert cast.call(puppet, WAIT, job_id=child.job_id, timeout_ms=wrong)["code"] == "invalid_payload"


def test_the_host_waits(cast: Cast) -> None:
    job, puppet = cast.start()
    assert cast.runtime.call(WAIT, {"job_id": job.job_id, "timeout_ms": 5}).finished is False
    puppet.end()
    assert cast.runtime.call(WAIT, {"job_id": job.job_id}).status is Status.COMPLETED


def test_a_failure_is_the_parents_to_see(cast: Cast) -> None:
    parent, puppet = cast.start()
    child, other = cast.child(puppet)
    waiting = cast.begin(puppet, WAIT, job_id=child.job_id)
    other.fail()
    assert json.loads(waiting.result(TIMEOUT))["error"]["kind"] == "trap"
    cast.finish(parent, puppet)
    assert parent.status is Status.COMPLETED


def test_nobody_waits_for_itself(cast: Cast) -> None:
    job, puppet = cast.start()
    assert cast.call(puppet, WAIT, job_id=job.job_id)["code"] == "invalid_payload"


def test_nobody_waits_for_who_waits_for_it(cast: Cast) -> None:
    jobs: list[tuple[JobHandle, Puppet]] = [cast.start() for _ in range(3)]
    waits = []
    for (job, puppet), (target, _) in itertools.pairwise(jobs):
        waits.append(cast.begin(puppet, WAIT, job_id=target.job_id))
        cast.is_waiting(job)
    last, puppet = jobs[2]
    for target, _ in jobs[:2]:
        answer = cast.call(puppet, WAIT, job_id=target.job_id)
        assert answer == {"error": f"job {target.job_id} waits for this one, so neither would end", "code": "failed"}
    cast.finish(last, puppet)
    cast.finish(*jobs[1])
    assert [status_of(wait) for wait in waits] == ["completed", "completed"]


def test_a_job_that_is_to_pause_waits_no_longer(cast: Cast) -> None:
    parent, puppet = cast.start()
    child, _ = cast.child(puppet)
    waiting = cast.begin(puppet, WAIT, job_id=child.job_id)
    cast.is_waiting(parent)
    cast.runtime.pause(parent.job_id)
    assert status_of(waiting) == "running"
    assert puppet.do(lambda host: host.check_interrupt()) is Interrupt.PAUSE
    puppet.end(Exit.INTERRUPTED)
    eventually(lambda: parent.status is Status.PAUSED)
    assert child.status is Status.RUNNING


def test_a_closing_runtime_ends_waits(tmp_path: Path) -> None:
    with Runtime.in_memory(settings=RuntimeSettings(shutdown_grace=TIMEOUT)) as runtime:
        install_cast(runtime, tmp_path, "acme")
        cast = Cast(runtime)
        parent, puppet = cast.start()
        child, other = cast.child(puppet)
        waiting = cast.begin(puppet, WAIT, job_id=child.job_id, timeout_ms=300_000)
        cast.is_waiting(parent)
        waiting.add_done_callback(lambda _: puppet.end(Exit.INTERRUPTED))
        waiting.add_done_callback(lambda _: other.end(Exit.INTERRUPTED))
    assert status_of(waiting) == "running"


# --- one slot for all ------------------------------------------------------------------------------------------------


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Cast]:
    """One job at a time, of the extension and of the runtime."""
    settings = RuntimeSettings(running_jobs=1, shutdown_grace=0.1, kill_grace=TIMEOUT)
    with Runtime.in_memory(settings=settings) as runtime:
        install_cast(runtime, tmp_path, "acme", rate_limits={"concurrent_jobs": 1})
        yield Cast(runtime)


def test_a_job_runs_in_the_place_of_the_one_that_waits_for_it(narrow: Cast) -> None:
    root, puppet = narrow.start()
    child = narrow.dispatch(puppet)
    assert child.status is Status.QUEUED
    waiting = narrow.begin(puppet, WAIT, job_id=child.job_id)
    other = narrow.puppets.of(child.job_id)
    # So does one that this one waits for, and one that the first did not dispatch itself.
    grandchild = narrow.dispatch(other)
    also_waiting = narrow.begin(other, WAIT, job_id=grandchild.job_id)
    third = narrow.puppets.of(grandchild.job_id)
    narrow.finish(grandchild, third)
    assert status_of(also_waiting) == "completed"
    narrow.finish(child, other)
    assert status_of(waiting) == "completed"
    narrow.finish(root, puppet)


def test_the_last_of_many_children_first(narrow: Cast) -> None:
    root, puppet = narrow.start()
    children = [narrow.dispatch(puppet) for _ in range(3)]
    for child in reversed(children):
        waiting = narrow.begin(puppet, WAIT, job_id=child.job_id)
        narrow.finish(child, narrow.puppets.of(child.job_id))
        assert status_of(waiting) == "completed"
    narrow.finish(root, puppet)
    again, puppet = narrow.start()  # the slot was given back once, not three times
    queued = narrow.runtime.dispatch("acme:run")
    assert narrow.runtime._system.jobs.ids() == [again.job_id]
    assert queued.status is Status.QUEUED
    narrow.finish(again, puppet)


def test_a_job_in_backoff_runs_in_that_place_too(narrow: Cast) -> None:
    root, puppet = narrow.start()
    child = narrow.dispatch(puppet, retry={"attempts": 2, "initial_ms": 100})
    waiting = narrow.begin(puppet, WAIT, job_id=child.job_id)
    narrow.puppets.of(child.job_id).fail()
    narrow.finish(child, narrow.puppets.of(child.job_id))
    assert status_of(waiting) == "completed"
    narrow.finish(root, puppet)


def test_who_waits_lets_no_stranger_in(narrow: Cast) -> None:
    """Or a thousand queued jobs that wait would all run at once."""
    root, puppet = narrow.start()
    stranger = narrow.runtime.dispatch("acme:run")
    child = narrow.dispatch(puppet)
    waiting = narrow.begin(puppet, WAIT, job_id=child.job_id)
    other = narrow.puppets.of(child.job_id)
    assert stranger.status is Status.QUEUED
    narrow.finish(child, other)
    assert status_of(waiting) == "completed"
    assert stranger.status is Status.QUEUED
    # Nor does it run in the place of somebody who waits for it, if that one did not dispatch it.
    assert narrow.call(puppet, WAIT, job_id=stranger.job_id, timeout_ms=50)["status"] == "queued"
    narrow.finish(root, puppet)
    narrow.finish(stranger, narrow.puppets.of(stranger.job_id))


def test_a_wait_that_is_over_lends_no_more(narrow: Cast) -> None:
    root, puppet = narrow.start()
    first, second = narrow.dispatch(puppet), narrow.dispatch(puppet)
    waiting = narrow.begin(puppet, WAIT, job_id=first.job_id, timeout_ms=60_000)
    other = narrow.puppets.of(first.job_id)
    narrow.runtime.pause(root.job_id)  # ends the wait
    assert status_of(waiting) == "running"
    assert narrow.call(puppet, WAIT, job_id=second.job_id, timeout_ms=50)["status"] == "queued"
    narrow.finish(first, other)
    puppet.end(Exit.INTERRUPTED)
    narrow.finish(second, narrow.puppets.of(second.job_id))


def test_job_waits() -> None:
    a, b, c = (UUID(int=number) for number in range(3))
    waits = JobWaits()
    first = waits.begin(a, b, lends=True)
    assert first is not None
    assert waits.begin(b, a, lends=True) is None
    second = waits.begin(b, c, lends=False)
    assert second is not None
    assert waits.begin(c, a, lends=True) is None
    assert (waits.lent(), waits.is_waiting(a), waits.is_waiting(b), waits.is_waiting(c)) == ([b], True, False, False)
    newer = waits.begin(a, c, lends=True)  # of the next attempt: the end of the old one is not its end
    waits.end(first)
    assert (newer is not None, waits.lent()) == (True, [c])
    waits.interrupt(b)
    waits.interrupt(b)
    waits.interrupt(c)
    assert (second.interrupted.done(), first.interrupted.done()) == (True, False)
