"""The clocks, passed in so that tests need not wait and replays need not lie."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> int:
        """Wall-clock time in microseconds since 1970; may jump."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""

    def worked(self) -> float:
        """Seconds of a processor that the calling thread has taken."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> int:
        """See `Clock.now`."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    def worked(self) -> float:
        """See `Clock.worked`."""
        return time.thread_time()
