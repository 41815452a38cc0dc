"""A stream, split into runs: which event belongs to which, and how each ended."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.job_events import checkpoint, dispatched, items, job_id, started

from perdure.actors.attempt_end import as_job_limit, is_guests_end
from perdure.runtime.proof.recorded_runs import History, history_of
from perdure.store import IllegalTransition, MemoryEventStore
from perdure.store import events as ev

JOB = job_id(1)
ERROR = ev.JobError("trap", "unreachable")


def split(*events: Any) -> History:
    store = MemoryEventStore()
    store.append(ev.job_stream(JOB), [dispatched(JOB), *events])
    return history_of(store.read(ev.job_stream(JOB)))


def shapes(history: History) -> list[tuple[int, int, int, int, str, bool]]:
    """Of each run: origin, after, until, attempts, end, by its guest."""
    return [(run.origin, run.after, run.until, len(run.attempts), run.end_name, run.by_guest) for run in history.runs]


def test_one_run() -> None:
    history = split(started(), items(1), items(2), ev.JobCompleted(9))
    assert shapes(history) == [(0, 2, 5, 1, "completed", True)]
    (run,) = history.runs
    assert (run.events, run.last_call, history.host_events) == (2, 2, 3)


def test_a_run_that_was_taken_up_is_one() -> None:
    history = split(started(), items(1), ev.JobRecovered(0, 3, "recovery"), started(2), items(2), ev.JobPaused(True, 5))
    assert shapes(history) == [(0, 2, 7, 2, "paused", False)]


def test_a_new_run_begins_at_the_checkpoint() -> None:
    history = split(
        started(),
        checkpoint(1),
        items(2),
        ev.RetryScheduled(ERROR, 5, 9),
        ev.JobResumed(3, "retry"),
        started(2),
        items(1),
    )
    assert shapes(history) == [(0, 2, 5, 1, "retry-scheduled", True), (3, 7, 8, 1, "unfinished", False)]


def test_a_long_run_that_is_taken_up_at_its_checkpoint_is_two() -> None:
    history = split(
        started(), items(1), checkpoint(2), items(3), ev.JobRecovered(4, 5, "recovery"), started(2), items(4)
    )
    assert shapes(history) == [(0, 2, 5, 1, "broken off", False), (4, 4, 8, 1, "unfinished", False)]
    second = history.runs[1]
    assert (second.calls_before, second.led_until, second.events) == (2, 6, 1)


def test_edges_of_budgets_are_the_hosts() -> None:
    history = split(started(), ev.BudgetReached(1, 5, "fuel_per_hour", 9, 1, "wait"), items(1), ev.JobCompleted(9))
    (run,) = history.runs
    assert (run.events, run.edges, history.host_events) == (1, 1, 4)


def test_a_job_that_never_ran_has_none() -> None:
    assert split(ev.JobCancelled(True, 0)).runs == []


def test_nothing_is_no_history() -> None:
    with pytest.raises(IllegalTransition):
        history_of([])


LIMIT = ev.LimitUse("fuel", 10, 11, "fuel")


@pytest.mark.parametrize(
    ("event", "guests"),
    [
        (ev.JobCompleted(5), True),
        (ev.JobPaused(False, 5), True),
        (ev.JobPaused(True, 5), False),
        (ev.JobSuspended("it began otherwise", False, 0), False),
        (ev.JobCancelled(False, 5), True),
        (ev.JobCancelled(True, 0), False),
        (ev.JobFailed(ERROR, 5), True),
        (ev.RetryScheduled(ERROR, 1, 5), True),
        (ev.JobFailed(ev.JobError("out_of_fuel", "", limit=LIMIT), 5), True),
        (ev.JobFailed(ev.JobError("out_of_fuel", "", limit=ev.LimitUse("fuel_per_hour", 1, 1, "fuel")), 5), False),
        *((ev.JobFailed(ev.JobError(kind, ""), 5), False) for kind in ("timeout", "host_error", "diverged")),
        (ev.JobFailed(ev.JobError("event_rate", ""), 5), False),
        (ev.JobResumed(0, "recovery"), False),
    ],
)
def test_whose_end_it_is(event: ev.Event, guests: bool) -> None:
    assert is_guests_end(event) is guests


def test_the_jobs_limit_takes_the_place_of_the_attempts() -> None:
    error = as_job_limit(ev.JobError("out_of_fuel", "of the attempt", limit=LIMIT), 100, 101)
    assert error.limit == ev.LimitUse("fuel", 100, 101, "fuel")
    assert error.message == "the job used 101 of 100 units of fuel"
    assert as_job_limit(ERROR, 100, 101) is ERROR
