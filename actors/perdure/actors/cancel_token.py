"""How an operation's handler learns that nobody waits for it any more."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class CancelToken:
    """Set once: the call's time is over, its job was cancelled or killed, or the runtime closes. Thread-safe.

    ``deadline`` is the monotonic time, in seconds, at which it is set at the latest.
    """

    __slots__ = ("_event", "_lock", "_set", "_then", "deadline")

    def __init__(self, deadline: float = math.inf) -> None:
        self.deadline = deadline
        self._set = False
        self._lock = threading.Lock()
        self._then: list[Callable[[], object]] = []
        self._event: threading.Event | None = None  # made for the first who waits: most calls never do

    @property
    def cancelled(self) -> bool:
        """Whether the handler should stop."""
        return self._set

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is set, at most so long; returns whether it is. A handler's way to pause."""
        with self._lock:
            if self._set:
                return True
            event = self._event = self._event or threading.Event()
        event.wait(seconds)
        return self._set

    def cancel(self) -> None:
        """Set it; a second time does nothing."""
        with self._lock:
            if self._set:
                return
            self._set = True
            then, self._then = self._then, []
            event = self._event
        if event is not None:
            event.set()
        if then:
            # They are a handler's: whoever cancels must neither wait for them nor fail of them.
            threading.Thread(target=_run, args=(then,), name="perdure-cancel", daemon=True).start()

    def on_cancel(self, step: Callable[[], object]) -> None:
        """Call ``step`` when it is set, on a thread of its own; at once, on this one, if it is set."""
        with self._lock:
            if not self._set:
                self._then.append(step)
                return
        _run([step])

    def forget(self, step: Callable[[], object]) -> bool:
        """Take back what `on_cancel` was given; False if it is set, so that the step was called, or will be."""
        with self._lock:
            if self._set:
                return False
            if step in self._then:
                self._then.remove(step)
            return True


def _run(steps: list[Callable[[], object]]) -> None:
    for step in steps:
        try:
            step()
        except BaseException:
            logger.exception("what was to be done at a cancellation failed")
