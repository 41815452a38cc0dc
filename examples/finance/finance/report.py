"""What was spent: categories, sums, and a spreadsheet. Pure."""

import datetime as dt
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import xlsxwriter

from finance.extraction import WORDS
from perdure_sdk.reading.words import fold, pattern
from perdure_sdk.tables import sums

COLUMNS = ("date", "vendor", "category", "kind", "invoice_number", "total", "currency", "subject")
_CATEGORY = {name: pattern(words) for name, words in WORDS["category"].items()}
Row = Mapping[str, Any]


def category_of(text: str) -> str:
    """The category that most words speak for; empty if none does."""
    counts = {name: len(set(found.findall(fold(text)))) for name, found in _CATEGORY.items()}
    return max(counts, key=lambda name: counts[name]) if any(counts.values()) else ""


def converted(rows: Iterable[Row], base: str, rates: Mapping[str, float]) -> list[dict[str, Any]]:
    """The rows, those in the base currency that a rate is given for: what one unit of theirs is in it."""
    made = []
    for row in rows:
        total = Decimal(row["total"]) * Decimal(str(rates.get(row["currency"] or "", 1)))
        currency = base if row["currency"] in rates else row["currency"] or "no currency"
        made.append({**row, "total": f"{total:.2f}", "currency": currency})
    return made


def spreadsheet_of(rows: Sequence[Row], made: dt.datetime) -> bytes:
    """A workbook: months by category with a chart for each currency, vendors, categories, and the receipts."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": "Receipts", "created": made.replace(tzinfo=None)})
    money = book.add_format({"num_format": "#,##0.00"})
    for currency in sorted({row["currency"] for row in rows}):
        own = [row for row in rows if row["currency"] == currency]
        months, names = sorted({row["month"] for row in own}), sorted({row["category"] for row in own})
        table = {(month, name): float(value) for month, name, value in sums(own, "month", "category")}
        lines = [[month or "?", *(table.get((month or "?", name), 0.0) for name in names)] for month in months]
        sheet = _sheet(book, f"{currency} by month", ["month", *names], lines, money)
        chart = book.add_chart({"type": "column", "subtype": "stacked"})
        for column in range(1, len(names) + 1):
            cells = {"name": [sheet.name, 0, column], "categories": [sheet.name, 1, 0, len(months), 0]}
            chart.add_series({**cells, "values": [sheet.name, 1, column, len(months), column]})
        chart.set_title({"name": f"Spent in {currency}"})
        sheet.insert_chart(len(months) + 2, 0, chart, {"x_scale": 1.4, "y_scale": 1.2})
    for by in ("vendor", "category"):
        lines = [[*names, float(value)] for *names, value in sums(rows, by, "currency")]
        _sheet(book, f"by {by}", [by, "currency", "total"], lines, money)
    lines = [[float(row[name]) if name == "total" else row[name] or "" for name in COLUMNS] for row in rows]
    _sheet(book, "receipts", COLUMNS, lines, money)
    book.close()
    return file.getvalue()


def _sheet(book: Any, title: str, head: Sequence[str], lines: Iterable[Sequence[Any]], money: Any) -> Any:
    sheet = book.add_worksheet(title)
    sheet.write_row(0, 0, head, book.add_format({"bold": True}))
    for number, line in enumerate(lines, 1):
        sheet.write_row(number, 0, line, money)
    sheet.set_column(0, len(head), 16)
    return sheet
