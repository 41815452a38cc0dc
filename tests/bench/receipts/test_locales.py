"""Numbers, amounts and dates as a country writes them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec
import pytest
from bench.receipts.locales import COUNTRIES, Style, cents, words_of, written_date

_STYLE = Style(country=COUNTRIES["DE"], decimal=",", thousands=".", sign="{} €", date="%d.%m.%Y", tax="MwSt.")


def test_amounts() -> None:
    assert _STYLE.money(Decimal("1234.5")) == "1.234,50 €"
    assert _STYLE.money(Decimal("-0.99")) == "-0,99 €"
    swiss = msgspec.structs.replace(_STYLE, decimal=".", thousands="'", sign="CHF {}")
    assert swiss.money(Decimal("1234567.05")) == "CHF 1'234'567.05"


def test_percents() -> None:
    assert _STYLE.percent(Decimal("19")) == "19 %"
    assert _STYLE.percent(Decimal("8.10")) == "8,1 %"


@pytest.mark.parametrize(
    ("form", "language", "written"),
    [
        ("%d.%m.%Y", "de", "05.03.2026"),
        ("%-d. %B %Y", "de", "5. März 2026"),
        ("%B %-d, %Y", "en", "March 5, 2026"),
        ("%m/%d/%y", "en", "03/05/26"),
        ("%-d %B %Y", "fr", "5 mars 2026"),
        ("%-d de %B de %Y", "es", "5 de marzo de 2026"),
        ("%-d.%-m.%Y", "de", "5.3.2026"),
    ],
)
def test_dates(form: str, language: str, written: str) -> None:
    assert written_date(dt.date(2026, 3, 5), form, language) == written


def test_halves_are_rounded_away_from_nothing() -> None:
    assert [cents(Decimal(text)) for text in ("0.125", "0.135", "-0.125")] == [
        Decimal("0.13"),
        Decimal("0.14"),
        Decimal("-0.13"),
    ]


def test_every_language_has_the_same_terms_and_trades() -> None:
    english = words_of("en")
    for country in COUNTRIES.values():
        words = words_of(country.language)
        assert words.keys() == english.keys()
        for part in ("terms", "vendors", "items"):
            assert words[part].keys() == english[part].keys()
        assert words["cities"][country.code]
        assert len(words["months"]) == len(words["short_months"]) == 12
