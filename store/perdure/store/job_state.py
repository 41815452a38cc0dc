"""What a job's events add up to.

`evolve` is the only way a job's state changes: live, in the projection, on recovery and in an audit it is this
function. It never touches the state it is given. Counters and progress belong to the checkpoint: a resume sets them
back to their values there, and what the guest did after it is superseded (it stays in the history). A recovery sets
nothing back: the guest is led to where it was by the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.store.errors import BadEvent, CorruptLog, IllegalTransition, JobIsFolded
from perdure.store.events import (
    UNREADABLE,
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
    JobError,
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
    RetryPolicy,
    RetryScheduled,
    WarningAdded,
    tag_of,
)
from perdure.store.lifecycle import Status, next_status

# Counters stop here instead of growing beyond what msgpack can say: a guest may count as much as it likes.
_MOST: Final = 2**63 - 1


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """The last checkpoint: where it stands in the stream, and the counters as they were then.

    The state's bytes are in the event at ``sequence``. ``time`` is in microseconds since 1970. ``call`` is the host
    call's number in its run.
    """

    sequence: int
    time: int
    progress: float
    message: str
    items: int
    bytes: int
    warnings: int
    fuel: int
    call: int = 0


class Run(msgspec.Struct, frozen=True, array_like=True):
    """A guest's run: what it does from ``origin`` on (the sequence of a checkpoint; 0 is the job's start).

    Its events are the guest's events behind sequence ``after``. ``fuel`` is what the job had consumed when it began.
    ``ended`` when the guest itself ended it; else the next attempt may take it up where it was broken off. ``calls`` is
    not 0 where it was taken up at a checkpoint of a longer run, after so many calls of that one.
    """

    origin: int
    after: int
    fuel: int
    ended: bool = False
    calls: int = 0


class Intent(msgspec.Struct, frozen=True, array_like=True):
    """An action whose outcome is not in the log; see `ActionIntended`, which stands at ``sequence``."""

    sequence: int
    call: int
    method: str
    effect: str


class JobState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A job as its events tell it. Times are microseconds since 1970; fuel is in wasmtime's units.

    ``fuel`` is that of the work which counts; what attempts spent after a checkpoint they then fell back to is in
    ``fuel_superseded``. Stored without the fields that have their defaults: a default, once shipped, never changes.
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
    attempt_base: int = 0  # the job's fuel when the run of the last attempt began
    failures: int = 0  # attempts that ended in RetryScheduled or JobFailed since the last manual retry
    retry: RetryPolicy = RetryPolicy()
    retry_at: int | None = None
    pause_requested: bool = False
    cancel_requested: bool = False
    error: JobError | None = None
    parent: UUID | None = None  # the job that dispatched it
    superseded: list[tuple[int, int]] = []  # (checkpoint, resume): guest events strictly between are superseded
    export: str = ""
    run: Run | None = None  # the last one
    attempting: bool = False  # an attempt began and its end is not in the log
    continues: bool = False  # the next attempt takes up the run
    intent: Intent | None = None  # in doubt, once nothing of the job runs any more
    forked_from: UUID | None = None
    idempotency_key: str | None = None
    folded_at: int | None = None  # its events before the last one are gone since
    copied: Status | None = None  # of a fork that is being made: the status that the original had there
    led_as: UUID | None = None  # of a run that began in another job: that job, whose id its guest goes on to see
    moved_from: str = ""  # the version that it ran before the last `JobMoved`

    @property
    def finished(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self.status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)

    def is_superseded(self, sequence: int) -> bool:
        """Whether the guest event at ``sequence`` was done again after a resume."""
        return any(low < sequence < high for low, high in self.superseded)

    @property
    def is_broken_off(self) -> bool:
        """Whether the last run was stopped from outside, so that it can be taken up (`JobRecovered`)."""
        return self.run is not None and not self.run.ended

    @property
    def guest_id(self) -> UUID:
        """The id that the guest of the run sees: that of the job in which the run began."""
        return self.led_as if self.led_as is not None else self.job_id

    @property
    def is_in_doubt(self) -> bool:
        """Whether an action is without an outcome that must not be done twice, given that nothing of the job runs."""
        return self.intent is not None and self.intent.effect == "non_idempotent"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(JobState)


def origin_of(state: JobState) -> int:
    """Where the run of the next attempt begins: the sequence of a checkpoint, or 0 for the job's start."""
    if state.continues and state.run is not None:
        return state.run.origin
    return state.checkpoint.sequence if state.checkpoint is not None else 0


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


def summary_of(state: JobState) -> bytes:
    """A state as `JobFolded.summary` has it."""
    return _encoder.encode(state)


def from_summary(summary: bytes, job_id: UUID | str) -> JobState:
    """The state that `summary_of` made bytes of; ``job_id`` is for the error.

    Raises:
        CorruptLog: these are no state's.
    """
    try:
        return _decoder.decode(summary)
    except UNREADABLE as error:
        raise CorruptLog(f"the summary of job:{job_id}", str(error)) from None


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
    if state.folded_at is not None:
        raise JobIsFolded(str(state.job_id), state.folded_at, state.sequence - 1)
    kind = type(event)
    if state.copied is not None and not _is_of_fork(state, event):
        _step_of_copy(state, event)
    elif kind in _LIFECYCLE or state.status is not Status.RUNNING:
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


def _step_of_copy(state: JobState, event: Event) -> None:
    """An event that a fork takes over: it has to be legal where the original was, and lets nothing run."""
    if state.status is not Status.COPYING:
        raise IllegalTransition(str(state.job_id), str(state.status), tag_of(event))
    if isinstance(event, JobForked):
        state.copied = Status.SUSPENDED  # the original is a fork itself
    else:
        state.copied = next_status(str(state.job_id), state.copied, event)


def _is_of_fork(state: JobState, event: Event) -> bool:
    """Whether the event is about the copy; the fork of a fork takes over the one that ended the original's."""
    return isinstance(event, ForkAbandoned | JobFolded) or (
        isinstance(event, JobForked) and event.parent == state.forked_from
    )


def _dispatched(event: JobDispatched, sequence: int, time: int) -> JobState:
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


_LIFECYCLE: Final[dict[type[Event], Callable[[JobState, Any, int, int], None]]] = {
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
_APPLY: Final[dict[type[Event], Callable[[JobState, Any, int, int], None]]] = {
    **_LIFECYCLE,
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
