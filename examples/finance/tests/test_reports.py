"""Reports and answers."""

import datetime as dt
import io
import zipfile
from typing import Any

from finance import ask, report, scan
from finance.report import category_of, converted, spreadsheet_of
from library import World
from test_scan import MAILBOX, PAID, TALK

from perdure_sdk.testing import run_job

ROW: dict[str, Any] = {
    "date": "2026-03-01",
    "vendor": "=HYPERLINK()",
    "category": "software",
    "kind": "receipt",
    "invoice_number": None,
    "total": "10.00",
    "currency": "USD",
    "subject": "s",
    "month": "2026-03",
}


def _scanned() -> World:
    world = World(PAID, TALK, PAID | {"message_id": "<b>", "text": PAID["text"].replace("March", "January")})
    assert run_job(scan, {"mailbox": MAILBOX}, operations=world.operations).completed
    return world


def test_a_report() -> None:
    world = _scanned()
    result = run_job(report, {"base_currency": "EUR", "rates": {"USD": 0.5}}, operations=world.operations)
    assert result.completed
    assert result.state["receipts"] == 2
    assert result.state["month"] == [["2026-01", "EUR", "48.00"], ["2026-03", "EUR", "48.00"]]
    assert [entry["name"][-4:] for entry in world.entries if entry["kind"] == "report"] == ["xlsx", ".csv"]


def test_a_report_of_some_days() -> None:
    state = {"first": "2026-02-01", "before": "2026-04-01"}
    assert run_job(report, state, operations=_scanned().operations).state["vendor"] == [
        ["Linear Orbit, Inc.", "USD", "96.00"]
    ]


def test_a_question() -> None:
    world = _scanned()
    now = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    answer = run_job(ask, {"question": "linear last quarter"}, operations=world.operations, now=now).state
    assert (answer["from"], answer["before"], answer["totals"]) == ("2026-01-01", "2026-04-01", [["USD", "192.00"]])
    january = run_job(ask, {"question": "in January"}, operations=world.operations, now=now).state
    assert [match["date"] for match in january["matches"]] == ["2026-01-01"]


def test_what_a_person_forgets_is_named() -> None:
    error = run_job(ask, {}, operations=World().operations).error
    assert error is not None
    assert "question" in error.message
    error = run_job(report, {"rates": {"USD": "much"}}, operations=World().operations).error
    assert error is not None
    assert "rates" in error.message


def test_nothing_to_report() -> None:
    assert run_job(report, {}, operations=World().operations).state["receipts"] == 0
    assert run_job(ask, {"question": "coffee"}, operations=World().operations).state["matches"] == []


def test_a_spreadsheet_has_no_formulas_of_strangers() -> None:
    book = zipfile.ZipFile(io.BytesIO(spreadsheet_of([ROW], dt.datetime(2026, 1, 1, tzinfo=dt.UTC))))
    assert "xl/charts/chart1.xml" in book.namelist()
    assert all(b"<f>" not in book.read(name) for name in book.namelist() if "worksheets/sheet" in name)


def test_categories() -> None:
    assert category_of("Trattoria Roma: pizza, espresso") == "restaurants"
    assert category_of("Deutsche Bahn Fahrkarte, Zug nach Köln") == "travel"
    assert category_of("zzz") == ""


def test_rates_only_for_what_they_are_given() -> None:
    rows = converted([ROW, {**ROW, "currency": "CHF"}], "EUR", {"USD": 0.9})
    assert [(row["total"], row["currency"]) for row in rows] == [("9.00", "EUR"), ("10.00", "CHF")]
