"""One running job to a thousand: memory, addresses, threads, and how long it takes until all of them run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from bench.curves.curve import Curve, Point, Quantity, Task
from bench.footprint import Footprint, footprint
from bench.gate import completed, gated_runtime
from bench.guests import EXTENSION
from bench.held import standing_jobs

_JOBS: Final = (1, 3, 10, 30, 100, 300, 1_000)


def _tasks(quick: bool) -> list[Task]:
    jobs = _JOBS[:3] if quick else _JOBS
    return [Task(function, {"jobs": number}) for number in jobs for function in ("memory", "start")]


CURVE: Final = Curve(
    key="running",
    title="Running jobs: memory and start",
    axis="jobs",
    quantities=(
        Quantity("private", "private memory, a job", "KiB"),
        Quantity("resident", "the process's resident memory", "MiB"),
        Quantity("address_space", "address space, a job", "MiB"),
        Quantity("mappings", "mappings, a job", "1"),
        Quantity("threads", "threads, a job", "1"),
        Quantity("descriptors", "file descriptors, a job", "1"),
        Quantity("start", "from the first dispatch until all run", "ms"),
        Quantity("start_cpu", "processor time of that, a job", "ms"),
    ),
    tasks=_tasks,
    module=__name__,
)


def memory(folder: Path, jobs: int) -> list[Point]:
    """What the process grew by until so many jobs stood at a checkpoint."""
    before: list[Footprint] = []
    with standing_jobs(folder, jobs, lambda: before.append(footprint())):
        now, then = footprint(), before[0]
        values = {
            "private": (now.private - then.private) / jobs / 1024,
            "resident": now.resident / 2**20,
            "address_space": (now.address_space - then.address_space) / jobs / 2**20,
            "mappings": (now.mappings - then.mappings) / jobs,
            "threads": (now.threads - then.threads) / jobs,
            "descriptors": (now.descriptors - then.descriptors) / jobs,
        }
    return [Point("perdure", jobs, values)]


def start(folder: Path, jobs: int) -> list[Point]:
    """From the first dispatch, one after the other, until the last guest has called its host; two commits a job."""
    with gated_runtime(folder, jobs) as (runtime, gate):
        completed(runtime.dispatch(f"{EXTENSION}:line"))
        began, cpu = time.monotonic(), time.process_time()
        for _ in range(jobs):
            runtime.dispatch(f"{EXTENSION}:checkpoints", {"left": 1})
        gate.await_arrivals(jobs)
        values = {"start": (max(gate.arrived) - began) * 1e3, "start_cpu": (time.process_time() - cpu) / jobs * 1e3}
    return [Point("perdure", jobs, values)]
