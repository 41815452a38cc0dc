"""The log from ten thousand events to ten million: appending, opening, folding anew, and bytes on disk.

It is built once, of jobs of 10,000 progress events that end, and measured at each power of ten on the way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from bench.curves.curve import Curve, Point, Quantity, Task
from bench.figure import BenchFailed
from bench.log import progress
from perdure.runtime import Runtime, RuntimeSettings
from perdure.store import JobState, LmdbEventStore
from perdure.store.events import (
    Event,
    Inline,
    JobCompleted,
    JobDispatched,
    JobLimits,
    JobStarted,
    RetryPolicy,
    job_stream,
)
from perdure.store.ids import uuid7

_BATCH: Final = 1_000
_OF_A_JOB: Final = 10_000
_OPENINGS: Final = 3  # the median counts


def _tasks(quick: bool) -> list[Task]:
    return [Task("measure", {"sizes": [10**4] if quick else [10**4, 10**5, 10**6, 10**7]})]


CURVE: Final = Curve(
    key="log",
    title="The log as it grows",
    axis="events",
    quantities=(
        Quantity("append", "append by 1,000, durable", "events/s"),
        Quantity("open_store", "open the log", "ms"),
        Quantity("open_store_cold", "open the log, none of it in the page cache", "ms"),
        Quantity("open_runtime", "Runtime.open", "ms"),
        Quantity("rebuild_one", "fold a job of 10,000 events anew", "events/s"),
        Quantity("rebuild_all", "fold all jobs anew", "events/s"),
        Quantity("disk", "on disk, an event", "bytes"),
    ),
    tasks=_tasks,
    module=__name__,
    most_runs=3,
)


def _job(number: int, middle: list[Event]) -> tuple[str, list[Event]]:
    job_id = uuid7(number * 1_000)
    dispatched = JobDispatched(
        job_id, "bench:job", "bench", "1.0.0", "0" * 64, "execute_job", UUID(int=0), True,
        Inline(b""), JobLimits(), RetryPolicy(),
    )  # fmt: skip
    return job_stream(job_id), [dispatched, JobStarted(1, 1), *middle, JobCompleted(0)]


def measure(folder: Path, sizes: list[int]) -> list[Point]:
    """Build the log, and measure it at each of ``sizes`` events."""
    data, jobs = folder / "data", 0
    middle: list[Event] = [progress(number) for number in range(1, _OF_A_JOB - 2)]
    points = []
    for size in sizes:
        seconds, events = 0.0, 0
        with LmdbEventStore.open(data) as store:
            while jobs < size // _OF_A_JOB:
                jobs += 1
                stream, of_job = _job(jobs, middle)
                batches = [of_job[start : start + _BATCH] for start in range(0, _OF_A_JOB, _BATCH)]
                began = time.perf_counter()
                for batch in batches:
                    store.append(stream, batch)
                seconds += time.perf_counter() - began
                events += _OF_A_JOB
            # The log's own first events, and those of the runtimes that opened it, are beside the jobs'.
            if store.position() < size:
                raise BenchFailed(f"{store.position()} events in the log, not {size}")
        points.append(Point("perdure", size, {"append": events / seconds} | _looked_at(data, size, stream)))
    return points


def _looked_at(data: Path, size: int, last: str) -> dict[str, float]:
    file = data / "log" / "data.mdb"
    values = {
        "disk": file.stat().st_blocks * 512 / size,
        "open_store": _opened(lambda: LmdbEventStore.open(data)),
        "open_store_cold": _opened(lambda: LmdbEventStore.open(data), lambda: _forget(file)),
        "open_runtime": _opened(lambda: Runtime.open(data, settings=RuntimeSettings(seal_interval=None))),
    }
    with LmdbEventStore.open(data) as store:
        began = time.perf_counter()
        state = store.rebuild(last)
        values["rebuild_one"] = _OF_A_JOB / (time.perf_counter() - began)
        if not isinstance(state, JobState) or state != store.state(last):
            raise BenchFailed("the rebuilt state is not the projection")
        began = time.perf_counter()
        states = [store.rebuild(name) for name in store.streams("job:")]
        values["rebuild_all"] = size / (time.perf_counter() - began)
        events = sum(state.sequence for state in states if isinstance(state, JobState))
        if events != size:
            raise BenchFailed(f"{events} events were folded, not {size}")
    return values


def _opened(how: Callable[[], Any], before: Callable[[], None] = lambda: None) -> float:
    """Milliseconds; the first opening, which loads code, does not count."""
    times = []
    for _ in range(_OPENINGS + 1):
        before()
        began = time.perf_counter()
        opened = how()
        times.append(time.perf_counter() - began)
        opened.close()
    return sorted(times[1:])[_OPENINGS // 2] * 1e3


def _forget(file: Path) -> None:
    """Have the kernel drop what it has of the file in memory, where it can be told to."""
    if hasattr(os, "posix_fadvise"):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # what is not written yet is not dropped
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
