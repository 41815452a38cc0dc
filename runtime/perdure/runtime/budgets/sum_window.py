"""How much there may be in any stretch of time: pure, in constant time and space, on the safe side."""

from __future__ import annotations

from typing import Final

import msgspec

HOUR_US: Final = 3_600_000_000
SECOND_US: Final = 1_000_000
NEVER: Final = -1


class _Stored(msgspec.Struct, array_like=True):
    bucket: int
    reserved: int
    sums: list[int]


_decoder: Final = msgspec.msgpack.Decoder(_Stored)


class SumWindow:
    """Sums of what was used, in buckets: never more than ``limit`` in a stretch of ``span``.

    A bucket is a ``parts``-th of ``span``, and counts as a whole until its last moment is ``span`` ago: what was used
    may count for a ``parts``-th too long, never too short. What is *reserved* counts all the time until it is settled:
    then what was used counts from that moment, and the rest is free again.

    Not thread-safe. Times are in microseconds since 1970, ``span`` too; amounts are in the budget's own unit.
    """

    def __init__(self, limit: int, span: int, parts: int = 60) -> None:
        self.limit = limit
        self._width = span // parts
        self._sums = [0] * (parts + 1)
        self._bucket = 0
        self._total = 0
        self._reserved = 0
        self._changed = False

    def used(self, now: int) -> int:
        """What counts at ``now``, what is reserved included; more than ``limit`` after that was lowered."""
        self._advance(now)
        return self._total + self._reserved

    def room(self, now: int) -> int:
        """What may be used at ``now``."""
        return max(0, self.limit - self.used(now))

    def add(self, now: int, amount: int) -> None:
        """Count what was used."""
        self._advance(now)
        self._sums[self._bucket % len(self._sums)] += amount
        self._total += amount
        self._changed = True

    def reserve(self, amount: int) -> None:
        """Keep room for what may be used."""
        self._reserved += amount
        self._changed = True

    def settle(self, now: int, reserved: int, used: int) -> None:
        """Of what was reserved, so much was used by ``now``."""
        self._reserved -= reserved
        self.add(now, used)

    def free_at(self, now: int, amount: int) -> int:
        """The first moment from ``now`` at which there is room for ``amount``; `NEVER` if it is more than the limit.

        What is reserved may be settled at any time; if only that is in the way, it is worth a look a bucket later.
        """
        if amount > self.limit:
            return NEVER
        missing = self.used(now) + amount - self.limit
        if missing <= 0:
            return now
        count = len(self._sums)
        for bucket in range(self._bucket - count + 1, self._bucket + 1):
            missing -= self._sums[bucket % count]
            if missing <= 0:
                return (bucket + count) * self._width
        return now + self._width

    def _advance(self, now: int) -> None:
        bucket = now // self._width
        passed = bucket - self._bucket
        if passed <= 0:
            return
        count = len(self._sums)
        for number in range(self._bucket + 1, self._bucket + 1 + min(passed, count)):
            self._total -= self._sums[number % count]
            self._sums[number % count] = 0
        self._bucket = bucket

    # --- rows --------------------------------------------------------------------------------------------------------

    def changes(self) -> list[tuple[int, bytes]]:
        """The row, if it changed since this was asked last."""
        if not self._changed:
            return []
        self._changed = False
        count = len(self._sums)
        sums = [self._sums[bucket % count] for bucket in range(self._bucket - count + 1, self._bucket + 1)]
        return [(0, msgspec.msgpack.encode(_Stored(self._bucket, self._reserved, sums)))]

    def forget_stored(self) -> None:
        """The change did not reach the disk: give it again."""
        self._changed = True

    def restore(self, rows: list[bytes], now: int) -> None:
        """Take over what another process stored: what it had reserved counts as used, for nobody settles it now.

        Should the wall clock have been put back, the last sum counts as of ``now``.
        """
        for row in rows:
            stored = _decoder.decode(row)
            count = len(self._sums)
            last = min(stored.bucket, now // self._width)
            for place, amount in enumerate(reversed(stored.sums[-count:])):
                self._sums[(last - place) % count] = amount
            self._bucket, self._total = last, sum(self._sums)
            if stored.reserved:
                self.add(now, stored.reserved)
