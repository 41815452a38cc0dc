"""Whether a data folder holds what was acknowledged, and nothing that did not happen.

Looked at after each kill, before anything else opens the folder; and once more when every job has ended.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter, defaultdict
from pathlib import Path
from uuid import UUID

import msgspec
from tests.crash.facts import Fact, read_facts
from tests.crash.victim import data_of, facts_of
from tests.crash.workload import ENDLESS
from tests.support.counting import BYTES_PER_ITEM, EXTENSION, WARN_EVERY, Counting, follow_run

from perdure.store import (
    ExtensionState,
    JobQuery,
    JobState,
    LmdbEventStore,
    Status,
    StoredEvent,
    StoreMissing,
    check,
    load_payload,
)
from perdure.store.events import (
    RUNTIME_STREAM,
    CheckpointSaved,
    Event,
    GuestEvent,
    InterruptAnswered,
    JobCancelled,
    JobCancelRequested,
    JobCompleted,
    JobDispatched,
    JobPaused,
    JobPauseRequested,
    JobRecovered,
    JobResumed,
    JobStarted,
    JobSuspended,
    RuntimeOpened,
    extension_stream,
    job_stream,
)

_ANSWERS: dict[str, tuple[type[Event], ...]] = {
    "pause": (JobPauseRequested, JobPaused),
    "resume": (JobResumed, JobRecovered),
    "cancel": (JobCancelRequested, JobCancelled),
}


class Verdict(msgspec.Struct):
    """What was looked at, and what was wrong."""

    events: int = 0
    jobs: int = 0
    recovered: int = 0
    acknowledged: int = 0
    problems: list[str] = []


class _Run(msgspec.Struct):
    """What a guest did from ``start`` on, over all attempts that took it up; ``writers`` are the events' processes."""

    start: Counting
    events: list[GuestEvent] = []
    writers: list[int] = []
    saved: list[bytes] = []
    end: Event | None = None


def verify(home: Path, *, finished: bool = False) -> Verdict:
    """Look at the folder ``home``; ``finished``: every job must have ended, and counted right."""
    facts = read_facts(facts_of(home))
    verdict = Verdict(acknowledged=len(facts), problems=[])
    try:
        store = LmdbEventStore.open_readonly(data_of(home))
    except StoreMissing:
        if any(fact.kind != "died" for fact in facts):
            verdict.problems.append("there is no log, though something was acknowledged")
        return verdict
    with store:
        report = check(store)
        verdict.events = report.events
        verdict.problems += [f"check: {problem.where}: {problem.what}" for problem in report.problems]
        _Reading(store, facts, verdict).look(finished)
    return verdict


class _Reading:
    def __init__(self, store: LmdbEventStore, facts: list[Fact], verdict: Verdict) -> None:
        self._store = store
        self._facts = facts
        self._verdict = verdict
        self._jobs: list[JobState] = store.jobs(JobQuery(limit=10_000)).jobs
        self._opened = [
            (stored.position, stored.event.pid)
            for stored in store.read(RUNTIME_STREAM)
            if isinstance(stored.event, RuntimeOpened)
        ]

    def _say(self, problem: str) -> None:
        self._verdict.problems.append(problem)

    def _writer_of(self, position: int) -> int:
        """The process that wrote this event."""
        return next((pid for opened, pid in reversed(self._opened) if opened <= position), 0)

    def look(self, finished: bool) -> None:
        self._verdict.jobs = len(self._jobs)
        histories = {state.job_id: list(self._store.read(job_stream(state.job_id))) for state in self._jobs}
        self._look_at_facts(histories)
        fuel: dict[bytes, list[tuple[int, int]]] = {}
        for state in self._jobs:
            history = histories[state.job_id]
            self._look_at_life(state, history)
            for run in self._runs(history):
                self._look_at_run(state, run, fuel)
            if finished:
                self._look_at_end(state, history)

    # --- nothing acknowledged is missing -----------------------------------------------------------------------------

    def _look_at_facts(self, histories: dict[UUID, list[StoredEvent]]) -> None:
        saved: Counter[tuple[UUID, int, int, str]] = Counter()
        for job_id, history in histories.items():
            for run in self._runs(history):
                made = zip(run.events, run.writers, strict=True)
                calls = [(pid, event.call) for event, pid in made if isinstance(event, CheckpointSaved)]
                for (pid, call), data in zip(calls, run.saved, strict=True):
                    saved[job_id, pid, call, hashlib.sha256(data).hexdigest()] += 1
        last = self._store.position()
        for fact in self._facts:
            if fact.position > last:
                self._say(f"the log ends at {last}, but {fact.position} was seen: {fact}")
            history = histories.get(fact.job, []) if fact.job is not None else []
            if fact.kind == "installed":
                state = self._store.state(extension_stream(EXTENSION))
                if not isinstance(state, ExtensionState) or not state.installed:
                    self._say(f"it is not installed: {fact}")
            elif fact.kind == "died":
                continue
            elif fact.job is None or not history:
                self._say(f"the job is not there: {fact}")
            elif fact.kind == "checkpoint":
                key = (fact.job, fact.pid, fact.call, fact.detail)
                saved[key] -= 1
                if saved[key] < 0:
                    self._say(f"the checkpoint is not there: {fact}")
            elif fact.kind in _ANSWERS:
                if not any(
                    isinstance(stored.event, _ANSWERS[fact.kind]) and self._writer_of(stored.position) == fact.pid
                    for stored in history
                ):
                    self._say(f"it is not in the log: {fact}")
            elif fact.kind == "ended" and str(self._store.job(fact.job).status) != fact.detail:
                self._say(f"the job has not that end: {fact}")

    # --- nothing is there that did not happen ------------------------------------------------------------------------

    def _runs(self, history: list[StoredEvent]) -> list[_Run]:
        """The job's runs with the guest events of each."""
        by_sequence = {stored.sequence: stored.event for stored in history}
        runs: list[_Run] = []
        start = Counting(0, 0)
        at_work = taken_up = False
        for stored in history:
            event = stored.event
            if isinstance(event, JobDispatched):
                start = Counting.decode(load_payload(self._store.blobs, event.state))
            elif isinstance(event, JobResumed):
                point = by_sequence[event.checkpoint] if event.checkpoint else history[0].event
                assert isinstance(point, CheckpointSaved | JobDispatched)
                start = Counting.decode(load_payload(self._store.blobs, point.state))
                at_work = taken_up = False
            elif isinstance(event, JobRecovered):
                at_work, taken_up = False, True
            elif isinstance(event, JobStarted):
                if taken_up:
                    runs[-1].end = None
                else:
                    runs.append(_Run(start, events=[], writers=[], saved=[]))
                at_work, taken_up = True, False
            elif isinstance(event, GuestEvent):
                runs[-1].events.append(event)
                runs[-1].writers.append(self._writer_of(stored.position))
                if isinstance(event, CheckpointSaved):
                    runs[-1].saved.append(load_payload(self._store.blobs, event.state))
            elif at_work and isinstance(event, JobCompleted | JobPaused | JobSuspended | JobCancelled):
                # What is not `at_work` was queued, paused or suspended when somebody paused or cancelled it.
                runs[-1].end, at_work = event, False
        return runs

    def _look_at_run(self, state: JobState, run: _Run, fuel: dict[bytes, list[tuple[int, int]]]) -> None:
        followed = follow_run(run.start, run.events, run.saved)
        for problem in followed.problems:
            self._say(f"job {state.job_id}, from {run.start}: {problem}")
        wanted = 0 if isinstance(run.end, JobCompleted) else 1
        if run.end is not None and not getattr(run.end, "forced", False) and followed.returned != wanted:
            self._say(f"job {state.job_id}: the guest returned {followed.returned}, recorded is {run.end}")
        # The same work costs the same fuel, whoever did it first; other work begins where the guest was told to stop.
        events = list(itertools.takewhile(lambda event: not isinstance(event, InterruptAnswered), run.events))
        spent = [(event.call, event.fuel) for event in events]
        known = fuel.setdefault(run.start.encode(), spent)
        shared = min(len(known), len(spent))
        if known[:shared] != spent[:shared]:
            self._say(f"job {state.job_id}: from {run.start} the same calls cost other fuel")

    def _look_at_life(self, state: JobState, history: list[StoredEvent]) -> None:
        started = [stored for stored in history if isinstance(stored.event, JobStarted)]
        if [stored.event.attempt for stored in started if isinstance(stored.event, JobStarted)] != list(
            range(1, len(started) + 1)
        ):
            self._say(f"job {state.job_id}: its attempts are not 1 to {len(started)}")
        for stored in started:
            if isinstance(stored.event, JobStarted) and stored.event.pid != self._writer_of(stored.position):
                self._say(f"job {state.job_id}: an attempt of process {stored.event.pid} was written by another one")
        resumed: dict[str, list[StoredEvent]] = defaultdict(list)
        for stored in history:
            if isinstance(stored.event, JobResumed | JobRecovered):
                resumed[stored.event.cause].append(stored)
        self._verdict.recovered += len(resumed["recovery"])
        if strange := set(resumed) - {"recovery", "resume"}:
            self._say(f"job {state.job_id} was resumed for {strange}: only a kill or the workload may do that")
        # One recovery a process at the most, none by the first, none for a job that was dispatched later.
        writers = [self._writer_of(stored.position) for stored in resumed["recovery"]]
        if len(set(writers)) != len(writers) or self._writer_of(history[0].position) in writers:
            self._say(f"job {state.job_id} was recovered more than once by a process, or by its own: {writers}")

    # --- every job finished, and counted right -----------------------------------------------------------------------

    def _look_at_end(self, state: JobState, history: list[StoredEvent]) -> None:
        first = history[0].event
        assert isinstance(first, JobDispatched)
        target = Counting.decode(load_payload(self._store.blobs, first.state)).target
        if target == ENDLESS:
            if state.status is not Status.CANCELLED:
                self._say(f"job {state.job_id} is {state.status}, it was to be cancelled")
            return
        found = (state.status, state.items, state.bytes, state.warnings, state.progress, state.error)
        wanted = (Status.COMPLETED, target, target * BYTES_PER_ITEM, target // WARN_EVERY, 1.0, None)
        if found != wanted:
            self._say(f"job {state.job_id} ended with {found}, not {wanted}")
        causes = Counter(
            stored.event.cause for stored in history if isinstance(stored.event, JobResumed | JobRecovered)
        )
        # A resume that is not followed by a start was overtaken by the next process's; it makes no attempt.
        started = sum(1 for stored in history if isinstance(stored.event, JobStarted))
        if state.attempts != started or not 1 <= started <= 1 + causes.total():
            self._say(f"job {state.job_id} had {state.attempts} attempts, {started} starts, resumed for {dict(causes)}")
