"""A job as a drawing, from the log."""

from __future__ import annotations

import time

from perdure.api import job_timeline
from perdure.api.job_timeline import Series, SeriesShape, Timeline, TimelineShape
from perdure.api.times import time_of
from perdure.server.access.caller import Caller
from perdure.server.web.reading.readers import Readers
from perdure.server.web.site import Site
from perdure.server.web.traces.timeline import points_of, timeline_of


def add_readers(readers: Readers) -> None:
    """The family's."""
    readers.add(job_timeline.TIMELINE, timeline)
    readers.add(job_timeline.SERIES, series)


def timeline(site: Site, caller: Caller, request: Timeline) -> TimelineShape:
    """What happened when."""
    now = time.time_ns() // 1000
    with site.traces.of(site.store, request.job_id) as trace:
        return timeline_of(trace, time_of(request.since), time_of(request.until), request.buckets, now)


def series(site: Site, caller: Caller, request: Series) -> SeriesShape:
    """The job's counters over time."""
    with site.traces.of(site.store, request.job_id) as trace:
        since, until = time_of(request.since), time_of(request.until)
        left, right = sorted((trace.first if since is None else since, trace.last if until is None else until))
        points = trace.curve.points(left, right, request.points)
        return SeriesShape(job_id=request.job_id, sequence=trace.sequence, points=points_of(points))
