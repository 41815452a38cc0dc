"""Durable checkpoints while other Python code in the process never waits: what the GIL costs.

A commit gives the GIL up for its flush and has to take it back; a thread that is busy gives it up only when it is asked
to, after the interpreter's switch interval (`sys.setswitchinterval`).
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Final

from bench.curves.curve import Curve, Point, Quantity, Task
from bench.curves.latencies import between_checkpoints, summary
from bench.gate import gated_runtime, timed_jobs

_INTERVALS: Final = (5.0, 0.5, 0.05)  # ms; the first is Python's own
_COUNTS: Final = {1: 300, 8: 100, 100: 40}  # jobs -> checkpoints of each
_ALONE: Final = 0.5  # seconds in which the busy thread is timed with nothing beside it


def _tasks(quick: bool) -> list[Task]:
    return [
        Task("measure", {"interval_ms": interval, "busy": busy, "jobs": jobs, "count": 3 if quick else count})
        for interval in _INTERVALS
        for jobs, count in _COUNTS.items()
        for busy in (0, 1)
    ]


CURVE: Final = Curve(
    key="gil",
    title="Durable checkpoints beside a busy Python thread",
    axis="switch interval, ms",
    quantities=(
        Quantity("rate", "checkpoints", "1/s"),
        Quantity("p50", "of one: median", "ms"),
        Quantity("p99", "of one: slowest of 100", "ms"),
        Quantity("max", "of one: slowest", "ms"),
        Quantity("busy", "the busy thread's pace, of its own alone", "1"),
    ),
    tasks=_tasks,
    module=__name__,
)


class _BusyThread:
    """Adds numbers, and counts how many."""

    def __init__(self) -> None:
        self.done = 0
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop:
            self.done += 1

    def __enter__(self) -> _BusyThread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join()


def measure(folder: Path, interval_ms: float, busy: int, jobs: int, count: int) -> list[Point]:
    """One number of jobs at one interval, with a busy thread or without."""
    sys.setswitchinterval(interval_ms / 1e3)
    with gated_runtime(folder, jobs) as (runtime, gate):
        values: dict[str, float] = {}
        if busy:
            with _BusyThread() as alone:
                time.sleep(_ALONE)
            with _BusyThread() as beside:
                before, began = beside.done, time.monotonic()
                seconds, states = timed_jobs(runtime, gate, "checkpoints", jobs, count)
                pace = (beside.done - before) / (time.monotonic() - began)
            values["busy"] = pace / (alone.done / _ALONE)
        else:
            seconds, states = timed_jobs(runtime, gate, "checkpoints", jobs, count)
        values |= {"rate": jobs * count / seconds} | summary(between_checkpoints(runtime.store, states))
    noun = "job" if jobs == 1 else "jobs"
    return [Point(f"{jobs} {noun}, {'a busy thread' if busy else 'nobody busy'}", interval_ms, values)]
