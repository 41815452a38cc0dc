"""docs/finance.md: the part between its markers is made of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench.machine import describe_machine
from bench.receipts.compare import Comparison
from bench.receipts.labels import Split
from bench.receipts.scanning import Scanned
from bench.receipts.tables import detection_table, field_table, miss_table, sureness_table

END: Final = "<!-- end -->"


def begin(split: Split) -> str:
    """The mark above a split's tables."""
    return f"<!-- made by: python3 -m bench.receipts --split {split} --docs -->"


def written_page(page: str, results: Sequence[tuple[Split, Comparison, Scanned]]) -> str:
    """The page with new tables of the splits that were run.

    Raises:
        ValueError: it has no marks for one of them.
    """
    for split, one, scanned in results:
        head, mark, rest = page.partition(begin(split))
        _, end, tail = rest.partition(END)
        if not mark or not end:
            raise ValueError(f"docs/finance.md has no {begin(split)} ... {END}")
        page = f"{head}{mark}\n\n{made_part(split, one, scanned)}\n\n{end}{tail}"
    return page


def made_part(split: Split, one: Comparison, scanned: Scanned) -> str:
    """The tables of a split."""
    machine = describe_machine("a disk")
    parts = [
        detection_table(split, one),
        field_table(one, "layout", lambda judged: judged.label.layout),
        field_table(one, "language", lambda judged: judged.label.language),
        field_table(one, "arrival", lambda judged: judged.label.arrival),
        sureness_table(one),
        f"The scan took {scanned.seconds:.0f} s, {scanned.seconds / len(one.messages):.2f} s a message;"
        f" Python {machine.python}, {machine.system}, {machine.processors} processors.",
        f"What went wrong, {split}:",
        miss_table(one),
    ]
    return "\n\n".join(parts)
