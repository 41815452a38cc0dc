"""What one thing that a job does costs: processor time, bytes that stay on the disk, bytes that were written to it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from bench.curves.curve import Curve, Point, Quantity, Task
from bench.figure import BenchFailed
from bench.gate import gated_runtime, timed_jobs
from bench.operations import touching_operations

_IO: Final = Path("/proc/self/io")
# Of each: the guest's function, jobs, how often each does it, events that one leaves.
KINDS: Final[dict[str, tuple[str, int, int, int]]] = {
    "checkpoint, 1 job": ("checkpoints", 1, 2_000, 1),
    "checkpoint, 100 jobs": ("checkpoints", 100, 100, 1),
    "progress": ("progress", 1, 100_000, 1),
    "query": ("pings", 1, 20_000, 1),
    "action, idempotent": ("touches", 1, 1_000, 2),
    "action, transactional": ("writes", 1, 1_000, 1),
}


def _tasks(quick: bool) -> list[Task]:
    return [Task("measure", {"kind": kind, "count": 5 if quick else entry[2]}) for kind, entry in KINDS.items()]


CURVE: Final = Curve(
    key="costs",
    title="What an event costs",
    axis="",
    quantities=(
        Quantity("cpu", "processor time", "µs"),
        Quantity("events", "events of one", "1"),
        Quantity("disk", "on disk, one", "bytes"),
        Quantity("written", "written to the disk, one", "bytes"),
    ),
    tasks=_tasks,
    module=__name__,
)


def measure(folder: Path, kind: str, count: int) -> list[Point]:
    """One kind, over the jobs' whole runs; what starts and ends them is less than a hundredth of it."""
    name, jobs, _, events = KINDS[kind]
    with gated_runtime(folder, jobs) as (runtime, gate):
        runtime.operations.register(*touching_operations())
        disk, written, cpu = _size(folder), _written(), time.process_time()
        before = runtime.store.position()
        _, states = timed_jobs(runtime, gate, name, jobs, count)
        cpu = time.process_time() - cpu
        all_of_them = jobs * count
        added = runtime.store.position() - before
        # Beside them: dispatched, started, the gate's operation, completed.
        if added < all_of_them * events + 4 * len(states):
            raise BenchFailed(f"{added} events in the log, not {all_of_them * events} and those around them")
        values = {"cpu": cpu / all_of_them * 1e6, "events": float(events), "disk": (_size(folder) - disk) / all_of_them}
        if written is not None and (now := _written()) is not None:
            values["written"] = (now - written) / all_of_them
    return [Point(kind, 1.0, values)]


def _size(folder: Path) -> int:
    """Bytes that the disk has set aside for all files in it."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


def _written() -> int | None:
    """Bytes that this process caused to be written to disks, as Linux counts them (proc(5))."""
    if not _IO.exists():
        return None
    return next(int(line.split()[1]) for line in _IO.read_text().splitlines() if line.startswith("write_bytes"))
