"""A part of a trace, counted by columns. Pure."""

from __future__ import annotations

from typing import Final

from perdure.api.job_timeline import AttemptShape, Lane, LaneShape, MarkShape, PointShape, TimelineShape
from perdure.api.times import moment_of
from perdure.server.web.traces.curve import Point
from perdure.server.web.traces.trace import Attempt, Trace
from perdure.server.web.traces.track import Entry, Track

MARKS: Final = 200  # events of a lane that are named one by one
_ATTEMPTS: Final = 1_000


def timeline_of(trace: Trace, since: int | None, until: int | None, buckets: int, now: int) -> TimelineShape:
    """The part of a job's timeline from ``since`` to ``until`` (microseconds since 1970; None: its ends).

    ``now`` is the right end while an attempt is under way. Edges the wrong way round are turned.
    """
    last = max(now, trace.last) if trace.state is not None and trace.state.attempting else trace.last
    left, right = sorted((trace.first if since is None else since, last if until is None else until))
    edges = edges_of(left, right, buckets)
    attempts = [each for each in trace.attempts if each.ended >= left and each.started <= right]
    return TimelineShape(
        job_id=trace.job_id,
        sequence=trace.sequence,
        first=moment_of(trace.first),
        last=moment_of(last),
        since=moment_of(left),
        until=moment_of(right),
        lanes=[_lane(trace, lane, track, edges) for lane, track in trace.tracks.items()],
        attempts=[_attempt(each) for each in attempts[-_ATTEMPTS:]],
    )


def edges_of(left: int, right: int, buckets: int) -> list[int]:
    """The edges of so many columns of equal width, give or take a microsecond."""
    return [left + (right - left) * column // buckets for column in range(buckets + 1)]


def points_of(points: list[Point]) -> list[PointShape]:
    """Points, for the wire."""
    return [PointShape(**{**point._asdict(), "time": moment_of(point.time)}) for point in points]


def _lane(trace: Trace, lane: Lane, track: Track, edges: list[int]) -> LaneShape:
    places = track.span(edges[0], edges[-1])
    marks = [_mark(trace, entry) for entry in track.entries(places)] if len(places) <= MARKS else []
    return LaneShape(
        lane=lane,
        total=len(places) * track.each,
        counts=track.counts(edges),
        failed=track.failures(edges),
        marks=marks,
        each=track.each,
    )


def _mark(trace: Trace, entry: Entry) -> MarkShape:
    return MarkShape(
        sequence=entry.sequence,
        time=moment_of(entry.time),
        type=trace.kind_name(entry.kind),
        label=trace.name(entry.label),
        failed=entry.failed,
        took=entry.took / 1000 if entry.took >= 0 else None,
    )


def _attempt(attempt: Attempt) -> AttemptShape:
    return AttemptShape(
        attempt=attempt.number,
        first_sequence=attempt.first,
        last_sequence=attempt.last,
        started_at=moment_of(attempt.started),
        ended_at=moment_of(attempt.ended),
        outcome=attempt.outcome,
        error=attempt.error,
    )
