"""Killed with SIGKILL at any point, a job of every language leaves what it leaves when nobody kills it, and once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.conftest import SETTINGS
from tests.conformance.lives import PATIENCE
from tests.conformance.telling import lines
from tests.support.command_line import ROOT

from perdure.runtime import JobHandle, Runtime, Status, grant_as_asked
from perdure.runtime.proof import Verdict
from perdure.store import check

# A commit of the dispatch, one of the start, one of each checkpoint or action, with what was reported before.
POINTS = (
    ("commit.before_sync", 2),
    ("commit.after_sync", 3),
    ("commit.before_write", 4),
    ("commit.after_sync", 4),
    ("commit.before_sync", 6),
)
STEPS = {"target": 5}
ACTION_POINTS = (("commit.before_sync", 3), ("commit.after_sync", 3))

# The first test of a language builds it, beside other tests.
pytestmark = pytest.mark.timeout(600)


def told(job: JobHandle) -> list[str]:
    """What the guest did; not when, nor by whom. Its fuel depends on the job's id, and is the proof's to compare."""
    return [line for line in lines(job) if " call=" in line or line == "completed"]


def kill(data: Path, extension: str, orders: list[tuple[str, Any, str, int]]) -> None:
    """A process for each order, which has to die."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance.victim", str(data), extension],
        cwd=ROOT,
        input="".join(json.dumps(order) + "\n" for order in orders),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(int(signal.SIGKILL))] * len(orders), done.stderr


def test_a_killed_job_is_as_one_that_was_not(data: Path, extension: str) -> None:
    with Runtime.open(data, settings=SETTINGS, consent=grant_as_asked) as runtime:
        papers = [runtime.call("action:vdfs.create_entry", {"name": str(number)}).id for number in range(3)]
        first, *notes = [{"path": str(paper), "note": "milk"} for paper in papers]
        calm = {}
        for name, begun in (("counter", STEPS), ("noter", first)):
            job = runtime.dispatch(f"{extension}:{name}", begun)
            assert job.wait(PATIENCE).status is Status.COMPLETED
            calm[f"{extension}:{name}"] = told(job)
    orders = [
        *(("counter", STEPS, *point) for point in POINTS),
        *(("noter", note, *point) for note, point in zip(notes, ACTION_POINTS, strict=True)),
    ]
    kill(data, extension, orders)
    with Runtime.open(data, settings=SETTINGS) as runtime:
        killed = [runtime.job(listed.job_id) for listed in runtime.jobs(limit=len(orders)).jobs]
        attempts = []
        for job in killed:
            state = job.wait(PATIENCE)
            attempts.append(job.attempts)
            assert state.status is Status.COMPLETED, state.error
            assert told(job) == calm[state.job_type]
            if state.job_type.endswith(":counter"):
                assert (job.items, job.bytes, job.fraction) == (5, 40, 1.0)
            proof = job.verify()
            assert proof.verdict is Verdict.PROVED, proof
        # The start of the first may not have been on disk yet.
        assert attempts.count(2) >= len(orders) - 1
        assert check(runtime.store).problems == []
