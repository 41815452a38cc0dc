"""docs/operate.md: its commands are there with their options, its program runs, its figures have a command."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operate.md").read_text()


def sections() -> dict[str, str]:
    """docs/cli.md by command."""
    parts = re.split(r"^## `(perdure[^`]*)`$", (ROOT / "docs" / "cli.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands() -> list[str]:
    """What begins with ``perdure`` in the page's code, in blocks or in lines; lines that go on joined."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
    found = [re.sub(r"^(\w+=\S+\s+)+", "", text.strip()) for text in (*lines, *spans)]
    return sorted({" ".join(text.split()) for text in found if text.startswith("perdure ")})


@pytest.mark.parametrize("command", commands())
def test_a_command_is_there_with_its_options(command: str) -> None:
    known = sections()
    words = re.sub(r"--data \S+ ", "", command).split()
    name = next((" ".join(words[:size]) for size in (3, 2) if " ".join(words[:size]) in known), None)

    assert name is not None, command
    for option in re.findall(r"--[a-z-]+", command.split(name.split()[-1], 1)[1]):
        assert option in known[name] or option in ("--data", "--json"), command


def test_the_program_that_embeds_runs(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    quick = block.replace("exporting_provider()", "TracerProvider()")  # nobody would take what it sends
    done = subprocess.run(
        [sys.executable, "-c", quick], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    titles = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors


def test_files_that_it_names_are_there() -> None:
    for path in re.findall(r"`((?:deploy|tests)/[\w/.]+)`", PAGE):
        assert (ROOT / path).exists(), path
