"""docs/abi-2.md is what the WIT package says."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure.runtime.abi2.interface import EXPORTS, HOST, IMPORTS
from perdure.toolchain.wit_reference import COMMAND, parse, reference

PAGE = Path(__file__).parents[2] / "docs" / "abi-2.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), f"docs/abi-2.md is stale: run  {COMMAND}"


def test_every_function_is_on_it() -> None:
    page = reference()
    for name in [*IMPORTS, *EXPORTS]:
        assert f"### `{name}`\n" in page
    assert HOST.partition("/")[0] in page


def test_everything_has_a_comment() -> None:
    package = parse((PAGE.parents[1] / "sdk" / "wit" / "extension.wit").read_text())
    assert package.comment
    for item in package.parts:
        assert item.comment, item.name
        for part in item.parts:
            assert part.comment, part.name


def test_a_line_that_is_not_understood_is_named() -> None:
    with pytest.raises(ValueError, match="line 2"):
        parse("interface x {\n  resource y;\n}\n")
