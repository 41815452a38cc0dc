"""The page about `perdure dev`: its commands run, its keys are those that there are."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from perdure.cli.dev.activity import RATE
from perdure.cli.dev.screen import HELP, KEYS

PAGE = Path(__file__).parents[2] / "docs" / "dev.md"


def test_its_commands_run(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for line in block.splitlines():
        _, *words = shlex.split(line)
        done = subprocess.run(
            [sys.executable, "-m", "perdure.cli", *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    assert "Counted 100/100" in done.stdout


def test_its_keys_are_those_that_there_are() -> None:
    text = PAGE.read_text()
    rows = dict(re.findall(r"^\| `(.)` \| (.*) \|$", text, re.MULTILINE))
    assert rows == {key: meaning.replace("'", "`") for key, meaning in HELP} | {"?": "help"}
    assert KEYS in text
    assert f"{RATE:.0f} lines a second" in text
