"""How long to wait before the next try: exponential, with jitter, without a clock.

``delay(n) = min(initial * factor**(n-1), maximum)``, spread evenly over ``± jitter`` of itself, so that many that fail
together do not come back together ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

from typing import Final

import msgspec

from perdure.store.events import RetryPolicy


class Backoff(msgspec.Struct, frozen=True):
    """Delays in milliseconds; ``jitter`` is a fraction of the delay."""

    initial_ms: int
    factor: float
    maximum_ms: int
    jitter: float

    def delay_ms(self, failures: int, random: float) -> int:
        """The wait after ``failures`` (1 or more) failures; ``random`` is drawn from [0, 1)."""
        # The exponent is bounded so that a job which fails for weeks does not overflow a float.
        base = min(self.initial_ms * self.factor ** min(failures - 1, 64), float(self.maximum_ms))
        return max(0, round(base * (1 + self.jitter * (2 * random - 1))))


# Between the runs of an action whose effects met others': a commit takes a millisecond, so that is the measure. Without
# it those who lost would meet again in the next commit, and of a hundred one would win.
CONTENTION: Final = Backoff(initial_ms=1, factor=2.0, maximum_ms=128, jitter=1.0)


def backoff_of(policy: RetryPolicy) -> Backoff:
    """The back-off a dispatcher asked for."""
    return Backoff(policy.initial_ms, policy.factor, policy.maximum_ms, policy.jitter)
