"""Times: microseconds since 1970 in the log, RFC 3339 in UTC on the wire. Nothing is rounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, overload

from msgspec import Meta

Moment = Annotated[datetime, Meta(tz=True)]  # of a request: one without a time zone is refused

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@overload
def moment_of(time: int) -> datetime: ...
@overload
def moment_of(time: None) -> None: ...
@overload
def moment_of(time: int | None) -> datetime | None: ...


def moment_of(time: int | None) -> datetime | None:
    """A time of the log, for the wire."""
    return _EPOCH + time * _MICROSECOND if time is not None else None


@overload
def time_of(moment: datetime) -> int: ...
@overload
def time_of(moment: None) -> None: ...
@overload
def time_of(moment: datetime | None) -> int | None: ...


def time_of(moment: datetime | None) -> int | None:
    """A time of the wire, for the log."""
    return (moment - _EPOCH) // _MICROSECOND if moment is not None else None
