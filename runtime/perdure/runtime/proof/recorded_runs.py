"""A job's stream, split into the runs of its guest: pure.

What each run began from, which events it left, over which attempts it went, and how it ended: by its guest, so that it
ends in the same way when it is run again, or from outside (a kill, a crash, a budget), so that it can be followed to
its last recorded call and no further.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.attempt_end import is_guests_end
from perdure.store import job_evolution
from perdure.store.event_store import StoredEvent
from perdure.store.events import (
    BudgetReached,
    DoubtResolved,
    GuestEvent,
    JobCancelled,
    JobCompleted,
    JobDispatched,
    JobFailed,
    JobForked,
    JobPaused,
    JobRecovered,
    JobStarted,
    JobSuspended,
    RetryScheduled,
    tag_of,
)
from perdure.store.job_state import JobState, origin_of

_ENDS: Final = (JobCompleted, JobFailed, JobCancelled, JobPaused, JobSuspended, RetryScheduled)


class RecordedAttempt(msgspec.Struct):
    """One attempt of a run: its start's event, and the time of its last one."""

    start: StoredEvent
    until: int  # microseconds since 1970


class RecordedRun(msgspec.Struct, kw_only=True):
    """One run as the log has it.

    ``origin``, ``after`` and ``calls_before`` as in `perdure.store.job_state.Run`; ``fuel_before`` is what the job had
    consumed when it began. ``guest_id`` is the job's id that its guest sees. Its events end at ``until``; ``events``
    and ``bytes`` of them are the guest's, ``edges`` those of budgets; ``last_call`` and ``last_fuel`` are the last
    one's. Events up to ``led_until`` were made by another guest (another module, or the run's before it was taken up
    at a checkpoint), so that their fuel is another. ``end`` is the end of the last attempt, if it has one.
    ``copied``: it was made in another job (``made_in``), of which this one is a fork, and not taken up here;
    ``changed``: the fork has another module than that one, or another state of its last checkpoint.
    """

    number: int
    origin: int
    after: int
    calls_before: int
    fuel_before: int
    module: str
    export: str
    guest_id: UUID
    until: int
    led_until: int = 0
    led_fuel: int = 0
    attempts: list[RecordedAttempt] = []
    end: StoredEvent | None = None
    events: int = 0
    bytes: int = 0
    edges: int = 0
    last_call: int = 0
    last_fuel: int = 0
    copied: bool = False
    changed: bool = False
    made_in: UUID | None = None
    finished: bool = False

    @property
    def by_guest(self) -> bool:
        """Whether the guest ended it."""
        return self.end is not None and is_guests_end(self.end.event)

    @property
    def end_name(self) -> str:
        """How it ended, in a word or two."""
        if self.end is not None:
            return tag_of(self.end.event)
        return "broken off" if self.finished else "unfinished"


class History(msgspec.Struct, kw_only=True):
    """All of a job's stream: its runs, and what is left when they are taken out; ``size`` in bytes."""

    dispatched: JobDispatched
    state: JobState
    runs: list[RecordedRun]
    events: int
    size: int
    host_events: int
    hash: bytes
    first_time: int
    forked: JobForked | None = None  # the last one
    forked_at: int = 0  # its sequence

    @property
    def seconds(self) -> float:
        """How long its attempts took altogether, without those that are a copy."""
        spans = [
            attempt.until - attempt.start.time
            for run in self.runs
            for attempt in run.attempts
            if attempt.start.sequence > self.forked_at
        ]
        return sum(spans) / 1_000_000


def history_of(events: Iterable[StoredEvent]) -> History:
    """Split a job's whole stream.

    Raises:
        IllegalTransition, BadEvent: the events do not follow from one another.
    """
    splitter = _Splitter()
    for stored in events:
        splitter.step(stored)
    return splitter.end()


class _Splitter:
    def __init__(self) -> None:
        self._state: JobState | None = None
        self._dispatched: JobDispatched | None = None
        self._runs: list[RecordedRun] = []
        self._now: RecordedRun | None = None
        self._events = self._bytes = self._host_events = 0
        self._hash = b""
        self._first_time = self._forked_at = 0
        self._fork: JobForked | None = None

    def step(self, stored: StoredEvent) -> None:
        event, sequence = stored.event, stored.sequence
        before = self._state
        attempting = before is not None and before.attempting
        state = self._state = job_evolution.apply(before, event, sequence, stored.time)
        if isinstance(event, JobDispatched) and self._dispatched is None:
            self._dispatched, self._first_time = event, stored.time
        self._events += 1
        self._bytes += len(stored.body)
        self._hash = stored.hash
        if isinstance(event, GuestEvent):
            self._guest_event(event, stored)
            return
        self._host_events += 1
        run = self._now
        if isinstance(event, JobStarted):
            self._started(state, stored)
        elif isinstance(event, JobForked):
            self._forked(event, state.job_id, sequence)
        elif isinstance(event, JobRecovered) and run is not None:
            if event.origin != run.origin:
                self._taken_up_at_checkpoint(state, run, sequence)
        elif isinstance(event, DoubtResolved) and run is not None:
            run.until = sequence
        elif isinstance(event, _ENDS) and attempting and run is not None:
            run.end, run.until = stored, sequence
            run.attempts[-1].until = stored.time

    def _started(self, state: JobState, stored: StoredEvent) -> None:
        run, now = state.run, self._now
        if run is None:
            raise AssertionError("unreachable: a started job has a run")
        if now is None or (now.origin, now.after) != (run.origin, run.after):
            now = self._begin(state, run.after)
        now.guest_id = state.guest_id
        now.copied = False
        now.end = None
        now.until = stored.sequence
        now.attempts.append(RecordedAttempt(stored, stored.time))

    def _forked(self, event: JobForked, job_id: UUID, sequence: int) -> None:
        self._fork, self._forked_at = event, sequence
        for run in self._runs:
            run.copied = True
            run.changed = run.changed or event.module or event.state
            if run.made_in is None:
                run.made_in = event.made_by
                if run.guest_id == job_id:
                    run.guest_id = event.made_by
            if event.module:
                run.led_until, run.led_fuel = sequence, run.last_fuel

    def _begin(self, state: JobState, after: int) -> RecordedRun:
        run = state.run
        if run is None:
            raise AssertionError("unreachable: see above")
        if self._now is not None:
            self._now.finished = True
        self._now = RecordedRun(
            number=len(self._runs) + 1,
            origin=run.origin,
            after=after,
            calls_before=run.calls,
            fuel_before=run.fuel,
            module=state.module,
            export=state.export,
            guest_id=state.guest_id,
            until=after,
            attempts=[],
            last_call=run.calls,
        )
        self._runs.append(self._now)
        return self._now

    def _taken_up_at_checkpoint(self, state: JobState, before: RecordedRun, sequence: int) -> None:
        now = self._begin(state, origin_of(state))
        now.led_until, now.led_fuel = sequence, before.last_fuel
        now.last_call = before.last_call

    def _guest_event(self, event: GuestEvent, stored: StoredEvent) -> None:
        run = self._now
        if run is None:
            raise AssertionError("unreachable: the table allows guests' events in a started job only")
        run.until = stored.sequence
        run.attempts[-1].until = stored.time
        if isinstance(event, BudgetReached):
            run.edges += 1
            self._host_events += 1
            return
        run.events += 1
        run.bytes += len(stored.body)
        run.last_call, run.last_fuel = event.call, event.fuel

    def end(self) -> History:
        if self._state is None or self._dispatched is None:
            job_evolution.fold(None, [])  # raises: a stream without events is no job's
            raise AssertionError("unreachable")
        if self._now is not None:
            self._now.finished = self._now.end is not None or not self._state.attempting
        if self._state.copied is not None and self._state.forked_from is not None:
            for run in self._runs:  # a fork whose copy is not complete: nothing of it was run here, or ever will be
                run.copied = run.changed = True
                run.guest_id = run.made_in or self._state.forked_from
        return History(
            dispatched=self._dispatched,
            state=self._state,
            runs=self._runs,
            events=self._events,
            size=self._bytes,
            host_events=self._host_events,
            hash=self._hash,
            first_time=self._first_time,
            forked=self._fork,
            forked_at=self._forked_at,
        )
