"""docs/finance.md: its commands have options that there are, and its tables are of the set that there is."""

from __future__ import annotations

import re

import pytest
from bench.receipts.compare import Comparison, judge
from bench.receipts.corpus import LAYOUTS, planned, receipt_message
from bench.receipts.labels import SPLITS, Label, Split
from bench.receipts.page import END, begin, written_page
from bench.receipts.scanning import Scanned
from tests.support.command_line import ROOT

PAGE = (ROOT / "docs" / "finance.md").read_text(encoding="utf-8")


def test_its_options_are_there() -> None:
    source = (ROOT / "bench" / "receipts" / "__main__.py").read_text(encoding="utf-8")
    told = set(re.findall(r"`?python3 -m bench\.receipts([^`\n]*)", PAGE))
    options = {option for line in told for option in re.findall(r"--[a-z]+", line)}
    assert options >= {"--split", "--texts", "--misses", "--export"}
    assert all(f'"{option}"' in source for option in options)


@pytest.mark.parametrize("split", SPLITS)
def test_its_tables_have_every_layout_and_document(split: Split) -> None:
    made = PAGE.partition(begin(split))[2].partition(END)[0]
    there = {layout for _, layout, _, _ in planned(split)}
    assert there <= LAYOUTS.keys()
    assert there <= set(re.findall(r"^\| ([a-z_]+) \|", made, re.MULTILINE))
    # The pairs are two documents each.
    assert f"| {len(list(planned(split))) + 4} |" in made


def test_the_tables_go_between_the_marks() -> None:
    label = Label(
        kind="invoice",
        layout="letter",
        language="en",
        arrival="pdf",
        vendor="V",
        date="2026-01-01",
        total="1.00",
        tax=None,
        currency="EUR",
        invoice_number=None,
    )
    message = receipt_message("dev-page-00", "dev", "text_mail", "GB", "text")
    judged = judge(message, label, None)
    result = Comparison(messages=(message,), judged=(judged,), invented=())
    scanned = Scanned(found=[], warnings=[], seconds=2.0)
    with pytest.raises(ValueError, match="has no"):
        written_page("# Finance", [("dev", result, scanned)])
    marks = "".join(f"{begin(split)}\nold {split}\n{END}\n" for split in SPLITS)
    page = written_page(f"before\n{marks}after\n", [("dev", result, scanned)])
    assert page.startswith(f"before\n{begin('dev')}\n\n| dev | messages |")
    assert "old dev" not in page
    assert "old held-back" in page
    assert page.endswith(f"{END}\nafter\n")
