"""How an unfinished job comes to another version of its extension: pure, but for one look into the job's log.

A job moves where nothing that counts is lost, between two runs (`JobMoved`, then `JobResumed`):

- policy ``checkpoint``: when its next run begins from a checkpoint anyway; or, where a run was broken off, when that
  did nothing since its last checkpoint. A run that did more is taken up, and stopped right after its next checkpoint.
- policy ``restart``: as soon as nothing of it runs; what it did is superseded.

Never while an action is in doubt: the run that began it is taken up first, or a person is asked.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from perdure.actors.requeueing import ReplayLimit, requeueing
from perdure.store.event_store import EventStore
from perdure.store.events import GuestEvent, JobEvent, JobInDoubt, JobMoved, JobRecovered, JobResumed, job_stream
from perdure.store.job_state import JobState


class Upgrade(msgspec.Struct, frozen=True):
    """What a job is to move to; the fields but ``restart`` are those of `JobMoved`. Else it moves at a checkpoint."""

    version: str
    module: str
    export: str
    resumable: bool
    restart: bool

    def moved(self) -> JobMoved:
        """What is recorded when it moves."""
        return JobMoved(self.version, self.module, self.export, self.resumable)


def going_on(
    state: JobState, cause: str, limit: ReplayLimit, upgrade: Upgrade | None, is_at_checkpoint: Callable[[], bool]
) -> tuple[JobEvent, ...]:
    """The events that let a job go on of which nothing runs, for one append; the last one says how.

    ``is_at_checkpoint`` says whether its guest did nothing since the last checkpoint; asked only where that decides.
    """
    event = requeueing(state, cause, limit)
    if upgrade is None or isinstance(event, JobInDoubt):
        return (event,)
    taken_up = isinstance(event, JobRecovered)
    if upgrade.restart:
        if taken_up and state.intent is not None:
            return (event,)
        return (upgrade.moved(), JobResumed(0, cause))
    checkpoint = state.checkpoint
    if checkpoint is None or not (state.resumable and upgrade.resumable) or (taken_up and not is_at_checkpoint()):
        return (event,)
    return (upgrade.moved(), JobResumed(checkpoint.sequence, cause))


def is_at_checkpoint(store: EventStore, state: JobState) -> bool:
    """Whether the job has a checkpoint, and nothing of its guest stands behind that in the log.

    Raises:
        StoreError: the log cannot be read.
    """
    if state.checkpoint is None:
        return False
    behind = store.read(job_stream(state.job_id), after=state.checkpoint.sequence, until=state.sequence)
    return not any(isinstance(stored.event, GuestEvent) for stored in behind)
