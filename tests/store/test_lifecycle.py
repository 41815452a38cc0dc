from __future__ import annotations

import msgspec
import pytest
from tests.support.job_events import EXAMPLES, dispatched, job_id, started

from perdure.store import IllegalTransition, JobState, evolve
from perdure.store import events as ev
from perdure.store.job_state import summary_of
from perdure.store.lifecycle import TERMINAL, TRANSITIONS, UNFINISHED, Status, next_status

S = Status
# The whole table once more, by hand: what is not here is illegal. A change of the rules has to be made in both places.
LEGAL: dict[tuple[Status | None, str], Status] = (
    {
        (None, "dispatched"): S.QUEUED,
        (S.QUEUED, "started"): S.RUNNING,
        (S.QUEUED, "paused"): S.PAUSED,
        (S.QUEUED, "failed"): S.FAILED,
        (S.QUEUED, "cancelled"): S.CANCELLED,
        (S.RUNNING, "resumed"): S.QUEUED,
        (S.QUEUED, "linked"): S.QUEUED,
        (S.QUEUED, "keyed"): S.QUEUED,
        (S.RUNNING, "pause-requested"): S.RUNNING,
        (S.RUNNING, "cancel-requested"): S.RUNNING,
        (S.RUNNING, "paused"): S.PAUSED,
        (S.RUNNING, "suspended"): S.SUSPENDED,
        (S.RUNNING, "retry-scheduled"): S.BACKOFF,
        (S.RUNNING, "completed"): S.COMPLETED,
        (S.RUNNING, "failed"): S.FAILED,
        (S.RUNNING, "cancelled"): S.CANCELLED,
        (S.PAUSED, "resumed"): S.QUEUED,
        (S.PAUSED, "cancelled"): S.CANCELLED,
        (S.SUSPENDED, "resumed"): S.QUEUED,
        (S.SUSPENDED, "paused"): S.PAUSED,
        (S.SUSPENDED, "failed"): S.FAILED,
        (S.SUSPENDED, "cancelled"): S.CANCELLED,
        (S.BACKOFF, "resumed"): S.QUEUED,
        (S.BACKOFF, "paused"): S.PAUSED,
        (S.BACKOFF, "failed"): S.FAILED,
        (S.BACKOFF, "cancelled"): S.CANCELLED,
        (S.FAILED, "resumed"): S.QUEUED,
        (S.CANCELLED, "resumed"): S.QUEUED,
        (S.ATTENTION, "resumed"): S.QUEUED,
        (S.RUNNING, "recovered"): S.QUEUED,
        (S.PAUSED, "recovered"): S.QUEUED,
        (S.SUSPENDED, "recovered"): S.QUEUED,
        (S.ATTENTION, "recovered"): S.QUEUED,
        (S.RUNNING, "in-doubt"): S.ATTENTION,
        (S.PAUSED, "in-doubt"): S.ATTENTION,
        (S.SUSPENDED, "in-doubt"): S.ATTENTION,
        (S.BACKOFF, "in-doubt"): S.ATTENTION,
        (S.FAILED, "in-doubt"): S.ATTENTION,
        (S.CANCELLED, "in-doubt"): S.ATTENTION,
        (S.ATTENTION, "resolved"): S.ATTENTION,
        (S.RUNNING, "resolved"): S.RUNNING,
        (S.ATTENTION, "failed"): S.FAILED,
        (S.ATTENTION, "cancelled"): S.CANCELLED,
        (S.QUEUED, "moved"): S.SUSPENDED,
        (S.RUNNING, "moved"): S.SUSPENDED,
        (S.PAUSED, "moved"): S.PAUSED,
        (S.SUSPENDED, "moved"): S.SUSPENDED,
        (S.BACKOFF, "moved"): S.BACKOFF,
        (S.FAILED, "moved"): S.FAILED,
        (S.CANCELLED, "moved"): S.CANCELLED,
    }
    | {
        (None, "fork-begun"): S.COPYING,
        (S.COPYING, "forked"): S.SUSPENDED,
        (S.COPYING, "fork-abandoned"): S.CANCELLED,
    }
    | {(status, "folded"): status for status in TERMINAL}
    | {(status, "run-ended"): status for status in (S.RUNNING, S.PAUSED, S.SUSPENDED)}
    | {(S.RUNNING, ev.tag_of(event)): S.RUNNING for event in EXAMPLES if isinstance(event, ev.GuestEvent)}
)
STATUSES: tuple[Status | None, ...] = (None, *Status)


def legal_example(event: ev.Event) -> ev.Event:
    """The example, naming what the job of `state_in` has: no checkpoint, a run from the start, an intent at 3."""
    if isinstance(event, ev.JobResumed):
        return ev.JobResumed(checkpoint=0, cause="recovery")
    if isinstance(event, ev.JobRecovered):
        return ev.JobRecovered(origin=0, through=3, cause="recovery")
    if isinstance(event, ev.JobInDoubt):
        return ev.JobInDoubt(call=1, sequence=3)
    if isinstance(event, ev.DoubtResolved):
        return msgspec.structs.replace(event, call=1)
    return event


def of_job(event: ev.Event, state: JobState | None) -> ev.Event:
    """The event, naming what only this job has."""
    if isinstance(event, ev.JobFolded) and state is not None:
        return msgspec.structs.replace(event, through=state.sequence, summary=summary_of(state))
    return event


PAIRS = [
    pytest.param(status, legal_example(event), id=f"{status or 'unknown'}-{ev.tag_of(event)}")
    for status in STATUSES
    for event in EXAMPLES
]


def state_in(status: Status | None) -> JobState | None:
    if status is None:
        return None
    state = evolve(None, dispatched(job_id(1)), 1, 0)
    if status is not Status.QUEUED:
        state = evolve(state, started(), 2, 0)
        intent = ev.ActionIntended(1, 10, "action:mail.send", None, "non_idempotent", "", ev.Inline(b"{}"))
        state = evolve(state, intent, 3, 0)
    return msgspec.structs.replace(state, status=status)


def test_every_job_event_is_tried() -> None:
    assert {type(event) for event in EXAMPLES} == set(ev.EVENT_TYPES)
    assert set(TRANSITIONS) == {kind for kind in ev.EVENT_TYPES if issubclass(kind, ev.JobEvent)} - {
        kind for kind in ev.EVENT_TYPES if issubclass(kind, ev.GuestEvent)
    }


@pytest.mark.parametrize(("status", "event"), PAIRS)
def test_each_pair_of_status_and_event(status: Status | None, event: ev.Event) -> None:
    before, untouched = state_in(status), state_in(status)
    after = LEGAL.get((status, ev.tag_of(event)))
    event = of_job(event, before)
    if after is not None:
        assert next_status(str(job_id(1)), status, event) is after
        assert evolve(before, event, 4, 0).status is after
    else:
        with pytest.raises(IllegalTransition) as caught:
            next_status(str(job_id(1)), status, event)
        assert caught.value.event == ev.tag_of(event)
        assert caught.value.status == (status or "unknown")
        with pytest.raises(IllegalTransition):
            evolve(before, event, 4, 0)
    assert before == untouched


def test_a_completed_job_is_over_for_good() -> None:
    assert [pair for pair in LEGAL if pair[0] is Status.COMPLETED] == [(Status.COMPLETED, "folded")]


def test_terminal_and_unfinished_are_all_statuses() -> None:
    assert {Status.COMPLETED, Status.FAILED, Status.CANCELLED} == TERMINAL
    assert set(Status) == TERMINAL | UNFINISHED
    assert not TERMINAL & UNFINISHED


def test_every_status_can_be_reached_and_every_unfinished_one_left() -> None:
    assert set(LEGAL.values()) == set(Status)
    assert {status for (status, _), after in LEGAL.items() if after is not status} >= UNFINISHED
