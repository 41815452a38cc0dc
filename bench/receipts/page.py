"""docs/finance.md: the part between its markers is made of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench.machine import describe_machine
from bench.receipts.compare import Comparison
from bench.receipts.labels import Split
from bench.receipts.scanning import Scanned
from bench.receipts.tables import detection_table, field_table, miss_table, sureness_table

BEGIN: Final = "<!-- made by: python3 -m bench.receipts --split all --docs -->"
END: Final = "<!-- end -->"


def written_page(page: str, results: Sequence[tuple[Split, Comparison, Scanned]]) -> str:
    """The page with new tables.

    Raises:
        ValueError: it has no markers.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"docs/finance.md has no {BEGIN} … {END}")
    return f"{head}{BEGIN}\n\n{made_part(results)}\n\n{END}{tail}"


def made_part(results: Sequence[tuple[Split, Comparison, Scanned]]) -> str:
    """The tables of each split."""
    machine = describe_machine("a disk")
    parts = [f"Python {machine.python}, {machine.system}, {machine.processors} processors."]
    for split, one, scanned in results:
        parts += [
            f"### {'Development' if split == 'dev' else 'Held back'}",
            detection_table(split, one),
            field_table(one, "layout", lambda judged: judged.label.layout),
            field_table(one, "language", lambda judged: judged.label.language),
            field_table(one, "arrival", lambda judged: judged.label.arrival),
            sureness_table(one),
            f"The scan took {scanned.seconds:.0f} s, {scanned.seconds / len(one.messages):.2f} s a message.",
            f"What went wrong, {split}:",
            miss_table(one),
        ]
    return "\n\n".join(parts)
