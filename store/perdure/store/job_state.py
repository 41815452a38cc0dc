"""What a job's events add up to.

`evolve` is the only way a job's state changes: live, in the projection, on recovery and in an audit it is this
function. It never touches the state it is given. Counters and progress belong to the checkpoint: a resume sets them
back to their values there, and what the guest did after it is superseded (it stays in the history).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.store.errors import BadEvent, IllegalTransition
from perdure.store.events import (
    ActionAnswered,
    BudgetReached,
    BytesCounted,
    CheckpointSaved,
    Event,
    GuestEvent,
    InterruptAnswered,
    ItemsCounted,
    JobCancelled,
    JobCancelRequested,
    JobCompleted,
    JobDispatched,
    JobError,
    JobFailed,
    JobLinked,
    JobPaused,
    JobPauseRequested,
    JobResumed,
    JobStarted,
    JobSuspended,
    LogWritten,
    OperationAnswered,
    ProgressReported,
    RetryPolicy,
    RetryScheduled,
    WarningAdded,
)
from perdure.store.lifecycle import Status, next_status

# Counters stop here instead of growing beyond what msgpack can say: a guest may count as much as it likes.
_MOST: Final = 2**63 - 1


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """The last checkpoint: where it stands in the stream, and the counters as they were then.

    The state's bytes are in the event at ``sequence``. ``time`` is in microseconds since 1970.
    """

    sequence: int
    time: int
    progress: float
    message: str
    items: int
    bytes: int
    warnings: int
    fuel: int


class JobState(msgspec.Struct, kw_only=True):
    """A job as its events tell it. Times are microseconds since 1970; fuel is in wasmtime's units.

    ``fuel`` is that of the work which counts; what attempts spent after a checkpoint they then fell back to is in
    ``fuel_superseded``.
    """

    job_id: UUID
    sequence: int
    job_type: str
    extension: str
    version: str
    module: str
    library_id: UUID
    resumable: bool
    status: Status
    dispatched_at: int
    updated_at: int
    attempts: int = 0
    started_at: int | None = None
    attempt_started_at: int | None = None
    ended_at: int | None = None
    progress: float = 0.0
    message: str = ""
    items: int = 0
    bytes: int = 0
    warnings: int = 0
    checkpoints: int = 0
    checkpoint: Checkpoint | None = None
    fuel: int = 0
    fuel_superseded: int = 0
    attempt_base: int = 0  # the job's fuel when the running attempt began
    failures: int = 0  # attempts that ended in RetryScheduled or JobFailed since the last manual retry
    retry: RetryPolicy = RetryPolicy()
    retry_at: int | None = None
    pause_requested: bool = False
    cancel_requested: bool = False
    error: JobError | None = None
    parent: UUID | None = None  # the job that dispatched it
    superseded: list[tuple[int, int]] = []  # (checkpoint, resume): guest events strictly between are superseded

    @property
    def finished(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self.status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)

    def is_superseded(self, sequence: int) -> bool:
        """Whether the guest event at ``sequence`` was done again after a resume."""
        return any(low < sequence < high for low, high in self.superseded)


def evolve(state: JobState | None, event: Event, sequence: int, time: int) -> JobState:
    """The state after one more event, at ``sequence`` and ``time`` (microseconds since 1970).

    Raises:
        IllegalTransition: the job's status does not allow the event; ``state`` is as it was.
        BadEvent: it resumes from a checkpoint that is not the last one; ``state`` is as it was.
    """
    return fold(state, [(event, sequence, time)])


def fold(state: JobState | None, events: Iterable[tuple[Event, int, int]]) -> JobState:
    """The state after a run of ``(event, sequence, time)``.

    Raises:
        IllegalTransition, BadEvent: an event is not allowed (see `evolve`); ``state`` is as it was.
    """
    after = copy(state) if state is not None else None
    for event, sequence, time in events:
        after = apply(after, event, sequence, time)
    if after is None:
        raise IllegalTransition("?", "unknown", "nothing")
    return after


def copy(state: JobState) -> JobState:
    """A state that can be changed without touching ``state``."""
    twin: JobState = msgspec.structs.replace(state)
    twin.superseded = list(state.superseded)
    return twin


def apply(state: JobState | None, event: Event, sequence: int, time: int) -> JobState:
    """`evolve` in place, for folds that own ``state``; it may be half changed if this raises."""
    if state is None:
        if not isinstance(event, JobDispatched):
            next_status("?", None, event)
            raise AssertionError("unreachable: the table allows only a dispatch here")
        return _dispatched(event, sequence, time)
    kind = type(event)
    if kind in _LIFECYCLE or state.status is not Status.RUNNING:
        state.status = next_status(str(state.job_id), state.status, event)
    try:
        step = _APPLY[kind]
    except KeyError:
        next_status(str(state.job_id), state.status, event)
        raise AssertionError("unreachable: the table allows no event of something else") from None
    step(state, event, sequence, time)
    state.sequence = sequence
    state.updated_at = time
    return state


def _dispatched(event: JobDispatched, sequence: int, time: int) -> JobState:
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
    )


def _started(state: JobState, event: JobStarted, sequence: int, time: int) -> None:
    state.attempts = event.attempt
    state.attempt_started_at = time
    if state.started_at is None:
        state.started_at = time
    state.attempt_base = state.fuel


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
    state.ended_at = state.retry_at = state.error = None
    state.pause_requested = False
    state.cancel_requested = False
    if event.cause == "rerun":
        state.failures = 0


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


def _spent(state: JobState, fuel: int) -> None:
    state.fuel = state.attempt_base + fuel


def _paused(state: JobState, event: JobPaused, sequence: int, time: int) -> None:
    state.pause_requested = False
    state.retry_at = None
    if event.fuel:
        _spent(state, event.fuel)


def _suspended(state: JobState, event: JobSuspended, sequence: int, time: int) -> None:
    if event.fuel:
        _spent(state, event.fuel)


def _retry_scheduled(state: JobState, event: RetryScheduled, sequence: int, time: int) -> None:
    if event.fuel:
        _spent(state, event.fuel)
    state.failures += 1
    state.error = event.error
    state.retry_at = time + event.delay_ms * 1000


def _completed(state: JobState, event: JobCompleted, sequence: int, time: int) -> None:
    _spent(state, event.fuel)
    state.ended_at = time
    state.progress = 1.0


def _failed(state: JobState, event: JobFailed, sequence: int, time: int) -> None:
    if event.fuel:
        _spent(state, event.fuel)
    state.failures += 1
    state.error = event.error
    state.retry_at = None
    state.ended_at = time


def _cancelled(state: JobState, event: JobCancelled, sequence: int, time: int) -> None:
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
        sequence, time, state.progress, state.message, state.items, state.bytes, state.warnings, state.fuel
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


_LIFECYCLE: Final[dict[type[Event], Callable[[JobState, Any, int, int], None]]] = {
    JobStarted: _started,
    JobResumed: _resumed,
    JobLinked: _linked,
    JobPauseRequested: _pause_requested,
    JobCancelRequested: _cancel_requested,
    JobPaused: _paused,
    JobSuspended: _suspended,
    RetryScheduled: _retry_scheduled,
    JobCompleted: _completed,
    JobFailed: _failed,
    JobCancelled: _cancelled,
    JobDispatched: lambda state, event, sequence, time: None,  # the table refused it already
}
_APPLY: Final[dict[type[Event], Callable[[JobState, Any, int, int], None]]] = {
    **_LIFECYCLE,
    ProgressReported: _progress,
    CheckpointSaved: _checkpoint,
    WarningAdded: _warning,
    ItemsCounted: _items,
    BytesCounted: _bytes,
    LogWritten: _noted,
    InterruptAnswered: _noted,
    OperationAnswered: _noted,
    ActionAnswered: _noted,
    BudgetReached: _budget_reached,
}
