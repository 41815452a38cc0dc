"""``jobs.cancel``: a job's own wish, carried out as a person's."""

from __future__ import annotations

import json

from tests.support.cast import Cast
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import Exit
from perdure.actors.guest import Interrupt
from perdure.runtime import Status

CANCEL = "action:jobs.cancel"


def test_a_job_cancels_another_with_its_family(cast: Cast) -> None:
    _, puppet = cast.start()
    child, other = cast.child(puppet)
    grandchild, third = cast.child(other)
    answer = cast.call(puppet, CANCEL, job_id=child.job_id)
    assert (answer["job_id"], answer["finished"]) == (str(child.job_id), False)
    for one in (other, third):
        assert one.do(lambda host: host.check_interrupt()) is Interrupt.CANCEL
        one.end(Exit.INTERRUPTED)
    assert {child.wait(TIMEOUT).status, grandchild.wait(TIMEOUT).status} == {Status.CANCELLED}
    again = cast.call(puppet, CANCEL, job_id=child.job_id)
    assert (again["status"], again["finished"]) == ("cancelled", True)


def test_a_job_that_has_ended_stays_as_it_is(cast: Cast) -> None:
    _, puppet = cast.start()
    child, other = cast.child(puppet)
    cast.finish(child, other)
    assert cast.call(puppet, CANCEL, job_id=child.job_id)["status"] == "completed"


def test_a_job_cancels_itself(cast: Cast) -> None:
    job, puppet = cast.start()
    assert cast.call(puppet, CANCEL, job_id=job.job_id)["status"] == "running"
    assert puppet.do(lambda host: host.check_interrupt()) is Interrupt.CANCEL
    puppet.end(Exit.INTERRUPTED)
    assert job.wait(TIMEOUT).status is Status.CANCELLED


def test_a_job_that_is_being_cancelled_dispatches_no_more(cast: Cast) -> None:
    job, puppet = cast.start()
    child, other = cast.child(puppet)
    cast.runtime.cancel(job.job_id)
    for one in (puppet, other):
        answer = cast.begin(one, "action:jobs.dispatch", job_type="run").result(TIMEOUT)
        assert json.loads(answer)["code"] == "unavailable"
        one.end(Exit.INTERRUPTED)
    eventually(lambda: child.status is Status.CANCELLED and job.status is Status.CANCELLED)
    assert len(cast.runtime.jobs().jobs) == 2


def test_a_cancel_ends_a_wait(cast: Cast) -> None:
    job, puppet = cast.start()
    child, other = cast.child(puppet)
    waiting = cast.begin(puppet, "query:jobs.wait", job_id=child.job_id, timeout_ms=300_000)
    cast.is_waiting(job)
    cast.runtime.cancel(job.job_id)
    assert json.loads(waiting.result(TIMEOUT))["code"] == "unavailable"
    for one in (puppet, other):
        one.end(Exit.INTERRUPTED)
    assert job.wait(TIMEOUT).status is Status.CANCELLED
    assert child.wait(TIMEOUT).status is Status.CANCELLED
    eventually(lambda: not cast.runtime._system.waits._waits)
