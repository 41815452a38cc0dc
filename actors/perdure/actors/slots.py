"""How many jobs the runtime runs at once, and who is next when one ends."""

from __future__ import annotations

import threading
from collections import OrderedDict


class SlotPool:
    """Slots shared by all extensions; an extension that found none is told in the order in which they asked."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._used = 0
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def try_acquire(self, extension: str) -> bool:
        """Take a slot, or be noted as waiting for one."""
        with self._lock:
            if self._used >= self.limit:
                self._waiting.setdefault(extension)
                return False
            self._used += 1
            self._waiting.pop(extension, None)
            return True

    def release(self) -> str | None:
        """Give a slot back; returns the extension that is to be told, if one waits."""
        with self._lock:
            self._used -= 1
            return self._waiting.popitem(last=False)[0] if self._waiting else None
