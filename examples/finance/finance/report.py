"""What was spent: sums by month, category and vendor, as CSV and as a spreadsheet; periods and categories by their words. Pure."""

import csv
import datetime as dt
import io
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import xlsxwriter

from finance.words import MONTHS, WORDS, fold, pattern

COLUMNS = ("date", "vendor", "category", "kind", "invoice_number", "total", "currency", "subject")
CATEGORIES: dict[str, list[str]] = WORDS["category"]
_CATEGORY = {name: pattern(words) for name, words in CATEGORIES.items()}
_TIME = {name: "|".join(words) for name, words in WORDS["time"].items()}
_SPAN = re.compile(rf"(?<![a-z])(?:(?P<last>{_TIME['last']})|{_TIME['this']}) (?:(?P<count>\d+) )?(?:(?P<week>{_TIME['week']})|(?P<month>{_TIME['month']})|(?P<quarter>{_TIME['quarter']})|(?P<year>{_TIME['year']}))(?: (?P<after>{_TIME['last']}))?(?![a-z])")
_NAMED = re.compile(rf"(?<![a-z])(?:(?P<name>{'|'.join(sorted((word for word in MONTHS if len(word) > 3 or word == 'may'), key=len, reverse=True))})(?![a-z])|q(?P<quarter>[1-4]))? ?(?P<year>20\d\d)?(?!\d)")
Row = Mapping[str, Any]


def category_of(words: str) -> str:
    """The category that most words speak for, empty if none does."""
    folded = fold(words)
    counts = {name: len(set(found.findall(folded))) for name, found in _CATEGORY.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else ""


def period_of(question: str, today: dt.date) -> tuple[dt.date | None, dt.date | None, str]:
    """The time that a question is about, its first day and the day after its last, and the rest of the question."""
    folded = fold(question)
    if match := _SPAN.search(folded):
        unit = next(name for name in ("week", "month", "quarter", "year") if match[name])
        months, back = {"week": 0, "month": 1, "quarter": 3, "year": 12}[unit], bool(match["last"] or match["after"])
        count = int(match["count"] or 1)
        if unit == "week":
            start = today - dt.timedelta(days=today.weekday())
            first, end = (start - dt.timedelta(weeks=count), start) if back else (start, start + dt.timedelta(weeks=1))
        else:
            start = _months(today.replace(day=1), -((today.month - 1) % months))
            first, end = (_months(start, -months * count), start) if back else (start, _months(start, months))
        return first, end, f"{folded[: match.start()]} {folded[match.end() :]}"
    for match in _NAMED.finditer(folded):
        if match["name"] or match["quarter"] or match["year"]:
            year = int(match["year"] or today.year)
            month = MONTHS[match["name"]] if match["name"] else int(match["quarter"]) * 3 - 2 if match["quarter"] else 1
            year -= bool(not match["year"] and dt.date(year, month, 1) > today)
            first = dt.date(year, month, 1)
            return first, _months(first, 1 if match["name"] else 3 if match["quarter"] else 12), f"{folded[: match.start()]} {folded[match.end() :]}"
    return None, None, folded


def _months(day: dt.date, count: int) -> dt.date:
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return dt.date(year, month + 1, 1)


def cosine(one: Sequence[float], two: Sequence[float]) -> float:
    """How near two vectors of unit length are."""
    return sum(a * b for a, b in zip(one, two, strict=True))


def vectors_of(data: bytes, dimensions: int) -> list[array[float]]:
    """Vectors out of the bytes that they were stored as."""
    floats = array("f", data)
    return [floats[at : at + dimensions] for at in range(0, len(floats), dimensions)]


def converted(rows: Iterable[Row], base: str, rates: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows, in the base currency where a rate is given: what one unit of a currency is in it."""
    made = []
    for row in rows:
        rate = "1" if row["currency"] == base else rates.get(str(row["currency"]))
        made.append({**row} if rate is None else {**row, "total": str((Decimal(row["total"]) * Decimal(rate)).quantize(Decimal("0.01"))), "currency": base})
    return made


def sums(rows: Iterable[Row], *by: str) -> dict[tuple[str, ...], Decimal]:
    """The totals of rows by some of their fields, in order."""
    found: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        found[tuple(str(row.get(name) or "?") for name in by)] += Decimal(row["total"] or 0)  # type: ignore[assignment]
    return {key: Decimal(value) for key, value in sorted(found.items())}


def csv_of(rows: Iterable[Row]) -> str:
    """A table of receipts; a text that a spreadsheet would take for a formula begins with an apostrophe."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for row in rows:
        cells = [str(row.get(name) or "") for name in COLUMNS]
        writer.writerow([f"'{cell}" if re.match(r"[=+@\t\r]|-(?![\d.]+$)", cell) else cell for cell in cells])
    return file.getvalue()


def spreadsheet_of(rows: Sequence[Row], made: dt.datetime) -> bytes:
    """A workbook: months by category with a chart, vendors, and the receipts."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": "Receipts", "created": made.replace(tzinfo=None)})
    bold, money = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0.00"})
    for currency in sorted({str(row["currency"]) for row in rows}):
        own = [row for row in rows if row["currency"] == currency]
        table, months, names = sums(own, "month", "category"), sorted({row["month"] for row in own}), sorted({str(row["category"]) for row in own})
        sheet = book.add_worksheet(f"{currency} by month")
        sheet.write_row(0, 0, ["Month", *names, "Total"], bold)
        for at, month in enumerate(months, 1):
            cells = [float(table.get((month, name), 0)) for name in names]
            sheet.write_row(at, 0, [month, *cells, sum(cells)])
        sheet.set_column(1, len(names) + 1, 13, money)
        chart = book.add_chart({"type": "column", "subtype": "stacked"})
        for column, name in enumerate(names, 1):
            chart.add_series({"name": name, "categories": [sheet.name, 1, 0, len(months), 0], "values": [sheet.name, 1, column, len(months), column]})
        chart.set_title({"name": f"Spent in {currency}"})
        sheet.insert_chart(len(months) + 2, 0, chart, {"x_scale": 1.4, "y_scale": 1.2})
    for title, by in (("Vendors", ("vendor", "currency")), ("Categories", ("category", "currency"))):
        sheet = book.add_worksheet(title)
        sheet.write_row(0, 0, [title[:-1], "Currency", "Total"], bold)
        for at, (key, value) in enumerate(sums(rows, *by).items(), 1):
            sheet.write_row(at, 0, [*key, float(value)])
        sheet.set_column(0, 0, 36)
        sheet.set_column(2, 2, 13, money)
    sheet = book.add_worksheet("Receipts")
    sheet.write_row(0, 0, COLUMNS, bold)
    for at, row in enumerate(rows, 1):
        sheet.write_row(at, 0, [float(row["total"]) if name == "total" else row.get(name) or "" for name in COLUMNS])
    sheet.autofilter(0, 0, len(rows), len(COLUMNS) - 1)
    sheet.set_column(0, len(COLUMNS), 18)
    book.close()
    return file.getvalue()
