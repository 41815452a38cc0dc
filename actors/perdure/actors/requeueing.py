"""How a job goes on that was stopped, in whatever way: pure.

- Where its run was broken off from outside (a crash, a pause that had to be forced, an actor's death), the run is taken
  up: the guest is led to that point by the log, and nothing is done twice (`JobRecovered`): from the run's beginning,
  which is exact for every guest, or, where the run is long, from its last checkpoint on. A guest that was started from
  a checkpoint may make other calls than one that goes on; if this one does, the next line holds for it.
- Where the guest ended its run (it paused, it failed), a new run begins from the last checkpoint (`JobResumed`).
- Where an action is in doubt that must not be done twice, a person is asked first (`JobInDoubt`).
"""

from __future__ import annotations

import msgspec

from perdure.store.events import JobCancelled, JobInDoubt, JobPaused, JobRecovered, JobResumed
from perdure.store.job_state import JobState


class ReplayLimit(msgspec.Struct, frozen=True):
    """A run that consumed more ``fuel``, or left more ``events``, is taken up from its last checkpoint.

    Compiled guests consume some 6 * 10^9 units of fuel in a second.
    """

    fuel: int = 30_000_000_000
    events: int = 500_000

    def __post_init__(self) -> None:
        if self.fuel < 0 or self.events < 0:
            raise ValueError("a limit of replays cannot be negative")


def requeueing(state: JobState, cause: str, limit: ReplayLimit) -> JobRecovered | JobResumed | JobInDoubt:
    """The event that lets a job go on of which nothing runs."""
    if state.is_in_doubt and state.intent is not None:
        return JobInDoubt(state.intent.call, state.intent.sequence)
    run = state.run
    if run is not None and not run.ended:
        short = state.fuel - run.fuel <= limit.fuel and state.sequence - run.after <= limit.events
        point = state.checkpoint
        # Without a checkpoint, the long way is the only one.
        if short or not state.resumable or point is None or point.sequence <= run.after:
            return JobRecovered(run.origin, state.sequence, cause)
        if point.sequence < state.sequence:
            return JobRecovered(point.sequence, state.sequence, cause)
    checkpoint = state.checkpoint if state.resumable else None
    return JobResumed(checkpoint.sequence if checkpoint is not None else 0, cause)


def unmet_wish(state: JobState) -> JobPaused | JobCancelled | None:
    """The end of a job whose cancel or pause was acknowledged when nothing of it runs any more, if there is one.

    A wish is in the log before it reaches the job, so it may come too late for the attempt that it was meant for.
    """
    if state.finished:
        return None
    if state.cancel_requested:
        return JobCancelled(forced=True, fuel=0)
    return JobPaused(forced=True, fuel=0) if state.pause_requested else None
