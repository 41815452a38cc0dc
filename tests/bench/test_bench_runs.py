"""``python -m bench --quick`` measures everything. How fast is no test's business."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from bench.__main__ import chosen
from bench.guests import WORK, computing
from bench.one_processor import rate
from bench.peers.results import decoded
from bench.sizes import QUICK
from bench.subjects import all_groups

ROOT = Path(__file__).parents[2]
FLOORS = [
    "fdatasync",
    *(f"lmdb_{puts}" for puts in (1, 8, 100, 1_000)),
    "lmdb_commit",
    "lmdb_scan",
    "pykka_ask",
    "bare_decision",
    "wrapped_host_call",
    "bare_host_call",
    "compile",
    "deserialise",
    "sandboxes",
    "python_start",
    "bare_sandbox",
    "ran_progress",
    "ran_checkpoints",
]
FIGURES = [
    *(f"checkpoints_{jobs}" for jobs in (1, 8, 100)),
    "progress",
    "host_call",
    "host_call_stock",
    "host_call_logged",
    *(f"append_{events}" for events in (1, 100, 1_000)),
    "rebuild_1000",
    "rebuild_1",
    "operation",
    "operation_idempotent",
    "operation_non_idempotent",
    "operation_transactional",
    "budget_decision",
    "budget_refusal",
    "budget_decision_typed",
    "load_cold",
    "load_cached",
    "load_again",
    "load_unlogged",
    "dispatch_returns",
    "dispatch_first",
    "dispatch_ended",
    "recovery",
    "recovery_ended",
    "recovery_process",
    "recovery_events",
    "recovery_processor",
    "recovery_switches",
    "recovery_actions",
    "recovery_actions_events",
    "verify_progress",
    "verify_events",
    "verify_checkpoints",
    "job_memory",
]
COSTS = ["recovery_processor", "recovery_switches"]  # which stand on no floor
# What is left after something else was taken away: in a run as short as this it may be nothing, or less.
DIFFERENCES = ["host_call", "host_call_stock", "job_memory", "bare_sandbox"]


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", "--quick", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def results(tmp_path: Path, *words: str) -> tuple[dict[str, Any], str]:
    """The rows by their key, and what was printed."""
    file = tmp_path / "results" / "quick.json"
    # Where the tests' folder is in memory, the head of the table must say so; it is no reason to fail.
    done = bench("--dir", str(tmp_path), "--allow-tmpfs", "--json", str(file), *words)
    assert done.returncode == 0, done.stderr
    return {row["key"]: row for row in json.loads(file.read_text())["rows"]}, done.stdout


@pytest.mark.long
def test_every_row_is_there(tmp_path: Path) -> None:
    rows, printed = results(tmp_path, "--runs", "1")
    assert sorted(rows) == sorted([*FLOORS, *FIGURES])
    for key, row in rows.items():
        assert row["values"], key
        assert all(math.isfinite(value) for value in row["values"]), row
        assert key in DIFFERENCES or min(row["values"]) > 0, row
        assert row["minimum"] <= row["median"] <= row["maximum"], row
        assert (row["of_floor"] is None) == (key in FLOORS or key in COSTS), row
    table = [line for line in printed.splitlines() if line.startswith("|")]
    assert [row["title"] for row in rows.values()] == [line.split("|")[1].strip() for line in table[2:]]
    assert len({len(line) for line in table}) == 1, "the columns are not aligned"
    assert not list(tmp_path.glob(".bench-*")), "data was left behind"


def test_each_run_gives_a_value_and_its_floor_one(tmp_path: Path) -> None:
    rows, printed = results(tmp_path, "--runs", "3", "--only", "append_1000")
    assert {key: len(row["values"]) for key, row in rows.items()} == {"lmdb_1000": 3, "append_1000": 3}
    assert printed.splitlines()[2].startswith("3 runs; ")


def test_some_figures_come_with_their_floors_only() -> None:
    keys = [figure.key for group in chosen(all_groups(QUICK), "operation") for figure in group.figures]
    effects = ("idempotent", "non_idempotent", "transactional")
    operations = ["operation", *(f"operation_{effect}" for effect in effects)]
    assert keys == ["lmdb_1", "lmdb_commit", "pykka_ask", *operations]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "no-such-figure"], "no figure's key contains 'no-such-figure'"),
        (["--peers", "--only", "no-such-peer"], "neither a row's key nor a peer's contains 'no-such-peer'"),
        (["--runs", "0"], "--runs must be 1 or more"),
        (["--dir", "no/such/folder"], "there is no folder no/such/folder"),
    ],
)
def test_wrong_words_are_refused(words: list[str], said: str) -> None:
    done = bench(*words)
    assert done.returncode == 2
    assert said in done.stdout + done.stderr


def test_perdure_and_a_peer_in_turns(tmp_path: Path) -> None:
    file = tmp_path / "peers.json"
    done = bench("--peers", "--runs=1", "--only=eventsourcing", f"--dir={tmp_path}", "--allow-tmpfs", f"--json={file}")
    assert done.returncode == 0, done.stderr
    results = decoded(file.read_bytes())
    assert results.failures == []
    assert {pairs.row for pairs in results.pairs} == {"append_1", "append_100", "append_1000", "rebuild"}
    for pairs in results.pairs:
        assert len(pairs.ours) == len(pairs.theirs) == 1
        assert min(pairs.ours + pairs.theirs) > 0
    assert "| append of 1 event " in done.stdout
    assert f"eventsourcing {version('eventsourcing')}" in done.stdout
    assert not list(tmp_path.glob(".bench-*")), "data was left behind"


def test_jobs_compute_before_each_checkpoint_on_one_processor_or_where_they_like(tmp_path: Path) -> None:
    assert computing(10) != WORK
    assert all(rate(tmp_path, 4, 10, computing(10), one_processor=kept) > 0 for kept in (True, False))
    assert list(tmp_path.iterdir()) == []
