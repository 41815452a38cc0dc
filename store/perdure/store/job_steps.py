"""What each event does to a job's state. `perdure.store.job_evolution` says in which state it may come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from perdure.store.errors import BadEvent
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    ActionReused,
    BudgetReached,
    BytesCounted,
    CheckpointRefused,
    CheckpointSaved,
    DoubtResolved,
    Event,
    ForkAbandoned,
    ForkBegun,
    GuestEvent,
    InterruptAnswered,
    ItemsCounted,
    JobCancelled,
    JobCancelRequested,
    JobCompleted,
    JobDispatched,
    JobFailed,
    JobFolded,
    JobForked,
    JobInDoubt,
    JobKeyed,
    JobLinked,
    JobMoved,
    JobPaused,
    JobPauseRequested,
    JobRecovered,
    JobResumed,
    JobRunEnded,
    JobStarted,
    JobSuspended,
    LogWritten,
    OperationAnswered,
    ProgressReported,
    RetryScheduled,
    WarningAdded,
)
from perdure.store.job_state import Checkpoint, Intent, JobState, Run, from_summary, origin_of
from perdure.store.lifecycle import Status, next_status

# Counters stop here instead of growing beyond what msgpack can say: a guest may count as much as it likes.
_MOST: Final = 2**63 - 1


def dispatched(event: JobDispatched, sequence: int, time: int) -> JobState:
    """The state of a job of which nothing but its dispatch, or the beginning of its fork, is in the log."""
    forked = event.parent if isinstance(event, ForkBegun) else None
    return JobState(
        job_id=event.job_id,
        sequence=sequence,
        job_type=event.job_type,
        extension=event.extension,
        version=event.version,
        module=event.module,
        library_id=event.library_id,
        resumable=event.resumable,
        status=next_status(str(event.job_id), None, event),
        dispatched_at=time,
        updated_at=time,
        retry=event.retry,
        superseded=[],
        export=event.export,
        forked_from=forked,
        copied=Status.QUEUED if forked is not None else None,
    )


def _started(state: JobState, event: JobStarted, sequence: int, time: int) -> None:
    state.attempts = event.attempt
    state.attempt_started_at = time
    if state.started_at is None:
        state.started_at = time
    if not state.continues:
        state.led_as = None
        state.run = Run(origin_of(state), sequence, state.fuel)
        state.attempt_base = state.fuel
    state.continues = False
    state.attempting = True


def _resumed(state: JobState, event: JobResumed, sequence: int, time: int) -> None:
    point = state.checkpoint if event.checkpoint else None
    if event.checkpoint and (point is None or point.sequence != event.checkpoint):
        last = f"the last one is at {point.sequence}" if point is not None else "it has none"
        raise BadEvent(f"job:{state.job_id}", f"it resumes from a checkpoint at {event.checkpoint}, but {last}")
    spent = state.fuel
    if point is not None:
        state.progress, state.message = point.progress, point.message
        state.items, state.bytes, state.warnings = point.items, point.bytes, point.warnings
        state.fuel = point.fuel
    else:
        state.checkpoint = None
        state.progress, state.message = 0.0, ""
        state.items = state.bytes = state.warnings = state.checkpoints = state.fuel = 0
    state.fuel_superseded += spent - state.fuel
    _supersede(state.superseded, event.checkpoint, sequence)
    state.run = state.intent = None
    _queued_again(state)
    if event.cause == "rerun":
        state.failures = 0


def _recovered(state: JobState, event: JobRecovered, sequence: int, time: int) -> None:
    run = state.run
    point = state.checkpoint
    if run is None or run.ended or event.through >= sequence:
        raise BadEvent(f"job:{state.job_id}", "it has no run that can be taken up")
    if run.origin != event.origin:
        if point is None or event.origin != point.sequence or event.origin <= run.after:
            raise BadEvent(f"job:{state.job_id}", f"its run has no checkpoint at {event.origin}, or a later one")
        state.run = Run(point.sequence, point.sequence, point.fuel, calls=point.call)
        state.attempt_base = point.fuel
    _queued_again(state)
    state.continues = True


def _queued_again(state: JobState) -> None:
    state.ended_at = state.retry_at = state.error = None
    state.pause_requested = False
    state.cancel_requested = False
    state.continues = state.attempting = False


def _in_doubt(state: JobState, event: JobInDoubt, sequence: int, time: int) -> None:
    if state.intent is None or state.intent.sequence != event.sequence:
        raise BadEvent(f"job:{state.job_id}", f"no action without an outcome is at {event.sequence}")
    _queued_again(state)


def _doubt_resolved(state: JobState, event: DoubtResolved, sequence: int, time: int) -> None:
    if state.intent is None or state.intent.call != event.call:
        raise BadEvent(f"job:{state.job_id}", f"no action without an outcome is call {event.call}")
    state.intent = None


def _forked(state: JobState, event: JobForked, sequence: int, time: int) -> None:
    _queued_again(state)
    if state.forked_from == event.parent:
        state.copied = None
    if not state.is_in_doubt:
        state.intent = None  # the original's, under the name that its effect has there; the fork begins its own
    state.failures = 0
    state.parent = None  # a person made it, not the job that dispatched the original
    if state.is_broken_off and state.led_as is None:
        state.led_as = event.made_by


def _abandoned(state: JobState, event: ForkAbandoned, sequence: int, time: int) -> None:
    state.ended_at = time


def _moved(state: JobState, event: JobMoved, sequence: int, time: int) -> None:
    state.moved_from = state.version
    state.version, state.module, state.export = event.version, event.module, event.export
    state.resumable = event.resumable
    state.run = None
    state.continues = state.attempting = False


def _run_ended(state: JobState, event: JobRunEnded, sequence: int, time: int) -> None:
    if state.run is None or state.run.ended:
        raise BadEvent(f"job:{state.job_id}", "it has no run that could be taken up")
    state.run = msgspec.structs.replace(state.run, ended=True)
    state.attempting = False


def _attempt_over(state: JobState, *, forced: bool) -> None:
    """An attempt ended, if one was on its way; the guest ended its run, unless it was ``forced``."""
    if state.attempting and not forced and state.run is not None:
        state.run = msgspec.structs.replace(state.run, ended=True)
    state.attempting = False


def _supersede(ranges: list[tuple[int, int]], low: int, high: int) -> None:
    # Falling back to the same checkpoint again swallows the earlier range: one range a checkpoint, not one a crash.
    while ranges and ranges[-1][0] >= low:
        ranges.pop()
    ranges.append((low, high))


def _pause_requested(state: JobState, event: JobPauseRequested, sequence: int, time: int) -> None:
    state.pause_requested = True


def _cancel_requested(state: JobState, event: JobCancelRequested, sequence: int, time: int) -> None:
    state.cancel_requested = True


def _linked(state: JobState, event: JobLinked, sequence: int, time: int) -> None:
    state.parent = event.parent


def _keyed(state: JobState, event: JobKeyed, sequence: int, time: int) -> None:
    if state.copied is None:  # a fork's is the original's
        state.idempotency_key = event.key


def _folded(state: JobState, event: JobFolded, sequence: int, time: int) -> None:
    if event.through != state.sequence or from_summary(event.summary, state.job_id) != state:
        raise BadEvent(f"job:{state.job_id}", f"it folds another job, or not all of its {state.sequence} events")
    state.folded_at = time


def _spent(state: JobState, fuel: int) -> None:
    state.fuel = state.attempt_base + fuel


def _paused(state: JobState, event: JobPaused, sequence: int, time: int) -> None:
    state.pause_requested = False
    state.retry_at = None
    _attempt_over(state, forced=event.forced)
    if event.fuel:
        _spent(state, event.fuel)


def _suspended(state: JobState, event: JobSuspended, sequence: int, time: int) -> None:
    _attempt_over(state, forced=event.forced)
    if event.fuel:
        _spent(state, event.fuel)


def _retry_scheduled(state: JobState, event: RetryScheduled, sequence: int, time: int) -> None:
    _attempt_over(state, forced=False)
    if event.fuel:
        _spent(state, event.fuel)
    state.failures += 1
    state.error = event.error
    state.retry_at = time + event.delay_ms * 1000


def _completed(state: JobState, event: JobCompleted, sequence: int, time: int) -> None:
    _attempt_over(state, forced=False)
    _spent(state, event.fuel)
    state.ended_at = time
    state.progress = 1.0


def _failed(state: JobState, event: JobFailed, sequence: int, time: int) -> None:
    state.attempting = True  # also of a run that no attempt takes up: it ends with the job
    _attempt_over(state, forced=False)
    if event.fuel:
        _spent(state, event.fuel)
    state.failures += 1
    state.error = event.error
    state.retry_at = None
    state.ended_at = time


def _cancelled(state: JobState, event: JobCancelled, sequence: int, time: int) -> None:
    state.attempting = True  # as above
    _attempt_over(state, forced=False)
    if event.fuel:
        _spent(state, event.fuel)
    state.retry_at = None
    state.ended_at = time


def _progress(state: JobState, event: ProgressReported, sequence: int, time: int) -> None:
    state.progress = event.progress
    state.message = event.message
    state.fuel = state.attempt_base + event.fuel


def _checkpoint(state: JobState, event: CheckpointSaved, sequence: int, time: int) -> None:
    _spent(state, event.fuel)
    state.checkpoints += 1
    state.checkpoint = Checkpoint(
        sequence, time, state.progress, state.message, state.items, state.bytes, state.warnings, state.fuel, event.call
    )


def _warning(state: JobState, event: WarningAdded, sequence: int, time: int) -> None:
    state.warnings += 1
    state.fuel = state.attempt_base + event.fuel


def _items(state: JobState, event: ItemsCounted, sequence: int, time: int) -> None:
    state.items = min(state.items + event.count, _MOST)
    state.fuel = state.attempt_base + event.fuel


def _bytes(state: JobState, event: BytesCounted, sequence: int, time: int) -> None:
    state.bytes = min(state.bytes + event.count, _MOST)
    state.fuel = state.attempt_base + event.fuel


def _budget_reached(state: JobState, event: BudgetReached, sequence: int, time: int) -> None:
    state.fuel = state.attempt_base + event.fuel
    if event.response == "suspend":
        state.retry_at = time + event.retry_after_ms * 1000


def _noted(state: JobState, event: GuestEvent, sequence: int, time: int) -> None:
    state.fuel = state.attempt_base + event.fuel


def _intended(state: JobState, event: ActionIntended, sequence: int, time: int) -> None:
    state.fuel = state.attempt_base + event.fuel
    state.intent = Intent(sequence, event.call, event.method, event.effect)


def _action(state: JobState, event: ActionAnswered, sequence: int, time: int) -> None:
    state.fuel = state.attempt_base + event.fuel
    state.intent = None


Step = Callable[[JobState, Any, int, int], None]  # changes the state that it is given

# The table in `perdure.store.lifecycle` is asked about these; about what a guest does it is not while the job runs.
LIFECYCLE: Final[dict[type[Event], Step]] = {
    JobStarted: _started,
    JobResumed: _resumed,
    JobRecovered: _recovered,
    JobInDoubt: _in_doubt,
    DoubtResolved: _doubt_resolved,
    JobForked: _forked,
    ForkAbandoned: _abandoned,
    JobMoved: _moved,
    JobRunEnded: _run_ended,
    JobLinked: _linked,
    JobKeyed: _keyed,
    JobPauseRequested: _pause_requested,
    JobCancelRequested: _cancel_requested,
    JobPaused: _paused,
    JobSuspended: _suspended,
    RetryScheduled: _retry_scheduled,
    JobCompleted: _completed,
    JobFailed: _failed,
    JobCancelled: _cancelled,
    JobFolded: _folded,
    JobDispatched: lambda state, event, sequence, time: None,  # the table refused it already
    ForkBegun: lambda state, event, sequence, time: None,
}
STEPS: Final[dict[type[Event], Step]] = {
    **LIFECYCLE,
    ProgressReported: _progress,
    CheckpointSaved: _checkpoint,
    CheckpointRefused: _noted,
    WarningAdded: _warning,
    ItemsCounted: _items,
    BytesCounted: _bytes,
    LogWritten: _noted,
    InterruptAnswered: _noted,
    OperationAnswered: _noted,
    ActionIntended: _intended,
    ActionAnswered: _action,
    ActionReused: _noted,
    BudgetReached: _budget_reached,
}
