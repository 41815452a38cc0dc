"""Amounts in texts: every way to write one gives it back; what is no amount is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure_sdk.reading.amounts import amounts_in, parsed, repaired

_CENTS = st.integers(0, 10**9 - 1)
_STYLES = [(",", "."), (".", ","), ("'", "."), ("’", "."), ("\u00a0", ","), ("\u202f", ","), ("", "."), ("", ",")]  # noqa: RUF001  # what documents have
_SIGNS = [
    "{}",
    "€ {}",
    "{} €",
    "EUR {}",
    "{}EUR",
    "${}",
    "CHF {}",
    "£{}",
    "US${}",
    "{} kr",
    "Total: {}",
    "Total {} A",
    "*{}",
]


def _written(cents: int, thousands: str, mark: str) -> str:
    whole = f"{cents // 100:,}".replace(",", thousands)
    return f"{whole}{mark}{cents % 100:02}"


@given(_CENTS, st.sampled_from(_STYLES), st.sampled_from(_SIGNS))
def test_an_amount_is_read_as_it_was_written(cents: int, style: tuple[str, str], sign: str) -> None:
    text = sign.format(_written(cents, *style))
    (found,) = amounts_in(text)
    assert (found.value, found.cents) == (Decimal(cents) / 100, True)


@given(_CENTS, st.sampled_from(_STYLES))
def test_what_was_written_is_parsed(cents: int, style: tuple[str, str]) -> None:
    assert parsed(_written(cents, *style)) == (Decimal(cents) / 100, True)


@given(st.text(max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    for amount in amounts_in(text, spaces=True):
        assert 0 <= amount.start < amount.end <= len(text)
    repaired(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("2 x 3,50  7,00 A", ["2.00", "3.50", "7.00"]),
        ("3x2.50", ["3.00", "2.50"]),
        ("-5.00", ["-5.00"]),
        ("(5.00)", ["-5.00"]),
        ("5,00-", ["-5.00"]),
        ("-€5.00", ["-5.00"]),
        ("€-5.00", ["-5.00"]),
        ("Coffee - 3.50", ["3.50"]),
        ("CHF 12.-", ["12.00"]),
        ("12,-- €", ["12.00"]),
        ("1,23,456.00", ["123456.00"]),
        ("0,532 kg x 1,99 EUR/kg  1,06", ["1.99", "1.06"]),
        ("19 % 3,99", ["3.99"]),
        ("12.03.2026 14:05", []),
        ("RE-2026-00012", []),
        ("10.0.0.1", []),
        ("12.50kg", []),
    ],
)
def test_amounts_of_a_line(text: str, values: list[str]) -> None:
    assert [str(amount.value) for amount in amounts_in(text)] == values


def test_a_space_between_thousands_where_that_is_the_habit() -> None:
    assert [str(one.value) for one in amounts_in("Total 1 234,56 €", spaces=True)] == ["1234.56"]
    assert [str(one.value) for one in amounts_in("Total 1 234,56 €")] == ["1.00", "234.56"]


@pytest.mark.parametrize(
    ("text", "currency"),
    [("€ 5.00", "EUR"), ("5,00 SFr.", "CHF"), ("A$5.00", "AUD"), ("$5", "USD"), ("5,00 zł", "PLN"), ("aft 5.00", "")],
)
def test_currencies(text: str, currency: str) -> None:
    assert [amount.currency for amount in amounts_in(text)] == [currency]


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("TOTAL l2.5O", "TOTAL 12.50"),
        ("Sum S.99 EUR", "Sum 5.99 EUR"),
        ("12. 50", "12.50"),
        ("12 ,50 €", "12,50 €"),
        ("12;50 €", "12,50 €"),
        ("am 12. 03. 2026", "am 12. 03. 2026"),
        ("12/O3/2026", "12/03/2026"),
        ("No. 10 Downing St", "No. 10 Downing St"),
    ],
)
def test_what_was_misread_is_put_right_where_that_is_certain(read: str, meant: str) -> None:
    assert repaired(read) == meant
