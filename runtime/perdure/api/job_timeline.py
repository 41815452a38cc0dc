"""A job as a drawing, over HTTP: what happened when, counted where there is too much of it, and how it came along."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Endpoint
from perdure.api.scopes import Scope
from perdure.api.times import Moment

_SINCE: Final = "The left edge; none is the job's first event."
_UNTIL: Final = "The right edge; none is its last one, or now while an attempt is under way."


class Lane(enum.StrEnum):
    """One row of the drawing."""

    CONTROL = "control"  # dispatched, started, paused, resumed, ended: what people and the host did
    CHECKPOINTS = "checkpoints"
    OPERATIONS = "operations"
    WARNINGS = "warnings"
    BUDGETS = "budgets"
    LOG = "log"
    PROGRESS = "progress"  # reports of progress, items and bytes counted


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a job's timeline, in how many columns."""

    job_id: UUID
    since: Annotated[Moment | None, Meta(description=_SINCE)] = None
    until: Annotated[Moment | None, Meta(description=_UNTIL)] = None
    buckets: Annotated[int, Meta(ge=1, le=1000, description="Columns to count in.")] = 120


class MarkShape(msgspec.Struct, frozen=True, kw_only=True):
    """One event. ``took`` is in milliseconds, of an action whose beginning is in the log too; ``label`` may be cut."""

    sequence: int
    time: datetime
    type: str
    label: str
    failed: bool
    took: float | None


class LaneShape(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of events in the part that is shown.

    ``counts`` and ``failed`` (of these, those where something went wrong) have a number for each column. ``marks`` are
    the events themselves if there are at most 200, else it is empty. ``each``: only one of so many events was looked
    at, so that counts are about right; 1 means that they are exact.
    """

    lane: Lane
    total: int
    counts: list[int]
    failed: list[int]
    marks: list[MarkShape]
    each: int


class AttemptShape(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: from its start to its end. ``outcome`` is the event that ended it, like ``completed``.

    It is ``broken-off`` where the process died, and None while the attempt runs; ``last_sequence`` and ``ended_at`` are
    then those of its last event.
    """

    attempt: int
    first_sequence: int
    last_sequence: int
    started_at: datetime
    ended_at: datetime
    outcome: str | None
    error: str | None


class TimelineShape(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a job's timeline. ``first`` to ``last`` is all of it; no event is drawn before the one before it.

    ``sequence`` is the last event that was looked at. ``attempts`` are those in the part, at most the last 1,000.
    """

    job_id: UUID
    sequence: int
    first: datetime
    last: datetime
    since: datetime
    until: datetime
    lanes: list[LaneShape]
    attempts: list[AttemptShape]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a job's curves, in at most how many points."""

    job_id: UUID
    since: Annotated[Moment | None, Meta(description=_SINCE)] = None
    until: Annotated[Moment | None, Meta(description=_UNTIL)] = None
    points: Annotated[int, Meta(ge=2, le=2000, description="At most so many.")] = 240


class PointShape(msgspec.Struct, frozen=True, kw_only=True):
    """The job's counters after event ``sequence``; fuel is in wasmtime's units, of the work that counts."""

    sequence: int
    time: datetime
    progress: float
    items: int
    bytes: int
    fuel: int
    warnings: int


class SeriesShape(msgspec.Struct, frozen=True, kw_only=True):
    """A job's counters over time, oldest first. Where it fell back to a checkpoint they fall, too."""

    job_id: UUID
    sequence: int
    points: list[PointShape]


TIMELINE: Final = Endpoint(
    "jobs.timeline",
    "GET",
    "/v1/jobs/{job_id}/timeline",
    Scope.READ,
    Timeline,
    TimelineShape,
    "What happened when: attempts, and the events of each kind, counted by columns",
)
SERIES: Final = Endpoint(
    "jobs.series",
    "GET",
    "/v1/jobs/{job_id}/series",
    Scope.READ,
    Series,
    SeriesShape,
    "A job's progress, counters and fuel over time",
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (TIMELINE, SERIES)
