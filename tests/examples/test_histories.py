"""Every example's history is proved, from its log and from a bundle, also when its process was killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine
from tests.support.waiting import TIMEOUT, eventually

EXAMPLES = Path(__file__).parents[2] / "examples"
# A job of each example, with a state that makes it short, and one that makes it long.
JOBS = {"counter": ("counter", {"target": 300, "work": 20}, {"target": 1_500, "work": 2_000})}


def proved(perdure: CommandLine, folder: Path) -> list[int]:
    """Of each job, how many attempts its proof spans; all of them are proved."""
    assert perdure.done("verify", "--all", "--again", "--json").json["not_proved"] == []
    attempts = []
    for job in perdure.done("jobs", "list", "--json").json:
        path = folder / f"{job['job_id']}.perdure"
        perdure.done("log", "export", job["job_id"], "-o", path)
        proof = CommandLine(folder / "elsewhere").done("verify", path, "--json").json
        assert proof["verdict"] == "proved"
        assert proof["compared"]["events"] + proof["compared"]["host_events"] == proof["events"]
        attempts.append(proof["compared"]["attempts"])
    return attempts


def test_there_is_a_job_of_every_example() -> None:
    assert set(JOBS) == {manifest.parent.name for manifest in EXAMPLES.glob("*/manifest.json")}


@pytest.mark.parametrize("example", sorted(JOBS))
def test_its_history_is_proved(example: str, tmp_path: Path) -> None:
    perdure, (job, short, _) = CommandLine(tmp_path / "data"), JOBS[example]
    perdure.done("run", EXAMPLES / example, job, "--state", json.dumps(short), "--yes")
    assert proved(perdure, tmp_path) == [1]


@pytest.mark.parametrize("example", sorted(JOBS))
def test_its_history_is_proved_after_a_kill(example: str, tmp_path: Path) -> None:
    perdure, (job, _, long) = CommandLine(tmp_path / "data"), JOBS[example]
    with perdure.process("run", EXAMPLES / example, job, "--state", json.dumps(long), "--yes") as victim:
        eventually(lambda: (((perdure.data / "log").exists() and perdure.job()) or {}).get("checkpoints", 0) >= 2)
        victim.kill()
        victim.wait(TIMEOUT)
    perdure.done("resume")
    assert proved(perdure, tmp_path) == [2]
