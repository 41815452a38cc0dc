"""How long after a wrong passphrase the next one is looked at: pure, without a clock."""

from __future__ import annotations

from typing import Final

_FREE: Final = 2  # wrong ones in a row that cost nothing: everybody mistypes
_FIRST: Final = 1.0  # seconds
_MOST: Final = 300.0


class Throttle:
    """The wrong tries of one passphrase in a row. Times are seconds of a monotonic clock.

    It slows down who asks through this process. Who has the files asks nobody; against that the derivation is slow.
    """

    def __init__(self) -> None:
        self.wrong = 0
        self._until = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until the next try is looked at; 0 if it is now."""
        return max(0.0, self._until - now)

    def failed(self, now: float) -> None:
        """One was wrong: 1 s after the third in a row, twice as long after each more, at most five minutes."""
        self.wrong += 1
        if self.wrong > _FREE:
            self._until = now + min(_FIRST * 2.0 ** min(self.wrong - _FREE - 1, 60), _MOST)

    def succeeded(self) -> None:
        """One was right."""
        self.wrong = 0
        self._until = float("-inf")
