"""Durable checkpoints of one job to a thousand: how many a second, and how long one takes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.curves.curve import Curve, Point, Quantity, Task
from bench.curves.latencies import between_checkpoints, summary
from bench.figure import BenchFailed
from bench.gate import gated_runtime, timed_jobs

_COUNTS: Final = {1: 1_000, 3: 700, 10: 400, 30: 300, 100: 150, 300: 60, 1_000: 30}  # jobs -> checkpoints of each


def _tasks(quick: bool) -> list[Task]:
    return [Task("measure", {"jobs": jobs, "count": 2 if quick else count}) for jobs, count in _COUNTS.items()]


CURVE: Final = Curve(
    key="crowds",
    title="Durable checkpoints as jobs become more",
    axis="jobs",
    quantities=(
        Quantity("rate", "checkpoints", "1/s"),
        Quantity("p50", "of one: median", "ms"),
        Quantity("p99", "of one: slowest of 100", "ms"),
        Quantity("max", "of one: slowest", "ms"),
    ),
    tasks=_tasks,
    module=__name__,
)


def measure(folder: Path, jobs: int, count: int) -> list[Point]:
    """One number of jobs."""
    with gated_runtime(folder, jobs) as (runtime, gate):
        seconds, states = timed_jobs(runtime, gate, "checkpoints", jobs, count)
        saved = sum(state.checkpoints for state in states)
        if saved != jobs * count:
            raise BenchFailed(f"{saved} checkpoints in the log, not {jobs * count}")
        values = {"rate": saved / seconds} | summary(between_checkpoints(runtime.store, states))
    return [Point("perdure", jobs, values)]
