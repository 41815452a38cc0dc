"""docs/benchmarks.md has what bench/results says, and nothing between its marks that nobody measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import publish
from bench.publish import PARTS, MarksMissing, Part, between, draw, filled

PAGE = "# Figures\n\n<!-- ONE -->\nold\n<!-- end ONE -->\n\nsaid by hand\n\n<!-- TWO -->\n\n<!-- end TWO -->\n"


def part(name: str, file: str) -> Part:
    return Part(name, file, lambda data: f"\n{data.decode()} measured\n\n", lambda data: {f"{name}.svg": data})


def test_parts_are_filled_from_their_results_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text("1")
    parts = [part("ONE", "one.json"), part("TWO", "two.json")]
    after = filled(PAGE, parts, tmp_path)
    assert after == PAGE.replace("\nold\n", "\n\n1 measured\n\n")
    assert filled(after, parts, tmp_path) == after


def test_pictures_are_drawn_of_what_was_measured(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text("1")
    assert draw([part("ONE", "one.json"), part("TWO", "two.json")], tmp_path, tmp_path) == [tmp_path / "ONE.svg"]
    assert (tmp_path / "ONE.svg").read_text() == "1"


def test_a_page_without_the_marks(tmp_path: Path) -> None:
    with pytest.raises(MarksMissing, match="<!-- THREE -->"):
        between(PAGE, "THREE")


def test_the_page_is_what_the_results_say() -> None:
    page = publish.PAGE.read_text()
    assert filled(page, PARTS, publish.RESULTS) == page, "run python3 -m bench.publish"


@pytest.mark.parametrize("one", PARTS, ids=lambda one: one.name)
def test_each_part_has_its_marks_and_its_pictures_are_there(one: Part) -> None:
    start, stop = between(publish.PAGE.read_text(), one.name)
    file = publish.RESULTS / one.results
    for line in publish.PAGE.read_text()[start:stop].splitlines():
        if line.startswith("!["):
            assert file.exists()
            assert (publish.PAGE.parent / line.rpartition("(")[2].rstrip(")")).exists(), line
