"""Tables for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

# A cell that begins so is taken for a formula, or hides what it begins with; a negative number is none.
_FORMULA: Final = re.compile(r"[=+@\t\r]|-(?!\d+(?:[.,]\d+)?$)")


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table as CSV (RFC 4180), with a head.

    What strangers wrote does not become a formula in a spreadsheet: such a text gets an apostrophe before it. None is
    an empty cell.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(columns)
    for row in rows:
        cells = ["" if row.get(name) is None else str(row[name]) for name in columns]
        writer.writerow([f"'{cell}" if _FORMULA.match(cell) else cell for cell in cells])
    return file.getvalue()


def sums(rows: Iterable[Mapping[str, Any]], *by: str, of: str = "total") -> list[list[str]]:
    """A table summed up: for each of the values of some columns these values and the sum, in their order.

    Sums are exact: what is summed up are decimals, as texts; None counts as nothing. A value that is missing is ``?``.
    """
    found: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        found[tuple(str(row[name] or "?") for name in by)] += Decimal(row[of] or 0)
    return [[*key, str(value)] for key, value in sorted(found.items())]
