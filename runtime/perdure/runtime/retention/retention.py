"""Retention of an open log: by itself, now and then, and when somebody asks for it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Final

import msgspec

from perdure.actors.clock import Clock
from perdure.actors.hooks import ActorHooks
from perdure.actors.system import ActorSystem
from perdure.runtime.housekeeping import Chore
from perdure.runtime.retention.folding import Folded, Folder
from perdure.runtime.retention.pace import Pace
from perdure.runtime.retention.policy import DAY, RetentionPolicy, checked_days, first_id_at, has_ended_before
from perdure.runtime.retention.sweeping import Sweeper, Swept
from perdure.runtime.wasm.module_cache import ModuleCache
from perdure.store.event_store import EventStore
from perdure.store.job_state import JobState

_FIRST: Final = 10.0  # seconds after the start: what is begun first are jobs
_SWEEPS: Final = 86_400.0  # seconds between sweeps, each of which reads the whole log …
_FIRST_SWEEP: Final = 3_600.0  # … so a process that is open for a short time makes none


class FoldReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was folded, or would be: jobs, the events removed and their bytes (0 where nothing was read yet).

    ``damaged`` jobs were left as they are. ``blobs`` of ``blob_bytes`` were named by nothing any more and removed.
    """

    jobs: int
    events: int
    bytes: int = 0
    damaged: int = 0
    blobs: int = 0
    blob_bytes: int = 0


class Retention:
    """Folds jobs and sweeps blobs; one of both at a time.

    Args:
        store, system, cache, hooks, clock: the runtime's.
        policy: which jobs are folded by themselves.
    """

    def __init__(
        self,
        store: EventStore,
        system: ActorSystem,
        cache: ModuleCache,
        hooks: ActorHooks,
        clock: Clock,
        policy: RetentionPolicy,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._hooks = hooks
        self._folder = Folder(store, system, hooks)
        self._sweeper = Sweeper(store, cache, hooks)
        self._alone = threading.Lock()

    def chores(self, interval: float) -> tuple[Chore, ...]:
        """What is to be done by itself; jobs are looked through each ``interval`` seconds."""
        return (
            Chore("folding finished jobs", interval, self.fold_due, min(_FIRST, interval)),
            Chore("sweeping blobs", _SWEEPS, self.sweep, _FIRST_SWEEP),
        )

    def fold_due(self, stopping: threading.Event) -> Folded:
        """Fold what is due by the policy, and remove the frames that an earlier process left."""
        with self._alone:
            now, pace = self._clock.now(), Pace(stopping, self._clock)
            batches = self._folder.candidates(
                lambda state: self._policy.is_due(state, now), self._policy.dispatched_before(now)
            )
            folded = self._folder.fold(batches if self._policy.folds else iter(()), pace)
            if not stopping.is_set():
                self._hooks.retention_ran()
            return folded

    def sweep(self, stopping: threading.Event) -> Swept:
        """Remove the blobs that nothing names."""
        with self._alone:
            return self._sweeper.sweep(Pace(stopping, self._clock))

    def fold_jobs(self, older_than: timedelta, job_type: str | None, *, dry_run: bool) -> FoldReport:
        """See `Runtime.fold_jobs`."""
        days = checked_days("older_than", older_than / timedelta(days=1))
        moment = self._clock.now() - round(days * DAY)

        def is_due(state: JobState) -> bool:
            named = job_type is None or job_type in (state.job_type, state.job_type.partition(":")[2])
            return named and has_ended_before(state, moment)

        batches = self._folder.candidates(is_due, first_id_at(moment))
        if dry_run:
            jobs = [state.sequence for batch in batches for state in batch]
            return FoldReport(jobs=len(jobs), events=sum(jobs))
        with self._alone:
            pace = Pace(threading.Event(), self._clock, rest=0.0)  # somebody waits for it
            folded, swept = self._folder.fold(batches, pace), self._sweeper.sweep(pace)
        return FoldReport(
            jobs=folded.jobs,
            events=folded.events,
            bytes=folded.bytes,
            damaged=folded.damaged,
            blobs=swept.blobs,
            blob_bytes=swept.bytes,
        )
