"""Dates in texts, and spans of time in questions."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure_sdk.reading.dates import dates_in, settled, span_in

_DAYS = st.dates(dt.date(2000, 1, 1), dt.date(2069, 12, 31))
_FRENCH = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
]
_FORMS = ["%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%B %d, %Y", "%d %b %Y", "%d-%b-%Y", "Date: %d.%m.%Y 14:05", "%Y/%m/%d"]
TODAY = dt.date(2026, 5, 20)


@given(_DAYS, st.sampled_from(_FORMS))
def test_a_date_is_read_as_it_was_written(day: dt.date, form: str) -> None:
    assert [found.value for found in dates_in(day.strftime(form))] == [day]


@given(_DAYS)
def test_a_date_in_french(day: dt.date) -> None:
    assert [found.value for found in dates_in(f"le {day.day} {_FRENCH[day.month - 1]} {day.year}")] == [day]


@given(_DAYS, st.booleans())
def test_slashes_mean_what_the_document_means(day: dt.date, month_first: bool) -> None:
    (found,) = dates_in(day.strftime("%m/%d/%Y" if month_first else "%d/%m/%Y"))
    assert settled(found, month_first=month_first, near=None)[0] == day


@given(st.text(max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    dates_in(text)
    span_in(text, TODAY)


def test_else_the_mails_date_decides() -> None:
    (found,) = dates_in("03/12/2026")
    assert settled(found, month_first=None, near=dt.date(2026, 3, 13)) == (dt.date(2026, 3, 12), True)
    assert settled(found, month_first=None, near=dt.date(2026, 12, 4)) == (dt.date(2026, 12, 3), True)
    assert settled(found, month_first=None, near=None) == (dt.date(2026, 12, 3), False)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("12. März 2026", "2026-03-12"),
        ("1er août 2025", "2025-08-01"),
        ("March 12th, 2026", "2026-03-12"),
        ("12 de marzo de 2026", "2026-03-12"),
        ("Sept. 3, 2025", "2025-09-03"),
        ("12MAR26", "2026-03-12"),
        ("2026年3月12日", "2026-03-12"),
    ],
)
def test_other_ways(text: str, day: str) -> None:
    assert [str(found.value) for found in dates_in(text)] == [day]


@pytest.mark.parametrize("text", ["31.02.2026", "10.11.12.13", "1.50 2.50", "99/99/2026", "page 3/4"])
def test_what_is_no_date(text: str) -> None:
    assert dates_in(text) == []


@pytest.mark.parametrize(
    ("question", "first", "before", "rest"),
    [
        ("coffee last quarter", "2026-01-01", "2026-04-01", "coffee"),
        ("Kaffee letztes Quartal", "2026-01-01", "2026-04-01", "kaffee"),
        ("hotels this year", "2026-01-01", "2027-01-01", "hotels"),
        ("l'année dernière taxis", "2025-01-01", "2026-01-01", "taxis"),
        ("last 3 months", "2026-02-01", "2026-05-01", ""),
        ("last week", "2026-05-11", "2026-05-18", ""),
        ("train in March", "2026-03-01", "2026-04-01", "train in"),
        ("Züge im Dezember", "2025-12-01", "2026-01-01", "zuge im"),
        ("books in March 2024", "2024-03-01", "2024-04-01", "books in"),
        ("Q3 2025 rent", "2025-07-01", "2025-10-01", "rent"),
        ("2025", "2025-01-01", "2026-01-01", ""),
    ],
)
def test_spans_of_time(question: str, first: str, before: str, rest: str) -> None:
    found = span_in(question, TODAY)
    assert (str(found[0]), str(found[1]), found[2]) == (first, before, rest)


def test_a_question_without_a_time() -> None:
    assert span_in("Coffee", TODAY) == (None, None, "coffee")
