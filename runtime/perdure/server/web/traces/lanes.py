"""Which lane of a timeline an event is drawn in, and what is drawn of it: pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from perdure.api.job_timeline import Lane
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
    ItemsCounted,
    JobCancelled,
    JobFailed,
    JobInDoubt,
    JobResumed,
    LogWritten,
    OperationAnswered,
    ProgressReported,
    RetryScheduled,
    WarningAdded,
)

_LABEL: Final = 120  # characters
_ERROR: Final = 3  # the level of a line of the log
_GUEST_LANES: Final[dict[type[Event], Lane]] = {
    CheckpointSaved: Lane.CHECKPOINTS,
    CheckpointRefused: Lane.CHECKPOINTS,
    OperationAnswered: Lane.OPERATIONS,
    ActionAnswered: Lane.OPERATIONS,
    ActionIntended: Lane.OPERATIONS,
    ActionReused: Lane.OPERATIONS,
    WarningAdded: Lane.WARNINGS,
    BudgetReached: Lane.BUDGETS,
    LogWritten: Lane.LOG,
    ProgressReported: Lane.PROGRESS,
    ItemsCounted: Lane.PROGRESS,
    BytesCounted: Lane.PROGRESS,
}


class Drawn(NamedTuple):
    """What is drawn of an event: where, under which name, and whether something went wrong there."""

    lane: Lane
    label: str = ""
    failed: bool = False


def drawn(event: Event) -> Drawn:
    """What is drawn of an event of a job; whatever is not the guest's is somebody's, or the host's, control."""
    kind = type(event)
    lane = _GUEST_LANES.get(kind, Lane.CONTROL)
    if lane is Lane.PROGRESS:  # most events are
        return _PROGRESS
    if isinstance(event, OperationAnswered | ActionAnswered):
        return Drawn(lane, event.method[:_LABEL], bool(event.code))
    if isinstance(event, ActionIntended):
        return Drawn(lane, event.method[:_LABEL])
    if isinstance(event, BudgetReached):
        return Drawn(lane, event.budget[:_LABEL], failed=True)
    if isinstance(event, JobResumed):
        return Drawn(lane, event.cause)
    if isinstance(event, DoubtResolved):
        return Drawn(lane, event.resolution)
    if isinstance(event, JobFailed | RetryScheduled):
        return Drawn(lane, event.error.kind, failed=True)
    if isinstance(event, LogWritten):
        return Drawn(lane, failed=event.level >= _ERROR)
    return Drawn(lane, failed=isinstance(event, CheckpointRefused | JobInDoubt | JobCancelled))


_PROGRESS: Final = Drawn(Lane.PROGRESS)
