"""All connections of the web process: how many there are, and which have had their time."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from typing import Protocol


class Guarded(Protocol):
    """A connection, as `Connections` sees it."""

    address: str

    def drop(self) -> None:
        """End at once, with what is not sent yet unsent."""

    def look(self, now: float) -> None:
        """Give up what has taken longer than it may; ``now`` is of the loop's clock, in seconds."""


class Connections:
    """Counts connections. When there are as many as may be, the one that has waited longest without a request gives
    way; if all are at work, the new one is closed.

    Args:
        limit: how many there may be.
        limit_of_address: how many of one address.
        is_exempt: whether an address may have all of them: this machine's own, or a proxy's.
    """

    def __init__(self, limit: int, limit_of_address: int, is_exempt: Callable[[str], bool]) -> None:
        self._limit = limit
        self._limit_of_address = limit_of_address
        self._is_exempt = is_exempt
        self._all: set[Guarded] = set()
        self._waiting: dict[Guarded, None] = {}  # without a whole request, the longest first
        self._of_address: Counter[str] = Counter()
        self.refused = 0

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, connection: Guarded) -> bool:
        """Whether a new connection may stay."""
        place = place_of(connection.address)
        crowded = self._of_address[place] >= self._limit_of_address and not self._is_exempt(connection.address)
        if crowded or (len(self._all) >= self._limit and not self._make_room()):
            self.refused += 1
            return False
        self._all.add(connection)
        self._waiting[connection] = None
        self._of_address[place] += 1
        return True

    def leave(self, connection: Guarded) -> None:
        """It has ended; twice is once."""
        if connection not in self._all:
            return
        self._all.discard(connection)
        self._waiting.pop(connection, None)
        place = place_of(connection.address)
        self._of_address[place] -= 1
        if not self._of_address[place]:
            del self._of_address[place]

    def works(self, connection: Guarded) -> None:
        """A request has come whole: it is not what gives way."""
        self._waiting.pop(connection, None)

    def waits(self, connection: Guarded) -> None:
        """It was answered, and waits for the next request."""
        if connection in self._all:
            self._waiting[connection] = None

    def look(self, now: float) -> None:
        """Let each see whether its time is over."""
        for connection in list(self._all):
            connection.look(now)

    def _make_room(self) -> bool:
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        oldest.drop()
        self.leave(oldest)
        return True


def place_of(address: str) -> str:
    """What counts as one address: whoever has one of IPv6 has the 2^64 beside it."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
