"""Dates, as they are written in many countries: 2026-03-12, 12.03.2026, 3/12/26, 12. März 2026, Mar 12th, 2026."""

import datetime as dt
import re
from dataclasses import dataclass

from finance.words import MONTHS, fold

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_YEAR = r"(?P<year>(?:19|20)\d\d|'?\d\d(?!\d))"
_FORMS = [
    re.compile(form)
    for form in (
        r"(?<![\d.,/-])(?P<year>(?:19|20)\d\d)[-/.年] ?(?P<month>\d{1,2})[-/.月] ?(?P<day>\d{1,2})(?![\d/]|-\d)",
        r"(?<![\d.,/-])(?P<first>\d{1,2})(?P<mark>[./-]) ?(?P<second>\d{1,2})(?P=mark) ?(?P<year>(?:19|20)\d\d|\d\d)(?![\d/]|[.,-]\d)",
        rf"(?<![\d.,])(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th|er|o)?[ /-]*(?:de |of )?(?P<name>{_MONTH})[.,]?[ /-]*(?:de |del )?{_YEAR}(?![\d:])",
        rf"(?<![a-z])(?P<name>{_MONTH})\.? +(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? +{_YEAR}(?![\d:])",
    )
]


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
    """Which of the two dates is meant, and whether that is certain: by the document's own habit, else by the mail's date."""
    if found.other is None or month_first is not None:
        return (found.other if found.other and month_first else found.value), True
    if near is not None:
        days = [abs((near - one).days) + (400 if (one - near).days > 7 else 0) for one in (found.value, found.other)]
        if abs(days[0] - days[1]) > 20:
            return (found.value, found.other)[days[1] < days[0]], min(days) < 15
    return found.value, False


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
