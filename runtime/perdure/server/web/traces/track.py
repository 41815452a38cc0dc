"""The events of one lane, as columns of numbers. Pure.

A hundred bytes an object would be too much for a job with a million events. Beyond a limit every second one is left
out, then every fourth, so that a track never grows beyond some megabytes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

LIMIT: Final = 200_000  # events; 22 bytes each


class Entry(NamedTuple):
    """One event; ``kind`` and ``label`` are indices into the trace's names; ``took`` in microseconds, or -1."""

    time: int
    sequence: int
    kind: int
    label: int
    took: int
    failed: bool


class Track:
    """The events of a lane in the order of their times.

    Attributes:
        each: one of so many events is kept.
        total: how many there were.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.each = 1
        self.total = 0
        self._times = array("q")
        self._sequences = array("q")
        self._kinds = array("B")
        self._labels = array("H")
        self._took = array("i")
        self._failed = array("q")  # their times alone; also thinned
        self._failures = 0
        self._each_failed = 1

    def add(self, entry: Entry) -> None:
        """One more event, not before the one before it."""
        if entry.failed:
            self._add_failed(entry.time)
        self.total += 1
        if (self.total - 1) % self.each:
            return
        self._times.append(entry.time)
        self._sequences.append(entry.sequence)
        self._kinds.append(2 * entry.kind + entry.failed)
        self._labels.append(entry.label)
        self._took.append(min(entry.took, 0x7FFF_FFFF))
        if len(self._times) > self._limit:
            self.each *= 2
            for column in (self._times, self._sequences, self._kinds, self._labels, self._took):
                del column[1::2]

    def _add_failed(self, time: int) -> None:
        self._failures += 1
        if (self._failures - 1) % self._each_failed:
            return
        self._failed.append(time)
        if len(self._failed) > self._limit:
            self._each_failed *= 2
            del self._failed[1::2]

    def span(self, since: int, until: int) -> range:
        """The places of the events with ``since <= time <= until``."""
        return range(bisect_left(self._times, since), bisect_left(self._times, until + 1))

    def entries(self, places: range) -> Iterator[Entry]:
        """The events at these places."""
        for place in places:
            yield Entry(
                self._times[place],
                self._sequences[place],
                self._kinds[place] // 2,
                self._labels[place],
                self._took[place],
                bool(self._kinds[place] % 2),
            )

    def counts(self, edges: list[int]) -> list[int]:
        """How many events there are in each column: from one edge up to the next, the last one with its right edge."""
        return _counts(self._times, edges, self.each)

    def failures(self, edges: list[int]) -> list[int]:
        """The same, of those where something went wrong."""
        return _counts(self._failed, edges, self._each_failed)


def _counts(times: array[int], edges: list[int], each: int) -> list[int]:
    places = [bisect_left(times, edge) for edge in edges[:-1]]
    places.append(bisect_left(times, edges[-1] + 1))
    return [(right - left) * each for left, right in pairwise(places)]
