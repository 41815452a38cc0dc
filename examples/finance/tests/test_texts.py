"""What is read of texts that are like those of real tills, programs and people."""

import datetime as dt

import pytest
from finance.detection import kind_of, probability
from finance.extraction import LABELS, extracted
from texts import OTHERS, RECEIPTS, Text

from perdure_sdk.reading.amounts import repaired
from perdure_sdk.reading.document import Document
from perdure_sdk.reading.lines import Line


def _document(one: Text) -> Document:
    lines = [Line(repaired(text) if one.scanned else text, 1, at) for at, text in enumerate(one.text.splitlines(), 1)]
    sent = dt.date.fromisoformat(one.sent) if one.sent else None
    part, domain = "attachment:2" if one.attached else "body", one.address.rpartition("@")[2]
    return Document(part, lines, LABELS, sender=one.sender, domain=domain, sent=sent)


@pytest.mark.parametrize("name", RECEIPTS)
def test_receipts_are_found_and_read(name: str) -> None:
    one = RECEIPTS[name]
    doc = _document(one)
    assert probability(doc, one.subject) > 0.5
    found = extracted(doc, credit=kind_of(doc, one.subject) == "credit_note")
    assert {field: found[field]["value"] for field in one.fields} == one.fields
    for field in one.fields:
        assert found[field]["confidence"] > 0.3
    if one.items:
        assert len(found["items"]) == one.items


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_receipt(name: str) -> None:
    assert probability(_document(OTHERS[name]), OTHERS[name].subject) < 0.7, "the model decides where words do not"


def test_the_place_of_a_field() -> None:
    found = extracted(_document(RECEIPTS["RESTAURANT_CH"]))
    assert found["total"]["source"] == {
        "part": "attachment:2",
        "page": 1,
        "line": 14,
        "text": "Total CHF            96.50",
    }
    item = {name: found["items"][0][name] for name in ("description", "quantity", "unit_price", "amount")}
    assert item == {"description": "Pizza Margherita", "quantity": "2", "unit_price": "19.50", "amount": "39.00"}


def test_kinds() -> None:
    kinds = {name: kind_of(_document(one), one.subject) for name, one in RECEIPTS.items()}
    assert {name for name, kind in kinds.items() if kind == "credit_note"} == {"CREDIT_GB"}
    assert {"HOSTING_DE", "CRAFT_FR", "SHOP_DE", "COLUMNS_US", "PAID_GB"} <= {
        name for name, kind in kinds.items() if kind == "invoice"
    }
    assert kinds["TILL_GB"] == kinds["RIDE"] == kinds["TILL_ES"] == "receipt"
