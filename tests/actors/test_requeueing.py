"""How a job goes on that was stopped: taken up, begun anew, or put before a person."""

from __future__ import annotations

import msgspec
import pytest
from tests.support.job_events import checkpoint, dispatched, failure, items, job_id, started
from tests.support.recorded_run import action, intent, resolved

from perdure.actors.requeueing import ReplayLimit, requeueing, unmet_wish
from perdure.store import JobState, evolve
from perdure.store import events as ev

PLENTY = ReplayLimit()
NOTHING = ReplayLimit(fuel=0, events=0)
SAVED: list[ev.Event] = [started(), items(1), checkpoint(2), items(3)]  # the checkpoint is at 4
RESUMED: list[ev.Event] = [*SAVED, ev.JobPaused(False, 30), ev.JobResumed(4, "resume"), started(2)]


def state_of(*events: ev.Event, resumable: bool = True) -> JobState:
    first = msgspec.structs.replace(dispatched(job_id(1)), resumable=resumable)
    state: JobState | None = None
    for sequence, event in enumerate([first, *events], 1):
        state = evolve(state, event, sequence, 0)
    assert state is not None
    return state


CASES: dict[str, tuple[list[ev.Event], ReplayLimit, ev.Event]] = {
    "a crash at once": ([started()], PLENTY, ev.JobRecovered(0, 2, "why")),
    "a crash": (SAVED, PLENTY, ev.JobRecovered(0, 5, "why")),
    "a crash in a run from a checkpoint": ([*RESUMED, items(1)], PLENTY, ev.JobRecovered(4, 9, "why")),
    "a forced pause": ([*SAVED, ev.JobPaused(True, 30)], PLENTY, ev.JobRecovered(0, 6, "why")),
    "a forced suspension": ([*SAVED, ev.JobSuspended("closed", True, 30)], PLENTY, ev.JobRecovered(0, 6, "why")),
    "a crash after a crash": (
        [*SAVED, ev.JobRecovered(0, 5, "recovery"), started(2)],
        PLENTY,
        ev.JobRecovered(0, 7, "why"),
    ),
    "a pause before the crash was made good": (
        [*SAVED, ev.JobRecovered(0, 5, "recovery"), ev.JobPaused(False, 0)],
        PLENTY,
        ev.JobRecovered(0, 7, "why"),
    ),
    "a pause": ([*SAVED, ev.JobPaused(False, 30)], PLENTY, ev.JobResumed(4, "why")),
    "a pause without a checkpoint": ([started(), ev.JobPaused(False, 30)], PLENTY, ev.JobResumed(0, "why")),
    "a failure": ([*SAVED, ev.JobFailed(failure(), 30)], PLENTY, ev.JobResumed(4, "why")),
    "a failure before another try": ([*SAVED, ev.RetryScheduled(failure(), 5, 30)], PLENTY, ev.JobResumed(4, "why")),
    "a cancel": ([*SAVED, ev.JobCancelled(True, 30)], PLENTY, ev.JobResumed(4, "why")),
    "a long run": (SAVED, NOTHING, ev.JobRecovered(4, 5, "why")),
    "much fuel": (SAVED, ReplayLimit(fuel=29), ev.JobRecovered(4, 5, "why")),
    "just not too much fuel": (SAVED, ReplayLimit(fuel=30), ev.JobRecovered(0, 5, "why")),
    "many events": (SAVED, ReplayLimit(events=2), ev.JobRecovered(4, 5, "why")),
    "just not too many events": (SAVED, ReplayLimit(events=3), ev.JobRecovered(0, 5, "why")),
    "a long run that ends with its checkpoint": (SAVED[:3], NOTHING, ev.JobResumed(4, "why")),
    "a long run without a checkpoint": ([started(), items(1)], NOTHING, ev.JobRecovered(0, 3, "why")),
    "a long run from its last checkpoint": ([*RESUMED, items(1)], NOTHING, ev.JobRecovered(4, 9, "why")),
    "an action that may be done again": ([started(), intent(1)], PLENTY, ev.JobRecovered(0, 3, "why")),
    "an action in doubt": ([started(), intent(1, "non_idempotent")], PLENTY, ev.JobInDoubt(1, 3)),
    "an action in doubt in a run that was given up": (
        [started(), intent(1, "non_idempotent"), ev.JobCancelled(True, 5)],
        PLENTY,
        ev.JobInDoubt(1, 3),
    ),
    "an action whose outcome is known": (
        [started(), intent(1, "non_idempotent"), action(1)],
        PLENTY,
        ev.JobRecovered(0, 4, "why"),
    ),
    "a doubt that was resolved": (
        [started(), intent(1, "non_idempotent"), ev.JobInDoubt(1, 3), resolved(1, "again")],
        PLENTY,
        ev.JobRecovered(0, 5, "why"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_how_it_goes_on(case: str) -> None:
    events, limit, expected = CASES[case]
    state = state_of(*events)

    event = requeueing(state, "why", limit)

    assert event == expected
    evolve(state, event, state.sequence + 1, 0)  # and the log takes it


@pytest.mark.parametrize("limit", [PLENTY, NOTHING])
def test_a_job_that_is_not_resumable_is_taken_up_from_its_start(limit: ReplayLimit) -> None:
    assert requeueing(state_of(*SAVED, resumable=False), "why", limit) == ev.JobRecovered(0, 5, "why")
    paused = state_of(*SAVED, ev.JobPaused(False, 30), resumable=False)
    assert requeueing(paused, "why", limit) == ev.JobResumed(0, "why")


@pytest.mark.parametrize(("fuel", "events"), [(-1, 0), (0, -1)])
def test_a_limit_below_nothing(fuel: int, events: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        ReplayLimit(fuel=fuel, events=events)


def test_wishes() -> None:
    pause, cancel = ev.JobPauseRequested(), ev.JobCancelRequested()
    assert unmet_wish(state_of(*SAVED)) is None
    assert unmet_wish(state_of(*SAVED, pause)) == ev.JobPaused(True, 0)
    assert unmet_wish(state_of(*SAVED, pause, cancel)) == ev.JobCancelled(True, 0)
    assert unmet_wish(state_of(*SAVED, cancel, ev.JobCompleted(30))) is None
