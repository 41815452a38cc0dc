"""A job's stream, read once, as what its timeline and its curves are drawn from. Pure; it is fed events in order."""

from __future__ import annotations

from collections import deque
from typing import Final
from uuid import UUID

import msgspec

from perdure.api.job_timeline import Lane
from perdure.server.web.traces.curve import Curve
from perdure.server.web.traces.lanes import drawn
from perdure.server.web.traces.track import Entry, Track
from perdure.store import job_evolution
from perdure.store.event_store import StoredEvent
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    GuestEvent,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobPaused,
    JobRecovered,
    JobResumed,
    JobStarted,
    JobSuspended,
    RetryScheduled,
    tag_of,
)
from perdure.store.job_state import JobState

BROKEN_OFF: Final = "broken-off"
_ENDS: Final = (JobCompleted, JobFailed, JobCancelled, JobPaused, JobSuspended, RetryScheduled)
_ATTEMPTS: Final = 10_000  # the last ones that are remembered
_NAMES: Final = 4_096  # labels that are remembered; guests choose the names of methods


class Attempt(msgspec.Struct):
    """One attempt, as `perdure.api.job_timeline.AttemptShape`; times in microseconds since 1970."""

    number: int
    first: int
    last: int
    started: int
    ended: int
    outcome: str | None = None
    error: str | None = None


class Trace:
    """What is drawn of one job.

    Attributes:
        state: the job as it is after the last event, None before the first.
        tracks: the events of each lane.
        attempts: the last ones.
        curve: the counters.
        first, last: times of the first and the last event, microseconds since 1970. No event counts as having happened
            before the one before it: clocks are set back, drawings are not.
    """

    def __init__(self, job_id: UUID) -> None:
        self.job_id = job_id
        self.state: JobState | None = None
        self.tracks = {lane: Track() for lane in Lane}
        self.attempts: deque[Attempt] = deque(maxlen=_ATTEMPTS)
        self.curve = Curve()
        self.first = self.last = 0
        self._names: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}
        self._kinds: list[str] = []
        self._kind_numbers: dict[type, int] = {}
        self._intended: tuple[int, int] | None = None  # an open action's call and time

    @property
    def sequence(self) -> int:
        """The last event that it was fed."""
        return self.state.sequence if self.state is not None else 0

    def feed(self, stored: StoredEvent) -> None:
        """The job's next event.

        Raises:
            IllegalTransition, BadEvent: it does not follow from those before it.
        """
        event = stored.event
        self.state = state = job_evolution.apply(self.state, event, stored.sequence, stored.time)
        if not self.first:
            self.first = self.last = stored.time
        time = self.last = max(self.last, stored.time)
        shown = drawn(event)
        took = self._took(event, time)
        entry = Entry(time, stored.sequence, self._kind(event), self._number(shown.label), took, shown.failed)
        self.tracks[shown.lane].add(entry)
        self._attempt(event, stored.sequence, time)
        self.curve.add(state, time)

    def kind_name(self, number: int) -> str:
        """The type of an entry's event."""
        return self._kinds[number]

    def name(self, number: int) -> str:
        """The label of an entry; empty if there were too many."""
        return self._names[number]

    def _kind(self, event: object) -> int:
        kind = type(event)
        number = self._kind_numbers.get(kind)
        if number is None:
            number = self._kind_numbers[kind] = len(self._kinds)
            self._kinds.append(str(kind.__struct_config__.tag))  # type: ignore[attr-defined]  # all events are structs
        return number

    def _number(self, label: str) -> int:
        number = self._numbers.get(label)
        if number is None:
            if len(self._names) >= _NAMES:
                return 0
            number = self._numbers[label] = len(self._names)
            self._names.append(label)
        return number

    def _took(self, event: object, time: int) -> int:
        if isinstance(event, ActionIntended):
            self._intended = (event.call, time)
        elif isinstance(event, ActionAnswered) and self._intended is not None:
            call, began = self._intended
            self._intended = None
            return time - began if call == event.call else -1
        return -1

    def _attempt(self, event: object, sequence: int, time: int) -> None:
        now = self.attempts[-1] if self.attempts else None
        if isinstance(event, JobStarted):
            if now is not None and now.outcome is None:
                now.outcome = BROKEN_OFF
            self.attempts.append(Attempt(event.attempt, sequence, sequence, time, time))
        elif now is None or now.outcome is not None:
            return
        elif isinstance(event, JobResumed | JobRecovered):
            now.outcome = BROKEN_OFF
        elif isinstance(event, _ENDS):
            now.last, now.ended, now.outcome = sequence, time, tag_of(event)
            now.error = event.error.message[:500] if isinstance(event, JobFailed | RetryScheduled) else None
        elif isinstance(event, GuestEvent):
            now.last, now.ended = sequence, time
