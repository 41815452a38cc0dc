"""What counts as right."""

from __future__ import annotations

from typing import Any

import pytest
from bench.receipts.compare import Found, compare, right_items, same_amount, same_name, same_number
from bench.receipts.labels import Label, LineItem, Message
from bench.receipts.tables import detection_table, field_table, miss_table, misses, sureness_table

_ITEMS = (
    LineItem(description="Flat white", quantity="2", unit_price="3.10", amount="6.20"),
    LineItem(description="Banana bread", quantity="1", unit_price="4.00", amount="4.00"),
)


def _label(**changes: Any) -> Label:
    fields: dict[str, Any] = {
        "kind": "receipt",
        "layout": "till",
        "language": "en",
        "arrival": "photo",
        "vendor": "Driftwood Coffee",
        "vendor_also": ("Driftwood Coffee Ltd",),
        "date": "2026-03-12",
        "total": "10.20",
        "tax": "1.70",
        "currency": "GBP",
        "invoice_number": "INV-000123",
        "items": _ITEMS,
    }
    return Label(**fields | changes)


def _message(name: str, *labels: Label) -> Message:
    return Message(
        id=name,
        split="dev",
        about="till",
        language="en",
        sender=("", "a@shop.example"),
        recipient=("", "b@home.example"),
        subject="Receipt",
        sent="2026-03-12T10:00:00",
        labels=labels,
    )


def _found(message: Message, **changes: Any) -> Found:
    values = {
        "vendor": "DRIFTWOOD COFFEE",
        "date": "2026-03-12",
        "total": "10.20",
        "tax": "1.7",
        "currency": "GBP",
        "invoice_number": "inv-000123",
    } | changes
    receipt: dict[str, Any] = {
        field: {"value": value, "confidence": 0.9, "source": {"part": "attachment:1", "line": 3, "text": f"x {value}"}}
        for field, value in values.items()
    }
    receipt["kind"] = "receipt"
    receipt["confidence"] = 0.9
    receipt["items"] = [{"description": "Flat whlte", "quantity": "2", "unit_price": "3.10", "amount": "6.20"}]
    return Found(message_id=message.message_id, name="x", receipt=receipt)


def test_all_right() -> None:
    message = _message("m1", _label())
    (judged,) = compare([message], [_found(message)]).judged
    assert all(judged.right.values())
    assert judged.items == (1, 1, 2)


@pytest.mark.parametrize("field", ["total", "date", "currency", "vendor", "invoice_number", "tax"])
def test_a_field_that_is_wrong_or_missing(field: str) -> None:
    message = _message("m1", _label())
    for value in ("9", None):
        (judged,) = compare([message], [_found(message, **{field: value})]).judged
        assert [name for name, right in judged.right.items() if not right] == [field]


def test_two_receipts_of_one_message_are_told_apart() -> None:
    one, two = _label(), _label(total="99.00", date="2026-03-13", vendor="Oakley Hardware", vendor_also=())
    message = _message("m1", one, two)
    found = [_found(message, total="99.00", date="2026-03-13", vendor="Oakley Hardware"), _found(message)]
    result = compare([message], found)
    assert [all(judged.right.values()) for judged in result.judged] == [True, True]
    assert not result.invented
    (first, second) = compare([message], found[:1]).judged
    assert first.found is None
    assert second.found is found[0]


def test_what_is_invented() -> None:
    message, other = _message("m1", _label()), _message("m2")
    result = compare([message, other], [_found(message), _found(message, total="1"), _found(other)])
    assert {one.id for one, _ in result.invented} == {"m1", "m2"}
    assert result.detected == 1
    table = detection_table("dev", result)
    assert "| documents | 2 | 1 | 1 | 0 | 2 | 0.333 | 1.000 |" in table
    assert "| messages | 2 | 1 | 1 | 0 | 1 | 0.500 | 1.000 |" in table


def test_a_receipt_of_no_message() -> None:
    with pytest.raises(ValueError, match="no message of the set"):
        compare([_message("m1")], [_found(_message("m3"))])


def test_amounts() -> None:
    assert same_amount("12.50", "12.5")
    assert same_amount(None, None)
    assert not same_amount("12.50", "-12.50")
    assert not same_amount("12.50", "12.49")
    assert not same_amount(None, "0.00")
    assert not same_amount("12.50", "twelve")


@pytest.mark.parametrize(
    ("expected", "came", "same"),
    [
        ("Café Müller", "CAFE MULLER GmbH", True),
        ("Driftwood Coffee", "Dr1ftwood Coffee", True),
        ("Hotel Krone", "Hotel Krone Berlin", True),
        ("Hotel Krone", "Rechnung von Hotel Krone in Berlin", False),
        ("Hotel Krone", "Hotel Bellevue", False),
        ("Hotel Krone", None, False),
        ("Hotel Krone", "GmbH", False),
    ],
)
def test_names(expected: str, came: str | None, same: bool) -> None:
    assert same_name(expected, came) is same


def test_numbers() -> None:
    assert same_number(_label(invoice_number="AB 12"), "ab12")
    assert not same_number(_label(), None)
    own = _label(invoice_number=None, invoice_number_also=("ORDER-7",))
    assert same_number(own, None)
    assert same_number(own, "order-7")
    assert not same_number(own, "8")


def test_items_count_once() -> None:
    line = {"description": "Flat white", "amount": "6.20"}
    found = Found(message_id="m", name="x", receipt={"items": [line, line, {"description": "?", "amount": None}]})
    assert right_items(_ITEMS[:1] * 3, found) == (2, 3, 3)


def test_the_tables_and_the_misses() -> None:
    message, lost = _message("m1", _label()), _message("m2", _label(language="de"))
    result = compare([message, lost], [_found(message, total="11.00")])
    table = field_table(result, "language", lambda judged: judged.label.language)
    assert (
        table.splitlines()[0]
        == "| language | documents | found | total | date | currency | vendor | number | tax | kind | items F1 |"
    )
    assert "| de | 1 | 0 | - | - | - | - | - | - | - | - |" in table
    assert "| all | 2 | 1 | 0.000 | 1.000 | 1.000 | 1.000 | 1.000 | 1.000 | 1.000 | 0.667 |" in table
    assert "| total | 1 | 0.000 | 0 | - |" in sureness_table(result)
    said = misses(result, lambda judged: "as read")
    assert "- total: expected `10.20`, came `11.00` (0.90) from attachment:1 line 3: 'x 11.00'" in said
    assert "- not found" in said
    assert "as read" in said
    assert "| m1 (en, photo) | total | 10.20 | 11.00 |" in miss_table(result)
    assert misses(compare([], [])) == "None.\n"
