"""Jobs that fail and are tried again."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.actor_rig import Rig
from tests.support.puppet import Puppets

from perdure.store import Status
from perdure.store import events as ev
from perdure.store.events import RetryPolicy

MakeRig = Callable[..., Rig]


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
