"""Lines, labels, replies, forwarded mails and the fields of documents."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure_sdk.reading.document import Document
from perdure_sdk.reading.lines import Labels, labelled, lines_of_text
from perdure_sdk.reading.replies import forwarded, own_text
from perdure_sdk.reading.words import fold, language_of
from perdure_sdk.tables import csv_text, sums

LABELS = Labels(
    [{"kind": "tax", "score": 0, "words": ["vat"]}, {"kind": "total", "score": 3, "words": ["total", "summe"]}]
)


def _document(text: str, part: str = "body", **mail: object) -> Document:
    return Document(part, lines_of_text(text), LABELS, **mail)  # type: ignore[arg-type]


def test_words_before_an_amount_say_what_it_is() -> None:
    lines = labelled(lines_of_text("Tea 2.00\n\nVAT 20%  0.33\nTotal\n2.00\nT0tal 5.00  6.00"), LABELS)
    assert [[(str(one.value), kind) for one, kind, _ in line.amounts] for line in lines] == [
        [("2.00", "")],
        [("0.33", "tax")],
        [],
        [("2.00", "total")],
        [("5.00", "total"), ("6.00", "total")],
    ]
    assert lines[3].place == {"page": 1, "line": 5, "text": "2.00"}


def test_fields_of_a_document() -> None:
    text = "Muster GmbH\nWeg 1\n\nRechnungsnr.  Datum  Kunde\nRE-17  12.03.2026  99\nFällig: 26.03.2026\nSumme 5,00 €"
    doc = _document(text, sender="Muster GmbH", domain="muster.de", sent=dt.date(2026, 3, 12))
    assert doc.issuer()["value"] == "Muster GmbH"
    assert doc.date()["value"] == "2026-03-12"
    assert doc.number()["value"] == "RE-17"
    assert doc.currency(None)["value"] == "EUR"
    assert doc.number()["source"] == {"part": "body", "page": 1, "line": 4, "text": "Rechnungsnr.  Datum  Kunde"}


@pytest.mark.parametrize(
    ("text", "code"),
    [("$5.00\nABN 51 824 753 556", "AUD"), ("$5.00", "USD"), ("5.00 kr\nOslo, Norge", "NOK"), ("5.00\nTWINT", "CHF")],
)
def test_a_sign_of_several_currencies(text: str, code: str) -> None:
    assert _document(text).currency(None)["value"] == code


@given(st.text(max_size=300), st.text(max_size=30))
def test_no_text_is_too_strange(text: str, name: str) -> None:
    doc = _document(text, sender=name, domain=name)
    for field in (doc.issuer(), doc.date(), doc.number(), doc.currency(None)):
        assert 0 <= field["confidence"] <= 1
    own_text(text)
    forwarded(text, name)
    language_of(text)


@pytest.mark.parametrize(
    "quoted",
    [
        "On Thu, 12 Mar 2026 at 10:00, Ada <a@b.example> wrote:\n> Total 5.00",
        "Am 12.03.2026 um 10:00 schrieb Ada:\n> Summe 5,00",
        "Le jeu. 12 mars 2026 à 10:00, Ada <a@b.example> a écrit :\n> Total",
        "-----Original Message-----\nFrom: Ada\nSent: today\nTotal 5.00",
        "From: Ada <a@b.example>\nSent: Thursday\nTo: Bob\nSubject: Receipt\n\nTotal 5.00",
        "> Total 5.00",
    ],
)
def test_a_reply_is_what_was_written(quoted: str) -> None:
    assert own_text(f"Thanks a lot!\n\n{quoted}").strip() == "Thanks a lot!"
    assert own_text("Total 5.00\nnothing quoted") == "Total 5.00\nnothing quoted"


@pytest.mark.parametrize(
    ("before", "subject"),
    [
        ("---------- Forwarded message ---------\n", "receipt"),
        ("-------- Weitergeleitete Nachricht --------\n", "Beleg"),
        ("Begin forwarded message:\n\n", "x"),
        ("", "WG: receipt"),
    ],
)
def test_a_mail_that_is_passed_on(before: str, subject: str) -> None:
    text = f"see below\n\n{before}From: Shop Ltd <hi@shop.example>\nDate: 12 Mar 2026\nSubject: receipt\n\nTotal 5.00\n"
    found = forwarded(text, subject)
    assert found is not None
    assert (found.name, found.address, found.text.strip()) == ("Shop Ltd", "hi@shop.example", "Total 5.00")


def test_what_is_passed_on_by_nobody() -> None:
    assert forwarded("On Thu Ada wrote:\n> Total", "Re: receipt") is None
    assert forwarded("Total 5.00", "Fwd: receipt") is None


def test_languages() -> None:
    assert language_of("Vielen Dank für Ihre Bestellung, die Rechnung ist nicht dabei") == "deu"
    assert language_of("12.00") == ""
    assert fold("ÉTÉ Straße") == "ete strasse"


def test_a_table_is_no_formula() -> None:
    rows: list[dict[str, object]] = [{"a": "=1+1", "b": -5}, {"a": "-2+3", "b": None}, {"a": 'x,"y', "b": "-5.00"}]
    assert csv_text(["a", "b"], rows).splitlines() == ["a,b", "'=1+1,-5", "'-2+3,", '"x,""y",-5.00']


def test_sums_are_exact() -> None:
    rows: list[dict[str, object]] = [
        {"k": "x", "total": "0.10"},
        {"k": "x", "total": "0.20"},
        {"k": None, "total": None},
    ]
    assert sums(rows, "k") == [["?", "0"], ["x", "0.30"]]
