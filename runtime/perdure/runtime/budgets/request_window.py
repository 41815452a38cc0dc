"""How many requests there may be in any minute: pure, exact, in constant time and space."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from typing import Final

MINUTE_US: Final = 60_000_000
CHUNK: Final = 128  # stamps in one row
_STAMP: Final = 8  # bytes
_HEADER: Final = struct.Struct(">Q")
_FORMAT: Final = "q"
_FIRST: Final = 1_024  # stamps that a ring has room for at first
_NEVER: Final = 1 << 62


class RequestWindow:
    """The stamps of the last ``limit`` requests, in a ring: in no stretch of less than a minute are there more.

    The next one may come a minute after the ``limit``-th before it, to the microsecond. A stamp may lie in the future:
    a request that waits has taken its place, and whoever comes later comes after it. A request that is refused takes
    nothing.

    Rows: the ring is stored in chunks of `CHUNK` stamps, of which only those that changed are written again. There is
    one chunk more than the limit needs, for the one that is being filled replaces a whole one.

    Not thread-safe. Times are in microseconds since 1970. The ring grows to what its limit needs, as far as there are
    that many requests in a minute: of a limit that nobody comes near, only what is used takes memory. It never shrinks:
    a limit that is lowered and raised again finds the stamps that were there.
    """

    def __init__(self, limit: int, first: int = _FIRST) -> None:
        """``first``: stamps that there is room for at first."""
        self._limit = limit
        self._ring = array(_FORMAT, bytes(_STAMP * _size(min(limit, first))))
        self._full_at = 0  # the count at which the ring has to grow, or to look whether it has to
        self._deciding = 0  # how far back the stamp is that decides on the next request
        self._count = 0  # requests ever; the last of them is at (count - 1) % size
        self._newest = 0
        self._stored = 0  # those before this one are in the rows
        self._measure()

    @property
    def limit(self) -> int:
        """Requests a minute."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        self._measure()

    def _measure(self) -> None:
        size = len(self._ring)
        # A chunk that is being filled has replaced another one already.
        self._full_at = max(size, -(-self._count // CHUNK) * CHUNK) if size < _size(self._limit) else _NEVER
        # A limit that was raised may look further back than the ring goes. What is not there any more was not within
        # the last requests of a lower limit, so it is more than a minute ago.
        self._deciding = self._limit if self._limit <= size else _NEVER

    def free_at(self, now: int) -> int:
        """The first moment, not before ``now``, at which a request may be made; nothing is counted."""
        free = max(now, self._newest)
        if self._count >= self._deciding:
            free = max(free, self._ring[(self._count - self._deciding) % len(self._ring)] + MINUTE_US)
        return free

    def try_take(self, now: int) -> int:
        """Count a request at ``now`` if it may be made and return 0, else return `free_at`."""
        # Both in one, for this is what almost every call comes to.
        ring, count, back = self._ring, self._count, self._deciding
        if self._newest > now or (count >= back and ring[(count - back) % len(ring)] + MINUTE_US > now):
            return self.free_at(now)
        if count >= self._full_at:
            self._make_room(now)
            ring = self._ring
        ring[count % len(ring)] = self._newest = now
        self._count = count + 1
        return 0

    def take(self, at: int) -> None:
        """Count a request at ``at``, which is `free_at` or later."""
        if self._count >= self._full_at:
            self._make_room(at)
        self._ring[self._count % len(self._ring)] = self._newest = at
        self._count += 1

    def used(self, now: int) -> int:
        """The requests that count at ``now``, those that wait included; at most ``limit``, in O(log limit)."""
        # Stamps never go down, so this is a search for the first of the last `limit` that is younger than a minute.
        low = max(0, self._count - min(self._limit, len(self._ring)))
        high = self._count
        while low < high:
            middle = (low + high) // 2
            if self._ring[middle % len(self._ring)] + MINUTE_US > now:
                high = middle
            else:
                low = middle + 1
        return self._count - low

    # --- rows --------------------------------------------------------------------------------------------------------

    def changes(self) -> list[tuple[int, bytes]]:
        """The chunks that changed since this was asked last, by the number of their row."""
        rows = len(self._ring) // CHUNK
        last = -(-self._count // CHUNK)
        first = max(self._stored // CHUNK, last - rows)
        self._stored = self._count
        return [(chunk % rows, self._chunk(chunk)) for chunk in range(first, last)]

    def forget_stored(self) -> None:
        """The changes did not reach the disk: give all of it next time."""
        self._stored = 0

    def _chunk(self, chunk: int) -> bytes:
        start = chunk * CHUNK % len(self._ring)
        filled = min(CHUNK, self._count - chunk * CHUNK)
        return _HEADER.pack(chunk) + self._ring[start : start + filled].tobytes()

    def restore(self, rows: Iterable[bytes], now: int) -> None:
        """Take over what another process stored.

        A stamp that lies behind ``now`` is one of a request that waited in that process, or the wall clock was put
        back. Either way it counts as ``now``: for a minute too much is refused, and not for as long as it was put back.
        """
        chunks: dict[int, array[int]] = {}
        for row in rows:
            (number,) = _HEADER.unpack_from(row)
            stamps = array(_FORMAT, row[_HEADER.size :])
            # A ring of another size kept its chunks in other rows, and some may still be there.
            if len(stamps) > len(chunks.get(number, ())):
                chunks[number] = stamps
        if not chunks:
            return
        first = last = max(chunks)
        while len(chunks.get(first - 1, ())) == CHUNK:
            first -= 1
        kept = [stamp for number in range(first, last + 1) for stamp in chunks[number]]
        whole = (last - first + 1) * CHUNK
        if whole > len(self._ring):
            self._ring = array(_FORMAT, bytes(_STAMP * whole))
            self._measure()
        self._count = first * CHUNK
        if self._full_at != _NEVER:
            self._full_at = self._count + len(self._ring)
        for stamp in kept:
            self.take(min(stamp, now))

    def _make_room(self, at: int) -> None:
        """Of a ring that is smaller than its limit, let a chunk be replaced that is over a minute old, or grow it.

        The whole chunk, not the oldest stamp: its row is replaced when the first stamp of the new one is stored.
        """
        if self._ring[(self._count + CHUNK - 1) % len(self._ring)] + MINUTE_US <= at:
            self._full_at += CHUNK
        else:
            self._grow()

    def _grow(self) -> None:
        old, size = self._ring, min(_size(self._limit), 2 * len(self._ring))
        self._ring = array(_FORMAT, bytes(_STAMP * size))
        for index in range(max(0, self._count - len(old)), self._count):
            self._ring[index % size] = old[index % len(old)]
        if self._count > len(old):
            self._stored = 0  # it had gone round, and its chunks belong in other rows now
        self._measure()


def _size(limit: int) -> int:
    return (-(-limit // CHUNK) + 1) * CHUNK
