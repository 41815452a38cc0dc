"""Actions at the end of a time, unless they are called off before: one thread for all of them.

What a guest may take of the wall clock is nearly never used up, so that nearly all deadlines are called off. Calling
one off, and making another while the thread waits for an earlier one, wakes nobody: a thread for each load (a
`threading.Timer`) cost 0.25 ms of a load's 0.6. The thread ends when no deadline is left.
"""

from __future__ import annotations

import _thread
import heapq
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

_log = logging.getLogger("perdure.guest")


class _Deadline:
    """One of them; its ``action`` is None when it was called off."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Call it off. An action that has begun goes on."""
        self.action = None


class Deadlines:
    """A `perdure.runtime.guests.describe.Scheduler`. Thread-safe."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, _Deadline]] = []
        self._numbers = itertools.count()
        self._runs = False

    def __call__(self, delay: float, action: Callable[[], None]) -> Callable[[], None]:
        """Run ``action`` in ``delay`` seconds, on a thread that all share, so it must not wait for anything.

        The function that it returns calls that off.
        """
        if os.getpid() != self._pid:
            self._begin()  # a fork has the deadlines, and not the thread
        deadline = _Deadline(action)
        entry = (time.monotonic() + delay, next(self._numbers), deadline)
        with self._changed:
            heapq.heappush(self._heap, entry)
            if not self._runs:
                self._runs = True
                # Not `threading.Thread`: its `start` waits until the thread has begun. Like a daemon it holds up no
                # end of the process.
                _thread.start_new_thread(self._run, ())
            elif self._heap[0] is entry:
                self._changed.notify()
        return deadline.cancel

    def _run(self) -> None:
        while (action := self._next()) is not None:
            try:
                action()
            except Exception:  # noqa: BLE001  # the deadlines of others have to be kept
                _log.exception("the action of a deadline failed")

    def _next(self) -> Callable[[], None] | None:
        """The next action that is due, waited for; None when there is none left, and the thread is to end."""
        with self._changed:
            while self._heap:
                at, _, deadline = self._heap[0]
                if deadline.action is None:
                    heapq.heappop(self._heap)
                elif (seconds := at - time.monotonic()) > 0:
                    self._changed.wait(seconds)
                else:
                    heapq.heappop(self._heap)
                    return deadline.action
            self._runs = False
            return None


DEADLINES: Final = Deadlines()
