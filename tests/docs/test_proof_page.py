"""The commands of docs/proof.md do what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.support.command_line import CommandLine

PAGE = Path(__file__).parents[2] / "docs" / "proof.md"


def test_its_commands_run(tmp_path: Path) -> None:
    perdure = CommandLine(tmp_path / "data")
    job = perdure.run_counter()["job_id"]
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    commands = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert len(commands) == 4
    for words in commands:
        perdure.done(*(str(tmp_path / word) if word == "job.perdure" else str(job) if word == "JOB" else word
                       for word in words[1:]))  # fmt: skip
    assert (tmp_path / "job.perdure").exists()
