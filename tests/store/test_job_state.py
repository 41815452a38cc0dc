from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.histories import histories
from tests.support.job_events import (
    checkpoint,
    completed,
    counted_bytes,
    dispatched,
    failure,
    items,
    job_id,
    progress,
    runtime_opened,
    started,
    warning,
)

from perdure.store import BadEvent, IllegalTransition, JobState, Status, StoreError, evolve, fold
from perdure.store import events as ev

STEP = 1_000  # microseconds between two events


def numbered(events: list[ev.Event]) -> list[tuple[ev.Event, int, int]]:
    return [(event, sequence, sequence * STEP) for sequence, event in enumerate(events, 1)]


def state_of(*events: ev.Event) -> JobState:
    return fold(None, numbered([dispatched(job_id(1)), started(), *events]))


def resumed(checkpoint_at: int, cause: str = "recovery") -> ev.JobResumed:
    return ev.JobResumed(checkpoint=checkpoint_at, cause=cause)


# --- a resume -------------------------------------------------------------------------------------------------------


def test_a_resume_sets_everything_back_to_the_checkpoint() -> None:
    before = [items(1, 10), counted_bytes(2, 100), warning(3), progress(4, 0.25, "quarter"), checkpoint(5)]
    lost = [items(6, 5), counted_bytes(7, 50), warning(8), progress(9, 0.75, "lost")]
    state = state_of(*before, *lost)
    assert (state.items, state.bytes, state.warnings, state.progress, state.fuel) == (15, 150, 2, 0.75, 90)

    back = state_of(*before, *lost, resumed(7))
    assert (back.items, back.bytes, back.warnings) == (10, 100, 1)
    assert (back.progress, back.message) == (0.25, "quarter")
    assert (back.fuel, back.fuel_superseded) == (50, 40)
    assert (back.status, back.checkpoints) == (Status.QUEUED, 1)
    assert back.checkpoint == state.checkpoint
    assert back.superseded == [(7, 12)]
    assert [sequence for sequence in range(1, 13) if back.is_superseded(sequence)] == [8, 9, 10, 11]


def test_work_after_a_resume_counts_on_from_the_checkpoint() -> None:
    state = state_of(items(1, 10), checkpoint(2), items(3, 5), resumed(4), started(2), items(1, 7), completed(30))
    assert (state.items, state.fuel, state.fuel_superseded, state.attempts) == (17, 50, 10, 2)
    assert (state.progress, state.status) == (1.0, Status.COMPLETED)


def test_a_job_without_a_checkpoint_goes_back_to_the_start() -> None:
    state = state_of(items(1, 10), warning(2), progress(3, 0.5, "half"), resumed(0))
    assert (state.items, state.warnings, state.progress, state.message, state.fuel) == (0, 0, 0.0, "", 0)
    assert state.fuel_superseded == 30
    assert state.superseded == [(0, 6)]
    assert state.checkpoint is None


def test_a_rerun_from_the_start_forgets_the_checkpoints() -> None:
    failed = ev.JobFailed(error=failure(), fuel=40)
    state = state_of(items(1, 10), checkpoint(2), items(3), failed, resumed(0, "rerun"))
    assert state.checkpoint is None
    assert (state.items, state.checkpoints, state.failures) == (0, 0, 0)
    assert (state.fuel, state.fuel_superseded) == (0, 40)
    assert (state.error, state.ended_at) == (None, None)


@pytest.mark.parametrize("wrong", [1, 3, 5, 99, -1])
def test_a_resume_must_name_the_last_checkpoint_or_the_start(wrong: int) -> None:
    before = state_of(items(1), checkpoint(2), items(3))
    with pytest.raises(BadEvent):
        evolve(before, resumed(wrong), 6, 0)
    assert before == state_of(items(1), checkpoint(2), items(3))
    assert evolve(before, resumed(4), 6, 0).superseded == [(4, 6)]


def test_an_earlier_checkpoint_is_not_the_last_one() -> None:
    with pytest.raises(BadEvent):
        evolve(state_of(checkpoint(1), checkpoint(2)), resumed(3), 5, 0)


def test_falling_back_to_one_checkpoint_again_and_again_leaves_one_range() -> None:
    events: list[ev.Event] = [checkpoint(1)]
    for attempt in range(2, 50):
        events += [items(2), resumed(3), started(attempt)]
    state = state_of(*events)
    assert state.superseded == [(3, 2 + 3 * 48)]
    assert state.items == 0


def test_a_failure_counts_until_a_person_retries() -> None:
    scheduled = ev.RetryScheduled(error=failure(), delay_ms=1500, fuel=10)
    state = state_of(scheduled)
    assert (state.status, state.failures, state.error) == (Status.BACKOFF, 1, failure())
    assert state.retry_at == 3 * STEP + 1_500_000
    again = fold(state, [(resumed(0, "retry"), 4, 0), (started(2), 5, 0)])
    assert (again.failures, again.error, again.retry_at) == (1, None, None)
    failed = evolve(again, ev.JobFailed(error=failure(), fuel=5), 6, 70)
    assert (failed.failures, failed.ended_at, failed.finished) == (2, 70, True)
    assert evolve(failed, resumed(0, "rerun"), 7, 80).failures == 0


def test_a_job_that_fails_while_it_waits_for_a_retry_waits_no_longer() -> None:
    state = state_of(ev.RetryScheduled(error=failure(), delay_ms=1500, fuel=10))
    failed = evolve(state, ev.JobFailed(error=failure("load_failed"), fuel=0), 4, 0)
    assert (failed.retry_at, failed.fuel) == (None, 10)


def test_an_end_that_knows_no_fuel_keeps_what_the_guest_said() -> None:
    """A guest that was killed, or a job that was not running, has no figure of its own."""
    for end in (
        ev.JobPaused(forced=True, fuel=0),
        ev.JobSuspended(reason="shutdown", forced=True, fuel=0),
        ev.JobFailed(error=failure(), fuel=0),
        ev.JobCancelled(forced=True, fuel=0),
        ev.RetryScheduled(error=failure(), delay_ms=1, fuel=0),
    ):
        assert state_of(items(3), end).fuel == 30


def test_requests_are_remembered_until_the_job_is_queued_again() -> None:
    asked = state_of(ev.JobPauseRequested(), ev.JobCancelRequested())
    assert (asked.pause_requested, asked.cancel_requested) == (True, True)
    again = evolve(asked, resumed(0, "resume"), 5, 0)
    assert (again.pause_requested, again.cancel_requested) == (False, False)


def test_times_are_those_of_the_events() -> None:
    state = state_of(items(1), resumed(0), started(2), items(1), completed())
    assert (state.dispatched_at, state.started_at, state.attempt_started_at) == (1 * STEP, 2 * STEP, 5 * STEP)
    assert (state.updated_at, state.ended_at, state.sequence) == (7 * STEP, 7 * STEP, 7)


@pytest.mark.parametrize("event", [runtime_opened(), ev.ExtensionUnloaded()])
def test_an_event_of_something_else_is_refused(event: ev.Event) -> None:
    for state in (None, state_of(), state_of(completed())):
        with pytest.raises(IllegalTransition):
            evolve(state, event, 9, 0)


def test_a_fold_of_nothing_is_no_job() -> None:
    with pytest.raises(IllegalTransition):
        fold(None, [])


# --- random lives ----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(history=histories(), split=st.integers(0, 60))
def test_fold_is_evolve_step_by_step(history: list[ev.Event], split: int) -> None:
    state: JobState | None = None
    for event, sequence, time in numbered(history):
        state = evolve(state, event, sequence, time)
    triples = numbered(history)
    assert state == fold(None, triples)
    head = fold(None, triples[: split + 1])
    assert state == fold(head, triples[split + 1 :])


@settings(deadline=None)
@given(history=histories(), event=st.deferred(lambda: histories().map(lambda events: events[-1])))
def test_evolve_never_touches_its_input(history: list[ev.Event], event: ev.Event) -> None:
    state: JobState | None = None
    for known, sequence, time in numbered(history):
        kept = msgspec.msgpack.encode(state)
        after = evolve(state, known, sequence, time)
        assert msgspec.msgpack.encode(state) == kept
        state = after
    assert state is not None
    kept = msgspec.msgpack.encode(state)
    try:
        after = evolve(state, event, len(history) + 1, 0)
        after.superseded.append((0, 0))
    except StoreError:
        pass
    assert msgspec.msgpack.encode(state) == kept


@settings(deadline=None, max_examples=300)
@given(history=histories())
def test_what_counts_is_what_was_not_superseded(history: list[ev.Event]) -> None:
    """The definition, spelled out: a resume at r from checkpoint c takes back every guest event between c and r."""
    state = fold(None, numbered(history))
    resumes = [(event.checkpoint, at) for event, at, _ in numbered(history) if isinstance(event, ev.JobResumed)]
    guest = [(event, at) for event, at, _ in numbered(history) if isinstance(event, ev.GuestEvent)]
    lost = {at for _, at in guest if any(low < at < high for low, high in resumes)}
    counted: list[Any] = [event for event, at in guest if at not in lost]

    assert {at for _, at in guest if state.is_superseded(at)} == lost
    assert state.items == sum(event.count for event in counted if isinstance(event, ev.ItemsCounted))
    assert state.bytes == sum(event.count for event in counted if isinstance(event, ev.BytesCounted))
    assert state.warnings == sum(isinstance(event, ev.WarningAdded) for event in counted)
    assert state.checkpoints == sum(isinstance(event, ev.CheckpointSaved) for event in counted)
    reports = [event for event in counted if isinstance(event, ev.ProgressReported)]
    if state.status is Status.COMPLETED:
        assert state.progress == 1.0
    else:
        assert state.progress == (reports[-1].progress if reports else 0.0)
    assert state.message == (reports[-1].message if reports else "")


@settings(deadline=None, max_examples=300)
@given(history=histories())
def test_no_fuel_is_lost(history: list[ev.Event]) -> None:
    """What counts and what was superseded together are what all attempts consumed."""
    spent = [0]
    state: JobState | None = None
    for event, sequence, time in numbered(history):
        if isinstance(event, ev.JobStarted) and state is not None and not state.continues:
            spent.append(0)  # a run that is taken up counts on
        elif getattr(event, "fuel", 0):
            spent[-1] = event.fuel  # type: ignore[attr-defined]  # those that have it
        state = evolve(state, event, sequence, time)
    assert state is not None
    assert state.fuel + state.fuel_superseded == sum(spent)
    assert min(state.fuel, state.fuel_superseded) >= 0


@given(history=histories())
def test_a_state_survives_its_bytes(history: list[ev.Event]) -> None:
    state = fold(None, numbered(history))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=JobState) == state


def test_counters_stop_at_what_the_log_can_hold() -> None:
    most = 2**63 - 1
    state = state_of(items(1, most), items(2, most), items(3, most), counted_bytes(4, most), counted_bytes(5, most))
    assert (state.items, state.bytes) == (most, most)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=JobState) == state
