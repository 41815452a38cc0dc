"""Whether what a log lacks is what folded jobs left empty: for the integrity check.

A folded job's events are gone, or on their way out from the oldest on. So its stream may begin late, and the log may
have empty places; both only where a `JobFolded` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from perdure.store.blobs import load_payload
from perdure.store.errors import StoreError
from perdure.store.event_store import EventStore
from perdure.store.events import JobFolded
from perdure.store.folding import FoldedRow, folded_rows
from perdure.store.position_set import PositionSet

_GAPS: Final = 20  # that are named


class Skip(msgspec.Struct, frozen=True):
    """A stream goes on at ``first``, at ``position``, where it had come to ``last``; ``linked``: the hash fits."""

    position: int
    stream: str
    number: int
    last: int
    first: int
    linked: bool


class FoldCheck:
    """What is missing, and which jobs were folded, as a walk through the log meets them."""

    def __init__(self) -> None:
        self._folds: dict[int, JobFolded] = {}
        self._gaps: list[tuple[int, int]] = []  # first position, how many
        self._skips: list[Skip] = []
        self._counts: dict[int, int] = {}  # of frames with more than one event, by position

    def fold(self, number: int, event: JobFolded) -> None:
        """A stream was folded."""
        self._folds[number] = event

    def gap(self, first: int, count: int) -> None:
        """Positions are missing."""
        self._gaps.append((first, count))

    def skip(self, skip: Skip) -> None:
        """Events of a stream are missing."""
        self._skips.append(skip)

    def frame(self, position: int, count: int) -> None:
        """A frame is there."""
        if count > 1:
            self._counts[position] = count

    def covers(self, number: int, sequence: int) -> bool:
        """Whether a fold says that this event is gone."""
        return number in self._folds and sequence <= self._folds[number].through

    def wrong_skips(self) -> Iterator[Skip]:
        """Where a stream lacks events that no fold removed."""
        for skip in self._skips:
            if not self.covers(skip.number, skip.first - 1):
                yield skip

    def late_starts(self) -> list[Skip]:
        """Where frames of a folded stream were seen before others that are missing, which is not the order."""
        return [skip for skip in self._skips if skip.last and self.covers(skip.number, skip.first - 1)]

    def wrong_gaps(self, placed: dict[tuple[int, int], int]) -> list[tuple[str, str]]:
        """What is wrong with the empty places, as ``(where, what)``; ``placed`` has the frames that were seen."""
        missing, left = sum(count for _, count in self._gaps), PositionSet()
        for event in self._folds.values():
            left.add_set(event.through, event.positions)
        for (number, first), position in placed.items():
            if self.covers(number, first):
                left.remove(position, self._counts.get(position, 1))
        if missing == left.count:
            empty = PositionSet()
            for first, count in self._gaps:
                empty.add(first, count)
            if empty == left:
                return []
        found = [
            (f"position {first + count}", f"position {first} is missing before it")
            for first, count in self._gaps[:_GAPS]
        ]
        if self._folds:
            what = f"{missing} positions are missing, and the jobs that were folded left {left.count}, or others"
            found.append(("the log", what))
        return found


def rows_of(store: EventStore, event: JobFolded) -> list[FoldedRow]:
    """The rows that a folded job was the last to write.

    Raises:
        StoreError: they cannot be read.
    """
    try:
        return folded_rows(load_payload(store.blobs, event.rows))
    except msgspec.MsgspecError as error:
        raise StoreError(f"the rows of a folded job cannot be read: {error}") from None
