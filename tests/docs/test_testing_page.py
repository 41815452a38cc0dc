"""The tests that docs/testing.md and docs/durability.md name are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(
    {
        name
        for page in ("testing.md", "durability.md")
        for name in re.findall(r"`(tests/\S+\.py::\w+)`", (ROOT / "docs" / page).read_text())
    }
)


def test_there_are_some() -> None:
    assert len(NAMED) > 40


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_is_there(name: str) -> None:
    file, _, function = name.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
