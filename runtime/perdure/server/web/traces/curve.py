"""A job's counters over time, in so many points and no more. Pure.

While a job is short every event has its point; beyond a limit every second point is left out, and from then on only
every second event gets one. The last state is always there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final, NamedTuple

from perdure.store.job_state import JobState

LIMIT: Final = 8_192


class Point(NamedTuple):
    """The counters after event ``sequence``; ``time`` in microseconds since 1970."""

    time: int
    sequence: int
    progress: float
    items: int
    bytes: int
    fuel: int
    warnings: int


class Curve:
    """The points, fed in the order of their times."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._each = 1
        self._seen = 0
        self._points: list[Point] = []
        self._last: Point | None = None

    def add(self, state: JobState, time: int) -> None:
        """The job's state after one more event."""
        point = self._last = Point(
            time, state.sequence, state.progress, state.items, state.bytes, state.fuel, state.warnings
        )
        if self._seen % self._each == 0:
            self._points.append(point)
            if len(self._points) > self._limit:
                del self._points[1::2]
                self._each *= 2
        self._seen += 1

    def points(self, since: int, until: int, most: int) -> list[Point]:
        """At most ``most`` points of this part, the first and the last of it among them.

        The one before the part comes first, if there is one, so that a line can be drawn from the left edge. Of the
        others the last one of each column of equal width is taken, and the one before a fall.
        """
        points = self._points
        if self._last is not None and points[-1] is not self._last:
            points = [*points, self._last]
        low = max(0, bisect_right(points, since, key=_time) - 1)
        high = bisect_left(points, until + 1, key=_time)
        part = points[low:high]
        if len(part) <= most:
            return part
        kept = _falls(part)[: most // 3]
        columns = most - len(kept) - 1
        start, width = part[0].time, max(1, (part[-1].time - part[0].time + columns) // columns)
        chosen = {0, *kept}
        for place, point in enumerate(part):
            following = part[place + 1] if place + 1 < len(part) else None
            if following is None or (following.time - start) // width != (point.time - start) // width:
                chosen.add(place)
        return [part[place] for place in sorted(chosen)][-most:]


def _falls(points: list[Point]) -> list[int]:
    """The places behind which the job fell back."""
    return [
        place
        for place in range(len(points) - 1)
        if points[place + 1].progress < points[place].progress or points[place + 1].items < points[place].items
    ]


def _time(point: Point) -> int:
    return point.time
