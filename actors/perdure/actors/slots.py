"""How many jobs the runtime runs at once, and who is next when one ends."""

from __future__ import annotations

import threading
from collections import OrderedDict


class SlotPool:
    """Slots shared by all extensions, given out in the order in which they asked.

    An extension that found none stands in line until it gets one or leaves. A free slot belongs to whoever is first in
    line: an extension whose own job just ended asks again sooner than one that has yet to be told, and would otherwise
    overtake it each time.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._used = 0
        self._line: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def try_acquire(self, extension: str) -> bool:
        """Take a slot, or stand in line for one."""
        with self._lock:
            ahead = len(self._line)
            if extension in self._line:
                ahead = next(place for place, name in enumerate(self._line) if name == extension)
            if self._used + ahead >= self.limit:
                self._line.setdefault(extension)
                return False
            self._used += 1
            self._line.pop(extension, None)
            return True

    def release(self) -> None:
        """Give a slot back."""
        with self._lock:
            self._used -= 1

    def leave(self, extension: str) -> None:
        """Stand in line no longer."""
        with self._lock:
            self._line.pop(extension, None)

    def next(self) -> str | None:
        """The extension that should ask now: the first in line, if a slot is free."""
        with self._lock:
            return next(iter(self._line), None) if self._used < self.limit else None
