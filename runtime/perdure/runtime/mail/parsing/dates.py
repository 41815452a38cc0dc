"""Dates of every kind that mail programs write. Pure; never fails."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COMMENT: Final = re.compile(r"\([^()]*\)")
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)?")
_NUMBERS: Final = re.compile(r"(\d{4})[/.](\d\d?)[/.](\d\d?)(?: (\d\d?):(\d\d)(?::(\d\d))?)?")
_MAX_OFFSET: Final = 24 * 3600  # seconds; more is no time zone


def unix_microseconds(value: str) -> int | None:
    """The time that a date header gives, in microseconds since 1970; None if it gives none.

    RFC 5322 and what came before it, with comments, missing zones (taken for UTC) and two digits of a year; ISO 8601.
    """
    text = _COMMENT.sub(" ", value[:200])
    text = " ".join(text.replace("\x00", " ").replace("GMT+", "+").replace("UTC+", "+").split())
    moment = _rfc(text) or _iso(text) or _numbers(text)
    if moment is None or not 1970 <= moment.year < 2200:
        return None
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _rfc(text: str) -> datetime | None:
    try:
        parsed = parsedate_tz(text)
        if parsed is None:
            return None
        offset = parsed[9] or 0
        zone = timezone(timedelta(seconds=offset)) if abs(offset) < _MAX_OFFSET else UTC
        return datetime(*parsed[:5], min(parsed[5], 59), tzinfo=zone).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _iso(text: str) -> datetime | None:
    match = _ISO.search(text)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(match[0].replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _numbers(text: str) -> datetime | None:
    match = _NUMBERS.search(text)
    if match is None:
        return None
    try:
        return datetime(*(int(part or 0) for part in match.groups()), tzinfo=UTC)  # type: ignore[arg-type, misc] # six
    except ValueError:
        return None
