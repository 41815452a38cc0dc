"""Dates, as they are written in many countries: 2026-03-12, 12.03.2026, 3/12/26, 12. März 2026, Mar 12th, 2026.

And spans of time, as people ask for them: last quarter, im März, l'année dernière, 2025.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from perdure_sdk.reading.words import WORDS, fold

MONTHS: Final = {word: int(number) for number, words in WORDS["month"].items() for word in words}
_MONTH: Final = "|".join(sorted(MONTHS, key=len, reverse=True))
_YEAR: Final = r"(?P<year>(?:19|20)\d\d|'?\d\d(?!\d))"
_NUMBERS: Final = r"(?<![\d.,/-])(?P<first>\d{1,2})(?P<mark>[./-]) ?(?P<second>\d{1,2})(?P=mark) ?"
_FORMS: Final = [
    re.compile(form)
    for form in (
        r"(?<![\d.,/-])(?P<year>(?:19|20)\d\d)[-/.年] ?(?P<month>\d{1,2})[-/.月] ?(?P<day>\d{1,2})(?![\d/]|-\d)",
        rf"{_NUMBERS}(?P<year>(?:19|20)\d\d|\d\d)(?![\d/]|[.,-]\d)",
        rf"(?<![\d.,])(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th|er|o)?[ /-]*(?:de |of )?(?P<name>{_MONTH})"
        rf"[.,]?[ /-]*(?:de |del )?{_YEAR}(?![\d:])",
        rf"(?<![a-z])(?P<name>{_MONTH})\.? +(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? +{_YEAR}(?![\d:])",
    )
]

_TIME: Final = {name: "|".join(words) for name, words in WORDS["time"].items()}
_UNITS: Final = ("week", "month", "quarter", "year")
_SPAN: Final = re.compile(
    rf"(?<![a-z])(?:(?P<last>{_TIME['last']})|{_TIME['this']}|l') ?(?:(?P<count>\d+) )?"
    rf"(?:{'|'.join(f'(?P<{unit}>{_TIME[unit]})' for unit in _UNITS)})(?: (?P<after>{_TIME['last']}))?(?![a-z])"
)
_LONG: Final = "|".join(
    sorted((word for word in MONTHS if len(word) > 3 or word in {"may", "mai"}), key=len, reverse=True)
)
_NAMED: Final = re.compile(
    rf"(?<![a-z])(?:(?P<name>{_LONG})(?![a-z])|[qt](?P<quarter>[1-4])(?!\d))? ?(?P<year>20\d\d)?(?!\d)"
)


@dataclass(frozen=True)
class Found:
    """A date in a text, from ``start`` to ``end``. ``other`` is what it is if the month stands before the day."""

    value: dt.date
    start: int
    end: int
    other: dt.date | None = None


def dates_in(text: str) -> list[Found]:
    """The dates of a line, in its order; where day and month could be either, the day is first."""
    found: list[Found] = []
    folded = fold(text)
    for form in _FORMS:
        for match in form.finditer(folded):
            parts = match.groupdict()
            year = int(parts["year"].lstrip("'"))
            year += 2000 if year < 100 else 0
            if "first" in parts:
                one, two = int(parts["first"]), int(parts["second"])
                value, other = _date(year, two, one), _date(year, one, two) if parts["mark"] != "." else None
                value, other = (value, other) if value else (other, None)
            else:
                month = MONTHS[parts["name"]] if "name" in parts else int(parts["month"])
                value, other = _date(year, month, int(parts["day"])), None
            if value and not any(old.start < match.end() and match.start() < old.end for old in found):
                found.append(Found(value, match.start(), match.end(), other if other != value else None))
    return sorted(found, key=lambda one: one.start)


def settled(found: Found, *, month_first: bool | None, near: dt.date | None) -> tuple[dt.date, bool]:
    """Which of two dates is meant, and whether that is certain: by the document's habit, else by the mail's date."""
    if found.other is None or month_first is not None:
        return (found.other if found.other and month_first else found.value), True
    if near is not None:
        days = [abs((near - one).days) + (400 if (one - near).days > 7 else 0) for one in (found.value, found.other)]
        if abs(days[0] - days[1]) > 20:
            return (found.value, found.other)[days[1] < days[0]], min(days) < 15
    return found.value, False


def span_in(text: str, today: dt.date) -> tuple[dt.date | None, dt.date | None, str]:
    """The time that a text speaks of: its first day, the day after its last, and the rest of the text, folded.

    ``last quarter`` is the one before today's, ``last 3 months`` are whole ones; a month without a year is the last one
    that has begun. Both days are None if the text speaks of no time.
    """
    folded = fold(text)
    if match := _SPAN.search(folded):
        unit = next(unit for unit in _UNITS if match[unit])
        back, count = bool(match["last"] or match["after"]), int(match["count"] or 1)
        if unit == "week":
            start = today - dt.timedelta(days=today.weekday())
            step = dt.timedelta(weeks=1)
            first, end = (start - step * count, start) if back else (start, start + step)
        else:
            months = {"month": 1, "quarter": 3, "year": 12}[unit]
            start = _months(today.replace(day=1), -((today.month - 1) % months))
            first, end = (_months(start, -months * count), start) if back else (start, _months(start, months))
        return first, end, f"{folded[: match.start()]} {folded[match.end() :]}".strip()
    for match in _NAMED.finditer(folded):
        if match["name"] or match["quarter"] or match["year"]:
            month = MONTHS[match["name"]] if match["name"] else int(match["quarter"] or 1) * 3 - 2
            year = int(match["year"] or today.year)
            if not match["year"] and dt.date(year, month, 1) > today:
                year -= 1
            first = dt.date(year, month, 1)
            end = _months(first, 1 if match["name"] else 3 if match["quarter"] else 12)
            return first, end, f"{folded[: match.start()]} {folded[match.end() :]}".strip()
    return None, None, folded


def _months(day: dt.date, count: int) -> dt.date:
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return dt.date(year, month + 1, 1)


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
