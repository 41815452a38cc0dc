from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.store import events as ev
from perdure.store.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
COMMAND = "python3 -m perdure.store.reference > docs/events.md"


def test_the_page_is_what_the_definitions_say() -> None:
    assert PAGE.read_text() == reference(), f"docs/events.md is stale: run  {COMMAND}"


def test_the_command_on_the_page_makes_it() -> None:
    assert COMMAND in reference()
    module = COMMAND.split()[2]
    done = subprocess.run([sys.executable, "-m", module], capture_output=True, text=True, check=True)
    assert done.stdout == reference()


@pytest.mark.parametrize("kind", ev.EVENT_TYPES, ids=ev.tag_of)
def test_each_event_has_its_section_with_all_its_fields(kind: type[ev.Event]) -> None:
    section = reference().split(f"\n### {ev.tag_of(kind)}\n")[1].split("\n#")[0]
    assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == list(kind.__struct_fields__)
    assert ("Buffered" in section) is not ev.is_durable(kind)


def test_links_lead_somewhere() -> None:
    page = reference()
    headings = {line.lstrip("# ").strip("`").lower() for line in page.splitlines() if line.startswith("#")}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings


def test_tables_are_whole() -> None:
    for block in re.findall(r"(?:^\|.*\n)+", reference(), re.MULTILINE):
        assert len({line.count(" | ") for line in block.splitlines()}) == 1
