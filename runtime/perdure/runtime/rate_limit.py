"""The rate limit of one extension: pure, exact, in constant time and space."""

from __future__ import annotations

from typing import Final

import msgspec

_MINUTE_US: Final = 60_000_000


class Decision(msgspec.Struct, frozen=True):
    """What a limiter decided.

    ``retry_after_ms`` is 0 for a request that is allowed. For another it is the time, rounded up, after which one will
    be, if no one else asks before. ``remaining`` counts the requests that would be allowed at this moment.
    """

    allowed: bool
    retry_after_ms: int
    remaining: int


class RateLimiter:
    """A bucket of ``limit`` tokens that is full at first and gets ``limit`` more a minute, evenly; a request takes one.

    So ``limit`` requests may come at once, and in any stretch of time at most ``limit`` more than its share. A request
    that is refused takes nothing.

    The bucket is kept as the moment when it will be full again (the generic cell rate algorithm), in microseconds
    times ``limit``: one token is then exactly a minute, and nothing is ever rounded.

    Not thread-safe. Times are monotonic seconds; one that lies before an earlier one counts as that one.

    Raises:
        ValueError: the limit is less than 1.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"a rate limit must be at least 1 request a minute, not {limit}")
        self._limit = limit
        self._now: int | None = None
        self._full_at = 0

    @property
    def limit(self) -> int:
        """Requests a minute."""
        return self._limit

    def decide(self, now: float) -> Decision:
        """Decide on a request at ``now``, and count it if it is allowed."""
        self._now = now_scaled = self._scaled(now)
        # How much is missing from a full bucket, in the scaled time that it takes to fill it up.
        missing = max(0, self._full_at - now_scaled)
        too_much = missing + _MINUTE_US - self._limit * _MINUTE_US
        if too_much > 0:
            # One more than needed before rounding up: the caller's sum of seconds may come out a microsecond short.
            wait_us = -(-too_much // self._limit) + 1
            return Decision(False, -(-wait_us // 1000), 0)
        self._full_at = now_scaled + missing + _MINUTE_US
        return Decision(True, 0, -too_much // _MINUTE_US)

    def remaining(self, now: float) -> int:
        """How many requests would be allowed at ``now``; counts nothing."""
        missing = max(0, self._full_at - self._scaled(now))
        return self._limit - -(-missing // _MINUTE_US)

    def _scaled(self, now: float) -> int:
        scaled = round(now * 1_000_000) * self._limit
        return scaled if self._now is None else max(self._now, scaled)
