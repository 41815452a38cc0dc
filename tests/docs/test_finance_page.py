"""docs/finance.md: its commands have options that there are, and its tables are of the set that there is."""

from __future__ import annotations

import re

import pytest
from bench.receipts.corpus import LAYOUTS, planned
from bench.receipts.labels import SPLITS
from bench.receipts.page import BEGIN, END, written_page
from tests.support.command_line import ROOT

PAGE = (ROOT / "docs" / "finance.md").read_text(encoding="utf-8")


def test_its_options_are_there() -> None:
    source = (ROOT / "bench" / "receipts" / "__main__.py").read_text(encoding="utf-8")
    told = set(re.findall(r"`?python3 -m bench\.receipts([^`\n]*)", PAGE))
    options = {option for line in told for option in re.findall(r"--[a-z]+", line)}
    assert options >= {"--split", "--texts", "--misses", "--export"}
    assert all(f'"{option}"' in source for option in options)


def test_its_tables_have_every_layout_and_document() -> None:
    made = PAGE.partition(BEGIN)[2].partition(END)[0]
    for split in SPLITS:
        there = {layout for _, layout, _, _ in planned(split)}
        assert there <= LAYOUTS.keys()
        part = made.partition(f"| {split} |")[2].partition("What went wrong")[0]
        assert there <= set(re.findall(r"^\| ([a-z_]+) \|", part, re.MULTILINE))
        # Each split has pairs, too.
        documents = len(list(planned(split))) + 4
        assert f"| {documents} |" in part


def test_the_tables_go_between_the_marks() -> None:
    with pytest.raises(ValueError, match="has no"):
        written_page("# Finance", [])
    page = written_page(f"before\n{BEGIN}\nold\n{END}\nafter\n", [])
    assert page.startswith(f"before\n{BEGIN}\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "old" not in page
