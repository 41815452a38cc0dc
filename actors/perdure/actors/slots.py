"""How many jobs the runtime runs at once, and who is next when one ends."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

_SHARE: Final = 4  # one slot of so many is kept for first jobs


class SlotPool:
    """Slots shared by all extensions, given out in the order in which they asked.

    An extension that found none stands in line until it gets one or leaves. A free slot belongs to whoever is first in
    line: an extension whose own job just ended asks again sooner than one that has yet to be told, and would otherwise
    overtake it each time. It gets one slot and goes to the end of the line: one with 1,000 queued jobs and one with a
    single job take turns.

    That is not enough against long jobs: whoever has taken every slot with them keeps the others from running any. So
    some slots are kept for *first* jobs, those of extensions that run none: a quarter of them, at least one where there
    are two. Not more than are needed: an extension that is not loaded needs none, and first jobs that run are among
    those slots. With one slot there is nothing to keep, and the line is all.

    An extension is known from `join` to `part`. Thread-safe. A decision looks at those in line, in their order.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept = max(limit // _SHARE, 1) if limit > 1 else 0
        self._used = 0
        self._running: dict[str, int] = {}  # those that run a job
        self._loaded: set[str] = set()
        self._line: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def join(self, extension: str) -> None:
        """The extension is loaded and may want to run a job at any time."""
        with self._lock:
            self._loaded.add(extension)

    def part(self, extension: str) -> None:
        """It is not any more; its running jobs keep their slots."""
        with self._lock:
            self._loaded.discard(extension)
            self._line.pop(extension, None)

    def try_acquire(self, extension: str) -> bool:
        """Take a slot, or stand in line for one."""
        with self._lock:
            self._line.setdefault(extension)
            if not self._is_next(extension):
                return False
            del self._line[extension]
            self._used += 1
            self._running[extension] = self._running.get(extension, 0) + 1
            return True

    def release(self, extension: str) -> None:
        """Give a slot back."""
        with self._lock:
            self._used -= 1
            left = self._running[extension] - 1
            if left:
                self._running[extension] = left
            else:
                del self._running[extension]

    def leave(self, extension: str) -> None:
        """Stand in line no longer."""
        with self._lock:
            self._line.pop(extension, None)

    def next(self) -> str | None:
        """The extension that should ask now: the first in line that there is a slot for."""
        with self._lock:
            free, kept = self.limit - self._used, self._kept_now()
            if free <= 0:
                return None
            for extension in self._line:
                if extension not in self._running or free > kept:
                    return extension
            return None

    def _is_next(self, extension: str) -> bool:
        """Whether there is a slot for it when all those before it in line have theirs."""
        free, kept = self.limit - self._used, self._kept_now()
        for waiting in self._line:
            if free <= 0:
                return False
            first = waiting not in self._running
            if first or free > kept:
                if waiting == extension:
                    return True
                free -= 1
                kept -= first and kept > 0
            elif waiting == extension:
                return False
        raise AssertionError("unreachable: it stands in line")

    def _kept_now(self) -> int:
        """The free slots that are kept for first jobs at this moment."""
        # Of those that run, one needs none of them: were it alone, the rest is for its others.
        firsts = max(0, len(self._running) - 1)
        idle = sum(extension not in self._running for extension in self._loaded)
        return max(0, min(self._kept - firsts, idle))
