"""Processes are killed at random moments: the short form of ``python3 -m tests.crash.campaign``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.crash.campaign import campaign
from tests.crash.victim import ROOT
from tests.crash.workload import Workload


@pytest.mark.parametrize("seed", [1, 2])
def test_kills_at_random_moments_lose_nothing(seed: int, tmp_path: Path) -> None:
    summary = campaign(tmp_path, kills=12, seed=seed, workload=Workload(jobs=4, target=300))
    assert summary.problems == []
    assert summary.kills == 12
    assert summary.recovered > 0, "no kill came while a job ran: they prove nothing"


def test_the_command_of_the_full_form(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.crash.campaign", "--kills", "1", "--seed", "3", "--dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "problems           0" in done.stdout
    assert list(tmp_path.iterdir()) == []  # nothing is left when nothing was wrong
