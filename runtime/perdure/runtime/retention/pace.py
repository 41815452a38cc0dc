"""Work in the background that leaves most of the time to others."""

from __future__ import annotations

import threading
from typing import Final

from perdure.actors.clock import Clock

_REST: Final = 2.0  # seconds of rest for each second of work (docs/adr/0013): jobs share the disk and the interpreter
_LONGEST: Final = 1.0  # seconds of rest at once


class Pace:
    """Says after each step how long to rest; ends when it is told to stop.

    Args:
        stopping: set when the work is to end.
        clock: measures the steps.
        rest: seconds of rest for each second of work; 0 for work that somebody waits for.
    """

    def __init__(self, stopping: threading.Event, clock: Clock, rest: float = _REST) -> None:
        self._stopping = stopping
        self._clock = clock
        self._rest = rest
        self._begun = clock.monotonic()

    def go_on(self) -> bool:
        """Rest after a step; False if there is to be no other."""
        worked = self._clock.monotonic() - self._begun
        stop = self._stopping.wait(min(worked * self._rest, _LONGEST)) if self._rest else self._stopping.is_set()
        self._begun = self._clock.monotonic()
        return not stop
