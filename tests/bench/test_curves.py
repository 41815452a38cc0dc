"""``python -m bench.curves``: every curve can be measured, kept, shown and drawn. How fast is no test's business."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from bench.curves import event_costs, pictures, results, tables
from bench.curves.__main__ import CURVES
from bench.curves.child import run_task
from bench.curves.curve import Point, Quantity, Task
from bench.curves.latencies import summary
from bench.curves.results import CurveResult
from bench.figure import BenchFailed
from bench.machine import Machine
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
MACHINE = Machine(system="Linux", processors=2, python="3.11", perdure="0.1.0", packages={}, filesystem="ext4")
# One task of each curve whose points need no jobs by the hundred.
SMALL = [
    ("gil", Task("measure", {"interval_ms": 0.5, "busy": 1, "jobs": 2, "count": 5})),
    ("crowds", Task("measure", {"jobs": 3, "count": 5})),
    ("log", Task("measure", {"sizes": [10_000]})),
    ("running", Task("memory", {"jobs": 2})),
    ("running", Task("start", {"jobs": 2})),
    ("mailbox", Task("measure", {"busy": 1, "who": "actors", "messages": 20})),
    ("mailbox", Task("measure", {"busy": 1, "who": "guests", "messages": 20})),
]


def result() -> CurveResult:
    found = CurveResult(
        title="Checkpoints", axis="jobs", machine=MACHINE,
        quantities=[Quantity("rate", "rate", "1/s"), Quantity("p99", "slowest", "ms")],
        runs=3, spins=[10.0, 11.0, 30.0], points=[],
    )  # fmt: skip
    for rate in (1_000.0, 1_200.0, 1_100.0):
        found.add(Point("ours", 100, {"rate": 10 * rate, "p99": 9.0}))
        found.add(Point("ours", 1, {"rate": rate}))
    return found


@pytest.mark.parametrize(("key", "task"), SMALL, ids=lambda value: value if isinstance(value, str) else value.function)
def test_a_point_has_what_its_curve_says(key: str, task: Task, tmp_path: Path) -> None:
    curve = next(one for one in CURVES if one.key == key)
    assert any(other.function == task.function for other in curve.tasks(False))

    points = run_task(curve.module, task, tmp_path)

    known = {one.key for one in curve.quantities}
    assert points
    for point in points:
        assert set(point.values) <= known
        assert all(math.isfinite(value) and value >= 0 for value in point.values.values()), point


def test_the_command_writes_its_file_and_keeps_the_other_curves_in_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "curves.json"
    results.write(file, {"gil": result()})
    words = ["--only", "costs", "--quick", "--runs", "1", "--dir", str(tmp_path), "--json", str(file)]

    done = subprocess.run(
        [sys.executable, "-m", "bench.curves", *words, "--allow-tmpfs"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    found = results.read(file.read_bytes())
    assert list(found) == ["gil", "costs"]
    assert found["gil"] == result()
    costs = found["costs"].series()
    assert list(costs) == list(event_costs.KINDS)
    assert all(point.median("cpu") > 0 for line in costs.values() for point in line)  # type: ignore[operator]  # no None
    assert "| action, idempotent " in done.stdout
    assert not list(tmp_path.glob(".bench-*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "nothing"], "there is no curve nothing; there are gil, crowds"),
        (["--runs", "0"], "--runs must be 1 or more"),
        (["--dir", "no/such/folder"], "there is no folder no/such/folder"),
    ],
)
def test_wrong_words_are_refused(words: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.curves", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert said in done.stdout + done.stderr


def test_a_task_that_fails_is_no_value(tmp_path: Path) -> None:
    with pytest.raises(BenchFailed, match="measure"):
        run_task("bench.curves.event_costs", Task("measure", {"kind": "nothing", "count": 1}), tmp_path)


def test_a_table_has_medians_and_their_spread_along_the_axis() -> None:
    head, _, first, second = tables.table(result()).splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["jobs", "rate, 1/s", "slowest, ms"]
    assert [cell.strip() for cell in first.strip("|").split("|")] == ["1", "1,100 (1,000 … 1,200)", ""]
    assert [cell.strip() for cell in second.strip("|").split("|")] == ["100", "11,000 (10,000 … 12,000)", "9.00"]


def test_the_part_of_the_page_names_its_command_its_machine_and_its_picture() -> None:
    file = msgspec.json.encode({"crowds": result()})
    text = tables.markdown(file)
    assert "### Checkpoints\n\n![Checkpoints](pictures/curve-crowds.svg)" in text
    assert "`python3 -m bench.curves --only crowds`, 3 runs; perdure 0.1.0, Python 3.11, Linux, 2 processors" in text
    assert "11.0 ms (10.0 … 30.0)" in text


def test_pictures_are_the_same_for_the_same_values() -> None:
    file = msgspec.json.encode({"crowds": result()})
    drawn = pictures.drawn(file)
    assert list(drawn) == ["curve-crowds.svg"]
    assert drawn["curve-crowds.svg"].startswith(b"<?xml")
    assert drawn == pictures.drawn(file)


def test_every_picture_is_of_quantities_that_its_curve_has() -> None:
    known = {curve.key: {one.key for one in curve.quantities} for curve in CURVES}
    for key, panels in pictures.PANELS.items():
        assert {name for panel in panels for name in panel} <= known[key]


@given(st.lists(st.floats(0, 100), min_size=1))
def test_ranks_are_values_in_their_order(times: list[float]) -> None:
    found = summary(times, 1.0)
    assert found["p50"] <= found["p99"] <= found["max"] == max(times)
    assert {found["p50"], found["p99"]} <= set(times)
    assert sum(time <= found["p50"] for time in times) * 2 >= len(times)


def test_of_a_hundred_the_slowest_is_above_the_99th() -> None:
    assert summary([number / 1e3 for number in range(1, 101)]) == {"p50": 50.0, "p99": 99.0, "max": 100.0}
    with pytest.raises(BenchFailed):
        summary([])
