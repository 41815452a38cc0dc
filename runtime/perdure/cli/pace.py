"""How fast a job goes, and how long it will take: from what it did in the last seconds."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from perdure.store.job_state import JobState

WINDOW: Final = 10.0  # seconds that are looked back on: long enough to be steady, short enough to follow a change
_LONGEST: Final = 10 * 365 * 86_400.0  # seconds; what is beyond is no forecast
_LEAST: Final = 0.3  # seconds before anything is said: a first guess would only be wrong


class Pace(msgspec.Struct, frozen=True):
    """Items and bytes a second, and seconds that are left; None for what is not known."""

    items: float | None = None
    bytes: float | None = None
    left: float | None = None


class _Sample(msgspec.Struct, frozen=True):
    time: float
    attempts: int
    progress: float
    items: int
    bytes: int


class PaceMeter:
    """The pace of one job. Times are seconds of the caller's clock."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()

    def update(self, state: JobState, now: float) -> Pace:
        """Note where the job is at ``now``; returns its pace."""
        sample = _Sample(now, state.attempts, state.progress, state.items, state.bytes)
        if self._samples and self._samples[-1].attempts != sample.attempts:
            self._samples.clear()  # another attempt went back to a checkpoint
        self._samples.append(sample)
        # One sample beyond the window stays, so that the whole window is looked at.
        while len(self._samples) > 2 and now - self._samples[1].time >= WINDOW:
            self._samples.popleft()
        return self._pace()

    def _pace(self) -> Pace:
        first, last = self._samples[0], self._samples[-1]
        seconds = last.time - first.time
        if seconds < _LEAST:
            return Pace()
        advance = (last.progress - first.progress) / seconds
        left = (1.0 - last.progress) / advance if advance > 0 else _LONGEST
        return Pace(
            max(0.0, (last.items - first.items) / seconds) if last.items else None,
            max(0.0, (last.bytes - first.bytes) / seconds) if last.bytes else None,
            left if left < _LONGEST else None,
        )
