"""``query:clock.now``: the host's time. Its answer is recorded, so a guest that is run again is told the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import msgspec

from perdure.actors.clock import Clock
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import query

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class AskTime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


class TimeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The wall clock: ``unix_ns`` is nanoseconds since 1970, exact to the microsecond; ``utc`` the same in ISO 8601."""

    unix_ns: int
    utc: str


class ClockOperations:
    """The handler, on a clock; this one may jump, as wall clocks do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @query("clock.now", scope="core")
    def now(self, context: CallContext, request: AskTime) -> TimeAnswer:
        """What time it is on the host."""
        microseconds = self._clock.now()
        utc = (_EPOCH + dt.timedelta(microseconds=microseconds)).replace(tzinfo=None)
        return TimeAnswer(unix_ns=microseconds * 1_000, utc=f"{utc.isoformat(timespec='microseconds')}Z")


def clock_operations(clock: Clock) -> tuple[Callable[..., Any], ...]:
    """The operations, ready to be registered."""
    return (ClockOperations(clock).now,)
