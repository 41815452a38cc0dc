"""Purchases add up to the cent, in every country."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from bench.receipts.corpus import LAYOUTS
from bench.receipts.labels import SPLITS
from bench.receipts.locales import COUNTRIES, cents
from bench.receipts.purchase import Voice, draw_iban, draw_purchase, plain
from hypothesis import given
from hypothesis import strategies as st


@given(
    st.integers(0, 10**9), st.sampled_from(sorted(COUNTRIES)), st.sampled_from(sorted(LAYOUTS)), st.sampled_from(SPLITS)
)
def test_the_total_is_the_sum_of_its_parts(seed: int, country: str, layout: str, split: str) -> None:
    voice = Voice(country, "dev" if split == "dev" else "held-back", Random(seed))
    bought = draw_purchase(voice, LAYOUTS[layout].wishes)
    for line in bought.lines:
        assert line.amount == cents(line.quantity * line.unit)
    tax = sum((one.amount for one in bought.taxes), Decimal())
    total = bought.subtotal - bought.discount + bought.shipping + bought.tip + bought.rounding
    assert bought.total == total + (0 if bought.inclusive else tax)
    assert bought.subtotal == sum(line.amount for line in bought.lines)
    for one in bought.taxes:
        assert abs(one.net * one.rate / 100 - one.amount) <= Decimal("0.02")
    assert bought.tendered is None or bought.tendered > bought.total > 0
    # Whoever states no tax has prices with the tax in them.
    assert bought.taxes or bought.inclusive


@given(st.integers(0, 10**9))
def test_an_iban_has_check_digits(seed: int) -> None:
    text = draw_iban("DE", Random(seed)).replace(" ", "")
    moved = text[4:] + text[:4]
    assert int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def test_vendors_are_of_one_split() -> None:
    names: dict[str, set[str]] = {"dev": set(), "held-back": set()}
    for split in SPLITS:
        for seed in range(300):
            for country in COUNTRIES:
                layout = LAYOUTS[sorted(LAYOUTS)[seed % len(LAYOUTS)]]
                names[split].add(draw_purchase(Voice(country, split, Random(seed)), layout.wishes).vendor.name)
    # Where a country has one vendor of a trade, it is in both.
    assert len(names["dev"] & names["held-back"]) <= 4
    assert len(names["dev"]) > 80


@pytest.mark.parametrize(
    ("text", "bare"), [("Café MÜLLER & Söhne, GmbH", "cafe muller sohne gmbh"), ("S.à r.l.", "sa rl")]
)
def test_plain(text: str, bare: str) -> None:
    assert plain(text) == bare
