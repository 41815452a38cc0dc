"""How an operation's handler learns that nobody waits for it any more."""

from __future__ import annotations

import threading
from collections.abc import Callable


class CancelToken:
    """Set once: the call's time is over, or its job was cancelled or killed. Thread-safe."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._then: list[Callable[[], object]] = []
        self._lock = threading.Lock()

    @property
    def cancelled(self) -> bool:
        """Whether the handler should stop."""
        return self._event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is set, at most so long; returns whether it is. A handler's way to pause."""
        return self._event.wait(seconds)

    def cancel(self) -> None:
        """Set it; a second time does nothing."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            then, self._then = self._then, []
        for step in then:
            step()

    def on_cancel(self, step: Callable[[], object]) -> None:
        """Call ``step`` when it is set, at once if it is; from whichever thread sets it."""
        with self._lock:
            if not self._event.is_set():
                self._then.append(step)
                return
        step()
