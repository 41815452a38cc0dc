"""docs/ai.md: its command runs, and what it says of the endpoint's variables is what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.support.command_line import ROOT, CommandLine

from perdure.cli import ai_endpoint

PAGE = (ROOT / "docs" / "ai.md").read_text()


def test_its_commands_run(tmp_path: Path) -> None:
    perdure = CommandLine(tmp_path / "data")
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    commands = [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]
    assert commands
    for words in commands:
        assert perdure.done(*words, "--json").json["label"] == "receipt"


def test_its_variables_are_those_of_the_command_line() -> None:
    known = {value for value in vars(ai_endpoint).values() if isinstance(value, str) and value.startswith("PERDURE_")}
    assert set(re.findall(r"PERDURE_\w+", PAGE)) == known == set(re.findall(r"PERDURE_\w+", ai_endpoint.__doc__ or ""))
