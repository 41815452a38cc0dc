"""Folds jobs: appends what is to be left of each through the log writer, then removes their frames in small steps.

Appending is a commit like any other, of one event a job. Removing is a transaction of its own for some hundred frames,
between two commits of the writer. A process that dies leaves jobs that are folded and frames that go at the next open.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.hooks import ActorHooks
from perdure.actors.system import ActorSystem
from perdure.runtime.retention.pace import Pace
from perdure.store.errors import CorruptLog, IllegalTransition, JobIsFolded, SequenceConflict, UnknownJob
from perdure.store.event_store import EventStore
from perdure.store.failpoints import hit
from perdure.store.folding import Fold, fold_job
from perdure.store.job_state import JobState

logger = logging.getLogger(__name__)

_PAGE: Final = 256  # jobs that are looked up at once
_JOBS: Final = 32  # jobs folded in one commit, at most
_EVENTS: Final = 20_000  # … unless they have more events than this
_FRAMES: Final = 256  # frames removed in one transaction: some milliseconds


class Folded(msgspec.Struct):
    """What was folded: jobs, the events that were removed and their bytes. ``damaged`` jobs were left as they are."""

    jobs: int = 0
    events: int = 0
    bytes: int = 0
    damaged: int = 0


class Folder:
    """Folds the jobs of one log.

    Args:
        store: the log.
        system: appends to it.
        hooks: told of what was done.
    """

    def __init__(self, store: EventStore, system: ActorSystem, hooks: ActorHooks) -> None:
        self._store = store
        self._system = system
        self._hooks = hooks

    def candidates(self, is_due: Callable[[JobState], bool], before: UUID | None) -> Iterator[list[JobState]]:
        """The jobs below the id ``before`` that are to be folded, the oldest first, some at a time."""
        after: UUID | None = None
        batch: list[JobState] = []
        while ids := self._store.unfolded(after=after, until=before, limit=_PAGE):
            after = ids[-1]
            for state in map(self._store.job, ids):
                if not is_due(state):
                    continue
                batch.append(state)
                if len(batch) == _JOBS or sum(one.sequence for one in batch) >= _EVENTS:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def fold(self, batches: Iterator[list[JobState]], pace: Pace) -> Folded:
        """Fold jobs, and remove their frames and those that an earlier process left.

        Raises:
            StoreError: the log cannot be read or written; what was done is.
            TimeoutError, SystemStopped: as `ActorSystem.append`.
        """
        total = Folded()
        if not self.remove_frames(pace):
            return total
        for batch in batches:
            self._fold_batch(batch, total)
            if not self.remove_frames(pace):
                break
        return total

    def remove_frames(self, pace: Pace) -> bool:
        """Remove what folded jobs have left. False if it was told to stop.

        Raises:
            StoreError: the log cannot be written.
        """
        while self._store.remove_folded(_FRAMES).left:
            if not pace.go_on():
                return False
        return pace.go_on()

    def _fold_batch(self, batch: list[JobState], total: Folded) -> None:
        folds = [fold for state in batch if (fold := self._made(state, total)) is not None]
        for digest in set().union(*(fold.blobs for fold in folds)):
            # Somebody may be about to name it in another job, having read it in this one.
            self._store.blobs.touch(digest)
        hit("fold.before_append")
        asked = [(fold, self._system.append_soon(fold.stream, [fold.event], fold.expected)) for fold in folds]
        before = msgspec.structs.replace(total)
        for fold, future in asked:
            try:
                self._system.appended(future)
            except (SequenceConflict, IllegalTransition, JobIsFolded):
                continue  # it went on, or somebody else was faster
            total.jobs += 1
            total.events += fold.event.through
            total.bytes += fold.event.size
        hit("fold.after_append")
        self._hooks.folded(total.jobs - before.jobs, total.events - before.events, total.bytes - before.bytes)

    def _made(self, state: JobState, total: Folded) -> Fold | None:
        try:
            return fold_job(self._store, state)
        except CorruptLog as error:
            logger.error("job %s is not folded: %s", state.job_id, error)
            total.damaged += 1
        except (IllegalTransition, JobIsFolded, UnknownJob):
            pass  # since it was looked up
        return None
