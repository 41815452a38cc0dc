"""What all who watch the same thing are sent: some bytes, and how far they go. Pure.

Whoever watches has a *cursor*, the last position (or sequence, of a job) that it was sent. What was sent lately is kept
for a while; whoever is further behind reads the log. So it costs no memory that somebody is slow.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PIECE_BYTES: Final = 64 << 10  # what is written to a connection at once
_OBJECTS: Final = 256  # bytes that a piece takes beside its data


@dataclass(frozen=True, slots=True)
class Piece:
    """``count`` messages of what is behind ``before``, up to ``after``."""

    before: int
    after: int
    data: bytes
    count: int = 1

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return len(self.data) + _OBJECTS


@dataclass(frozen=True)
class Behind:
    """What follows the cursor is in the log only, up to ``until``."""

    until: int


class Channel:
    """The pieces of one selection.

    Args:
        head: up to where everything has been said; None: it is not known yet.
    """

    def __init__(self, head: int | None) -> None:
        self.head = head
        self.pieces: deque[Piece] = deque()
        self.ended: bytes | None = None  # the last message of all
        self._wakes: dict[Callable[[], None], None] = {}

    def join(self, wake: Callable[[], None]) -> None:
        """Have somebody woken when there is more."""
        self._wakes[wake] = None

    def leave(self, wake: Callable[[], None]) -> bool:
        """Wake it no more; returns whether nobody is left."""
        self._wakes.pop(wake, None)
        return not self._wakes

    def __len__(self) -> int:
        return len(self._wakes)

    def publish(self, pieces: list[Piece], ended: bytes | None = None) -> None:
        """There is more. Each piece begins where the one before it ended: who has that misses nothing in between."""
        self.pieces.extend(pieces)
        if pieces:
            self.head = pieces[-1].after
        self.ended = ended
        for wake in list(self._wakes):
            wake()

    def next(self, cursor: int) -> Piece | Behind | None:
        """What follows the cursor; None: nothing yet."""
        first = self._first_beyond(cursor)
        if first == len(self.pieces):
            return Behind(self.head) if self.head is not None and cursor < self.head else None
        found = self.pieces[first]
        if found.before == cursor:
            return found
        return Behind(found.after if found.before < cursor else found.before)

    def _first_beyond(self, cursor: int) -> int:
        """The number of the first piece that goes beyond the cursor: in growing steps from the end, where most are."""
        beyond, step = len(self.pieces), 1
        while beyond and self.pieces[max(0, beyond - step)].after > cursor:
            beyond = max(0, beyond - step)
            step *= 2
        return bisect_right(self.pieces, cursor, max(0, beyond - step), beyond, key=lambda piece: piece.after)


def cut(before: int, messages: list[tuple[int, bytes]], size: int = PIECE_BYTES) -> list[Piece]:
    """Messages, each with its cursor, as pieces of about ``size`` bytes."""
    pieces: list[Piece] = []
    parts: list[bytes] = []
    length = 0
    for number, (cursor, data) in enumerate(messages):
        parts.append(data)
        length += len(data)
        if length >= size or number == len(messages) - 1:
            pieces.append(Piece(before, cursor, b"".join(parts), len(parts)))
            before, parts, length = cursor, [], 0
    return pieces
