"""Attempts that are led by the log take turns, so that they do not fight for the interpreter.

A guest that is led calls its host every few microseconds, and each call takes the interpreter's lock and gives it back.
Each giving back wakes a thread that waits for the lock, and mostly finds it taken again before that thread runs. Of
100 jobs of 100 steps, all at once on two processors, that was most of the cost: 1.38 s until all went on, with 73,000
switches of threads and 2.1 s of processor time, against 0.45 s of both on one processor. Two at once are nearly as bad.

So one is led at a time, and the others stand in line. A turn ends where the log ends; one that lasts is over when
others wait: the next is let in, and whoever had it lines up again at its next call. A guest that mostly computes holds
no lock meanwhile: it goes on beside the others.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

SECONDS: Final = 0.05  # that a turn lasts at most while others wait: some 5,000 calls


class Turn:
    """One attempt's place in line, and then its turn.

    Attributes:
        admitted: whether it has come.
        over: whether it is another's by now.
        began: when it came, in seconds of the gate's clock.

    Args:
        wake: called when it comes, on any thread, with the gate's lock held.
    """

    __slots__ = ("admitted", "began", "over", "wake")

    def __init__(self, wake: Callable[[], None]) -> None:
        self.admitted = self.over = False
        self.began = 0.0
        self.wake = wake


class ReplayGate:
    """The line, and whose turn it is. Thread-safe.

    Args:
        now: seconds from an arbitrary start; never goes back.
        seconds: how long a turn lasts at most while others wait.
    """

    def __init__(self, now: Callable[[], float], seconds: float = SECONDS) -> None:
        self._now = now
        self._seconds = seconds
        self._line: deque[Turn] = deque()
        self._inside: Turn | None = None
        self._holds = 0
        self._lock = threading.Lock()

    def enter(self, wake: Callable[[], None]) -> Turn:
        """Stand in line; a turn that comes at once is not told."""
        turn = Turn(wake)
        with self._lock:
            if self._inside is None and not self._holds and not self._line:
                self._admit(turn)
            else:
                self._line.append(turn)
        return turn

    def leave(self, turn: Turn) -> None:
        """The turn has ended, or is not wanted any more. Idempotent."""
        with self._lock:
            if turn is self._inside:
                self._inside = None
                if not self._holds:
                    self._admit_next()
            elif turn in self._line:
                self._line.remove(turn)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody is let in inside the block: whoever starts many attempts starts them undisturbed."""
        with self._lock:
            self._holds += 1
        try:
            yield
        finally:
            with self._lock:
                self._holds -= 1
                if not self._holds and self._inside is None:
                    self._admit_next()

    # --- turns that last ---------------------------------------------------------------------------------------------

    def patience(self, turn: Turn) -> float:
        """Seconds after which a turn should have come that is waited for; then `press`."""
        with self._lock:
            return (self._line.index(turn) + 1) * self._seconds if turn in self._line else self._seconds

    def press(self) -> None:
        """Let the next one in if the turn has lasted; and if it is nobody's, although the gate is held."""
        with self._lock:
            if self._inside is not None and self._line and self.lasts(self._inside) >= self._seconds:
                self._inside.over = True
                self._inside = None
            if self._inside is None:
                self._admit_next()

    def lasts(self, turn: Turn) -> float:
        """Seconds since it came."""
        return self._now() - turn.began

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._line)

    def _admit_next(self) -> None:
        if self._line:
            turn = self._line.popleft()
            self._admit(turn)
            turn.wake()

    def _admit(self, turn: Turn) -> None:
        self._inside, turn.admitted, turn.began = turn, True, self._now()
