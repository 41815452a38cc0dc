"""What a job's events add up to.

`evolve` is the only way a job's state changes: live, in the projection, on recovery and in an audit it is this
function. It never touches the state it is given. Counters and progress belong to the checkpoint: a resume sets them
back to their values there, and what the guest did after it is superseded (it stays in the history). A recovery sets
nothing back: the guest is led to where it was by the log.
"""

from __future__ import annotations

from collections.abc import Iterable

from perdure.store.errors import IllegalTransition, JobIsFolded
from perdure.store.events import Event, ForkAbandoned, JobDispatched, JobFolded, JobForked, tag_of
from perdure.store.job_state import JobState, copy
from perdure.store.job_steps import LIFECYCLE, STEPS, dispatched
from perdure.store.lifecycle import Status, next_status


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


def apply(state: JobState | None, event: Event, sequence: int, time: int) -> JobState:
    """`evolve` in place, for folds that own ``state``; it may be half changed if this raises."""
    if state is None:
        if not isinstance(event, JobDispatched):
            next_status("?", None, event)
            raise AssertionError("unreachable: the table allows only a dispatch here")
        return dispatched(event, sequence, time)
    if state.folded_at is not None:
        raise JobIsFolded(str(state.job_id), state.folded_at, state.sequence - 1)
    kind = type(event)
    if state.copied is not None and not _is_of_fork(state, event):
        _step_of_copy(state, event)
    elif kind in LIFECYCLE or state.status is not Status.RUNNING:
        state.status = next_status(str(state.job_id), state.status, event)
    try:
        step = STEPS[kind]
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
