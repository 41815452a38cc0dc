"""What is done now and then while a runtime is open, on a thread of its own: nobody waits for it.

A chore that fails is logged and comes again after its interval. The clock is looked at every few seconds, so that a
machine that slept is noticed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from perdure.actors.clock import Clock
from perdure.actors.errors import SystemStopped
from perdure.store.errors import StoreClosed

logger = logging.getLogger(__name__)

_LOOK: Final = 5.0  # seconds of real time between looks at the clock, at most


class Chore(msgspec.Struct, frozen=True):
    """Something to do each ``interval`` seconds, for the first time ``first`` seconds after the start.

    ``run`` gets an event that is set when it should stop: then it returns soon.
    """

    name: str
    interval: float
    run: Callable[[threading.Event], object]
    first: float


class Housekeeping:
    """Runs chores, one at a time. `add` them, `start`; `stop` and `join` at the end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._chores: list[tuple[Chore, float]] = []  # with the time when it is due
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, *chores: Chore) -> None:
        """Take on chores, before or after `start`."""
        with self._changed:
            self._chores.extend((chore, self._clock.monotonic() + chore.first) for chore in chores)
            self._changed.notify_all()

    def start(self) -> None:
        """Begin, if there is anything to do."""
        with self._changed:
            if self._thread is None and self._chores:
                self._thread = threading.Thread(target=self._work, name="perdure-housekeeping", daemon=True)
                self._thread.start()

    def look(self) -> None:
        """Look at the clock now."""
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        """Ask the chore that runs to stop, and begin none."""
        self._stopping.set()
        self.look()

    def join(self) -> None:
        """Wait for the end of what runs."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                due = self._next_due()
                if due is None:
                    # `stop` sets its event before it takes this lock to notify: it is not missed.
                    if not self._stopping.is_set():
                        self._changed.wait(self._pause())
                    continue
            self._run(due)

    def _next_due(self) -> Chore | None:
        now = self._clock.monotonic()
        for place, (chore, at) in enumerate(self._chores):
            if at <= now:
                self._chores[place] = chore, now + chore.interval
                return chore
        return None

    def _pause(self) -> float:
        now = self._clock.monotonic()
        return max(0.0, min([_LOOK, *(at - now for _, at in self._chores)]))

    def _run(self, chore: Chore) -> None:
        try:
            chore.run(self._stopping)
        except (StoreClosed, SystemStopped):
            if not self._stopping.is_set():
                logger.warning("%s was broken off: the log is closed", chore.name)
        except Exception:
            logger.exception("%s failed, and is tried again in %g s", chore.name, chore.interval)
