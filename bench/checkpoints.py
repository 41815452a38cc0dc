"""Durable checkpoints a second: each is on disk before its guest goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.figure import BenchFailed, Better, Figure, Group
from bench.gate import gated_runtime, timed_jobs
from bench.sizes import Sizes


def groups(sizes: Sizes) -> Iterator[Group]:
    """One figure for each number of jobs."""
    for jobs, count in sizes.checkpoints.items():
        noun = "job" if jobs == 1 else "jobs"
        figure = Figure(
            f"checkpoints_{jobs}", f"durable checkpoints, {jobs} {noun}", "1/s", Better.MORE, f"lmdb_{jobs}"
        )

        def work(folder: Path, jobs: int = jobs, count: int = count, key: str = figure.key) -> Mapping[str, float]:
            return {key: checkpoints_per_second(folder, jobs, count)}

        yield Group((figure,), work)


def checkpoints_per_second(folder: Path, jobs: int, count: int) -> float:
    """``jobs`` jobs save ``count`` checkpoints of 100 bytes each, from a common start to the last job's end."""
    with gated_runtime(folder, jobs) as (runtime, gate):
        seconds, states = timed_jobs(runtime, gate, "checkpoints", jobs, count)
    saved = sum(state.checkpoints for state in states)
    if saved != jobs * count:
        raise BenchFailed(f"{saved} checkpoints in the log, not {jobs * count}")
    return saved / seconds
