"""The lines under a table, as every layout needs them: subtotal, discount, tax, total, and what was paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from bench.receipts.purchase import Purchase, Tax, Voice

Role: TypeAlias = Literal["subtotal", "discount", "shipping", "tax", "tip", "rounding", "total", "paid", "balance"]


class Sum(msgspec.Struct, frozen=True):
    """One line, before it is written."""

    role: Role
    words: str
    amount: Decimal


def sums(voice: Voice, bought: Purchase) -> list[Sum]:
    """In the order in which they stand. Tax that prices have in them comes below the total, as a rule."""
    found = []
    if not bought.inclusive or bought.discount or bought.shipping or bought.tip or voice.draw.random() < 0.3:
        # The first of the words is true of prices with the tax in them, too; the others say that it is not in them.
        words = voice.say("subtotal")
        found.append(
            Sum("subtotal", voice.words["terms"]["subtotal"][0] if bought.inclusive else words, bought.subtotal)
        )
    if bought.discount:
        found.append(Sum("discount", voice.say("discount"), -bought.discount))
    if bought.shipping:
        found.append(Sum("shipping", voice.say("shipping"), bought.shipping))
    taxes = [Sum("tax", tax_words(voice, bought, tax), tax.amount) for tax in bought.taxes]
    if not bought.inclusive or voice.draw.random() < 0.25:
        found += taxes
        taxes = []
    if bought.tip:
        found.append(Sum("tip", voice.say("tip"), bought.tip))
    if bought.rounding:
        found.append(Sum("rounding", voice.say("rounding"), bought.rounding))
    found.append(Sum("total", voice.say("total"), bought.total))
    return found + taxes


def tax_words(voice: Voice, bought: Purchase, tax: Tax) -> str:
    """``incl. VAT 20% on 41.67``."""
    style = voice.style
    text = f"{style.tax} {style.percent(tax.rate)}"
    if bought.inclusive:
        text = f"{voice.say('included')} {text}"
    if len(bought.taxes) > 1 or voice.draw.random() < 0.3:
        text += f" {voice.say('net_of')} {style.number(tax.net)}"
    return text


def paid_lines(voice: Voice, bought: Purchase) -> list[Sum]:
    """What was given and what came back, or the card; for what is paid on the spot."""
    if bought.tendered is None:
        return [Sum("paid", voice.say("card"), bought.total)]
    return [
        Sum("paid", voice.say("cash"), bought.tendered),
        Sum("paid", voice.say("change"), bought.tendered - bought.total),
    ]


def settled_lines(voice: Voice, bought: Purchase) -> list[Sum]:
    """What a document says that was paid before it came: nothing is due, and still something was bought."""
    return [
        Sum("paid", voice.say("paid"), -bought.total),
        Sum("balance", voice.say("balance"), Decimal()),
    ]


def title(voice: Voice, bought: Purchase) -> str:
    """``Invoice``, in the document's language."""
    return voice.say({"invoice": "invoice", "receipt": "receipt", "credit_note": "credit"}[bought.kind])


def number_words(voice: Voice, bought: Purchase) -> str:
    """``Invoice No.``"""
    return voice.say(
        {"invoice": "number", "receipt": "receipt_number", "credit_note": "credit_number"}[bought.kind],
    )


def quantity(voice: Voice, value: Decimal) -> str:
    """``2``; what is weighed, ``0,482``."""
    return voice.style.number(value, 3) if value % 1 else format(value.normalize(), "f")
