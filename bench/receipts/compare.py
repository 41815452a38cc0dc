"""Holds what was found against the labels: pure, and the rules of docs/finance.md in code."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from bench.receipts.labels import Label, LineItem, Message
from bench.receipts.purchase import plain

FIELDS: Final = ("total", "date", "currency", "vendor", "invoice_number", "tax", "kind")
_ALIKE: Final = 0.85  # of two names that are one: a letter or two that were misread
_ITEMS_ALIKE: Final = 0.6
_LEGAL_FORMS: Final = frozenset(
    {"inc", "llc", "ltd", "limited", "plc", "llp", "pty", "gmbh", "ag", "ug", "kg", "co", "gbr", "ek", "sarl", "sas"}
    | {"sa", "sl", "srl", "spa", "snc", "bv", "nv", "sdn", "bhd"}
)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt that was found: its sidecar ``receipt.json``, and the message that it is of."""

    message_id: str
    name: str
    receipt: dict[str, Any]

    def value(self, field: str) -> str | None:
        """What was found of a field, None for nothing."""
        if field == "kind":
            return self.receipt.get("kind")
        found: str | None = (self.receipt.get(field) or {}).get("value")
        return found

    def confidence(self, field: str) -> float:
        """How sure the finder is of a field, 0 to 1."""
        return float((self.receipt.get(field) or {}).get("confidence") or 0)


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled document. ``found`` is None if it was missed, and then no field is right."""

    message: Message
    label: Label
    found: Found | None
    right: dict[str, bool]
    items: tuple[int, int, int]
    """Lines that are right, that were found, that there are."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. ``invented`` are receipts that no label has: of other mails, or more than a message has."""

    messages: tuple[Message, ...]
    judged: tuple[Judged, ...]
    invented: tuple[tuple[Message, Found], ...]

    @property
    def detected(self) -> int:
        """Labelled documents that were found."""
        return sum(one.found is not None for one in self.judged)


def compare(messages: Sequence[Message], found: Iterable[Found]) -> Comparison:
    """Each label with the receipt of its message that fits best; a receipt counts once.

    Raises:
        ValueError: a receipt is of no message that was given.
    """
    by_message: dict[str, list[Found]] = {message.message_id.strip("<>"): [] for message in messages}
    for one in found:
        key = one.message_id.strip("<>")
        if key not in by_message:
            raise ValueError(f"{one.name} is of {one.message_id}, which is no message of the set")
        by_message[key].append(one)
    judged: list[Judged] = []
    invented: list[tuple[Message, Found]] = []
    for message in messages:
        here = by_message[message.message_id.strip("<>")]
        pairs = _paired(message.labels, here)
        judged += [judge(message, label, pair) for label, pair in zip(message.labels, pairs, strict=True)]
        taken = {id(pair) for pair in pairs if pair is not None}
        invented += [(message, one) for one in here if id(one) not in taken]
    return Comparison(messages=tuple(messages), judged=tuple(judged), invented=tuple(invented))


def _paired(labels: Sequence[Label], found: Sequence[Found]) -> list[Found | None]:
    """Which found receipt stands for which label: the assignment with most fields right."""
    padded: list[Found | None] = [*found, *[None] * max(0, len(labels) - len(found))]
    best: tuple[int, list[Found | None]] = (-1, [None] * len(labels))
    for order in itertools.permutations(padded, len(labels)):
        score = sum(1 + sum(rights(label, one).values()) for label, one in zip(labels, order, strict=True) if one)
        if score > best[0]:
            best = (score, list(order))
    return best[1]


def judge(message: Message, label: Label, found: Found | None) -> Judged:
    """One document."""
    if found is None:
        return Judged(
            message=message,
            label=label,
            found=None,
            right=dict.fromkeys(FIELDS, False),
            items=(0, 0, len(label.items)),
        )
    return Judged(
        message=message, label=label, found=found, right=rights(label, found), items=right_items(label.items, found)
    )


def rights(label: Label, found: Found) -> dict[str, bool]:
    """Which fields are right."""
    return {
        "total": same_amount(label.total, found.value("total")),
        "date": label.date == found.value("date"),
        "currency": label.currency == found.value("currency"),
        "vendor": any(same_name(name, found.value("vendor")) for name in (label.vendor, *label.vendor_also)),
        "invoice_number": same_number(label, found.value("invoice_number")),
        "tax": same_amount(label.tax, found.value("tax")),
        "kind": label.kind == found.value("kind"),
    }


def same_amount(expected: str | None, came: str | None) -> bool:
    """To the cent, with the sign; nothing where nothing is stated."""
    if expected is None or came is None:
        return expected is came
    try:
        return Decimal(expected) == Decimal(came)
    except InvalidOperation:
        return False


def same_number(label: Label, came: str | None) -> bool:
    """Exactly, but for spaces and the case of letters; an order's number will do where there is no other."""

    def bare(text: str) -> str:
        return "".join(text.split()).casefold()

    if label.invoice_number is None:
        return came is None or bare(came) in {bare(other) for other in label.invoice_number_also}
    return came is not None and bare(came) in {bare(one) for one in (label.invoice_number, *label.invoice_number_also)}


def same_name(expected: str, came: str | None) -> bool:
    """Without accents, case and legal forms; a letter or two may be misread, and a word or two may stand beside."""
    if not came:
        return False
    one, other = _bare_name(expected), _bare_name(came)
    if not one or not other:
        return False
    if difflib.SequenceMatcher(None, " ".join(one), " ".join(other)).ratio() >= _ALIKE:
        return True
    return set(one) <= set(other) and len(other) <= len(one) + 2


def _bare_name(text: str) -> list[str]:
    return [word for word in plain(text).split() if word not in _LEGAL_FORMS]


def right_items(expected: Sequence[LineItem], found: Found) -> tuple[int, int, int]:
    """Lines with the right amount and a description that is like the label's: right, found, expected."""
    came: list[Mapping[str, Any]] = list(found.receipt.get("items") or ())
    left = list(came)
    right = 0
    for item in expected:
        for one in left:
            words = plain(str(one.get("description") or ""))
            alike = difflib.SequenceMatcher(None, plain(item.description), words).ratio()
            # The lines of a credit note are printed with a minus, or without.
            amount = str(one.get("amount") or "").lstrip("-")
            if same_amount(item.amount.lstrip("-"), amount or None) and alike >= _ITEMS_ALIKE:
                left.remove(one)
                right += 1
                break
    return right, len(came), len(expected)
