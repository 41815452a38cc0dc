"""A process that dies at any commit while a job moves to another version loses nothing and moves it once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.crash.upgrades import NEW, STEPS

ROOT = Path(__file__).parents[2]


def campaign(folder: Path, policy: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.crash.upgrades", str(folder), policy]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("policy", ["checkpoint", "restart"])
def test_a_death_at_each_commit(tmp_path: Path, policy: str) -> None:
    ends = campaign(tmp_path, policy)
    assert len(ends) > STEPS
    for commit, end in enumerate(ends, 1):
        assert (end["status"], end["version"], end["items"]) == ("completed", NEW, STEPS), commit
        assert (end["moves"], end["failures"], end["problems"]) == (1, 0, []), commit
        if policy == "restart":
            assert end["words"] == ["new"] * STEPS, commit
        else:
            assert end["words"] in (["old"] * 2 + ["new"] * 3, ["old"] * 3 + ["new"] * 2), commit
            assert end["superseded"] == 0, commit
