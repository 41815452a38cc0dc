from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.runtime.operations.catalogue import catalogue
from perdure.runtime.operations.declaration import Operation
from perdure.runtime.operations.reference import reference
from perdure.runtime.operations.schemas import is_secret

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
COMMAND = "python3 -m perdure.runtime.operations.reference > docs/operations.md"
SHIPPED = catalogue(discover=False)[0]
MADE = reference()


def test_the_page_is_what_the_declarations_say() -> None:
    assert PAGE.read_text() == MADE, f"docs/operations.md is stale: run  {COMMAND}"


def test_the_command_on_the_page_makes_it() -> None:
    assert COMMAND in MADE
    done = subprocess.run([sys.executable, "-m", COMMAND.split()[2]], capture_output=True, text=True, check=True)
    assert done.stdout == MADE


@pytest.mark.parametrize("operation", SHIPPED, ids=lambda operation: str(operation.name))
def test_each_operation_has_its_section_with_all_its_fields(operation: Operation) -> None:
    section = MADE.split(f"\n### `{operation.name}`\n")[1].split("\n##")[0]
    sides = operation.schemas()
    assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == [name for side in sides for name in side["properties"]]
    for side in sides:
        for name in (name for name, part in side["properties"].items() if is_secret(part, side)):
            assert re.search(rf"^\| `{name}` \| .*, secret.* \|", section, re.MULTILINE)


def test_links_lead_somewhere() -> None:
    page = MADE
    headings = [re.sub(r"[^\w-]", "", line.lstrip("# ").lower()) for line in page.splitlines() if line.startswith("#")]
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= set(headings)


def test_tables_are_whole() -> None:
    for block in re.findall(r"(?:^\|.*\n)+", MADE, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\) \| ", line)) for line in block.splitlines()}) == 1
