"""A set of places of the log that fits into 16 bytes, to be compared with another one.

Its digest is a sum, so it does not matter in which order places come and go: those that all folded jobs left empty
together have to be those where the log has nothing.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

DIGEST_BYTES: Final = 16
_MODULUS: Final = 1 << (8 * DIGEST_BYTES)
_U64: Final = struct.Struct(">Q").pack


class PositionSet:
    """A multiset of positions: how many there are, and the sum of their hashes."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def add(self, first: int, count: int) -> None:
        """Add ``count`` positions from ``first`` on."""
        self.count += count
        self._sum += _sum_of(first, count)

    def remove(self, first: int, count: int) -> None:
        """Take ``count`` positions from ``first`` on away."""
        self.count -= count
        self._sum -= _sum_of(first, count)

    def add_set(self, count: int, digest: bytes) -> None:
        """Add ``count`` positions of which only the digest is known."""
        self.count += count
        self._sum += int.from_bytes(digest)

    @property
    def digest(self) -> bytes:
        """What identifies the positions."""
        return (self._sum % _MODULUS).to_bytes(DIGEST_BYTES)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PositionSet):
            return NotImplemented
        return self.count == other.count and self.digest == other.digest

    __hash__ = None  # type: ignore[assignment]  # it changes


def _sum_of(first: int, count: int) -> int:
    return sum(
        int.from_bytes(hashlib.blake2b(_U64(place), digest_size=DIGEST_BYTES).digest())
        for place in range(first, first + count)
    )
