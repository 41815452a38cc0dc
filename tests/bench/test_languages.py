"""The counters that docs/sdk.md compares: they compile, they are the same job, and the page's table is about them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from bench.language_builds import LANGUAGES, Counter, compiled, counters
from bench.languages import _HEAD, Measured, measure, table
from bench.source_lines import Lines, count
from tests.support.command_line import ROOT

from perdure.toolchain import Language

PAGE = ROOT / "docs" / "sdk.md"
# Rust with the SDK and Python take too long for here; tests of the SDKs and of the examples build those.
QUICK = [
    one for one in counters() if one.language in (Language.C, Language.ZIG) or one == Counter(Language.RUST, "by_hand")
]


@pytest.mark.parametrize("counter", QUICK, ids=lambda one: f"{one.language.value}-{one.way}")
def test_a_counter_compiles_and_counts(counter: Counter, tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    found = Measured(compiled(counter, tmp_path / "build"))
    measure(found.compiled, 50, tmp_path, found)  # which looks whether it counted
    assert all(len(values) == 1 for values in (found.cold, found.cached, found.start, found.call))
    assert table([found] if counter.way == "by_hand" else [_by_hand(found), found]).count("\n") >= 2


def _by_hand(found: Measured) -> Measured:
    floor = Counter(found.compiled.counter.language, "by_hand")
    return Measured(type(found.compiled)(floor, b"", 1.0), found.cold, found.cached, found.start, found.call)


def test_the_page_has_a_row_for_each() -> None:
    rows = {
        cells[0]: cells
        for line in PAGE.read_text().splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == len(_HEAD)
    }
    names = {"c": "C", "zig": "Zig", "rust": "Rust", "python": "Python"}
    for one in counters():
        row = rows[f"{names[one.language.value]}, {'by hand' if one.way == 'by_hand' else 'SDK'}"]
        assert row[1:3] == [str(one.lines.all), str(one.lines.boilerplate)], f"{one}: run python3 -m bench.languages"
        for cell in row[5:]:
            assert re.fullmatch(r"[\d.,]+ \([\d.,]+ … [\d.,]+\)(, [\d.]+x)?", cell), cell
    assert len(LANGUAGES) * 2 == len(rows) - 2  # the head and its rule


def test_the_sdk_takes_a_fraction_of_the_lines() -> None:
    for language in LANGUAGES:
        by_hand, with_sdk = (Counter(language, way).lines for way in ("by_hand", "with_sdk"))
        assert with_sdk.boilerplate <= 8
        assert with_sdk.all * 2 < by_hand.all


def test_a_language_that_there_is_not() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.languages", "--only", "c,cobol"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no cobol; there are c, python, rust, zig" in done.stderr


def test_lines_are_counted_without_blanks_and_comments() -> None:
    text = '"""A file."""\n\nimport x  # used\n\n# the job\n\ndef f():\n    # a word\n    x()\n# the end of the job\n'
    assert count(text) == Lines(3, 2)
    assert count(text).boilerplate == 1
    assert count("#[derive(A)]\n// the job\nb();\n// the end of the job\n#include <c.h>\n/* d */\n") == Lines(3, 1)


@pytest.mark.parametrize("text", ["a\n", "# the job\na\n", "# the end of the job\n", "# the job\n# the job\n"])
def test_marks_that_are_not_in_pairs(text: str) -> None:
    with pytest.raises(ValueError, match="mark"):
        count(text)
