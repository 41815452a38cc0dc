"""What folding costs those who write meanwhile, and what it saves: ``python3 -m bench.folding`` (ADR 0013).

Some threads append durably, without a pause; then the same while all jobs of the folder are folded in the background,
and while its blobs are swept. Beside it the bytes of the log before and after, as a compacted copy has them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.clock import SystemClock
from perdure.runtime import Runtime, RuntimeSettings
from perdure.runtime.retention.pace import Pace
from perdure.store import AppendRequest, LmdbEventStore
from perdure.store import events as ev
from perdure.store.blobs import digest_of
from perdure.store.ids import uuid7

MODULE: Final = b"\0asm\x01\0\0\0"
LIBRARY: Final = "00000000-0000-4000-8000-00000000000b"


class Rates(msgspec.Struct):
    """Durable appends per second, and the slowest one of a hundred, in milliseconds."""

    per_second: float
    slowest_ms: float


def fill(folder: Path, jobs: int, steps: int) -> int:
    """A log of jobs that have ended long ago, of ``steps`` checkpoints with progress each; returns its events."""
    start = (int(time.time()) - 40 * 86_400) * 1_000_000
    with LmdbEventStore.open(folder, clock=lambda: start) as store:
        module = store.blobs.put(MODULE)
        for number in range(jobs):
            job_id = uuid7(start + number * 1000)
            stream = ev.job_stream(job_id)
            dispatched = ev.JobDispatched(
                job_id, "bench:job", "bench", "1", module, "run", UUID(LIBRARY), True,
                ev.Inline(b"{}"), ev.JobLimits(), ev.RetryPolicy(),
            )  # fmt: skip
            pieces: list[list[ev.Event]] = [[dispatched], [ev.JobStarted(1, 1)]]
            for step in range(steps):
                call = 2 * step + 1
                pieces.append(
                    [
                        ev.ProgressReported(call, call, step / steps, "going on"),
                        ev.CheckpointSaved(call + 1, call + 1, ev.Inline(b'{"step": %d}' % step)),
                    ]
                )
            pieces.append([ev.JobCompleted(2 * steps)])
            requests = [
                AppendRequest(stream, [ev.encode(event) for event in piece], [start] * len(piece)) for piece in pieces
            ]
            store.append_batch(requests)
        return store.position()


def write(runtime: Runtime, threads: int, until: threading.Event) -> Rates:
    """Append durably from so many threads until told to stop."""
    event = ev.LibraryEventPublished("bench.event", ev.Inline(b"{}"), None, None)
    taken: list[list[float]] = [[] for _ in range(threads)]

    def work(number: int) -> None:
        stream = ev.library_stream(UUID(int=number))
        while not until.is_set():
            began = time.perf_counter()
            runtime._system.append(stream, [event])
            taken[number].append(time.perf_counter() - began)

    began = time.perf_counter()
    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - began
    every = sorted(one for each in taken for one in each)
    return Rates(len(every) / seconds, every[int(len(every) * 0.99)] * 1000)


def alone(runtime: Runtime, threads: int, seconds: float) -> Rates:
    """The rates with nothing beside them."""
    stop = threading.Event()
    threading.Timer(seconds, stop.set).start()
    return write(runtime, threads, stop)


def compacted(runtime: Runtime, folder: Path) -> int:
    """Bytes of the log's file without the pages that hold nothing."""
    store = runtime.store
    if not isinstance(store, LmdbEventStore):
        raise TypeError("a log in memory")
    copy = folder / "copy"
    descriptor = os.open(copy, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        store.copy_log(descriptor, folder, compact=True)
        return copy.stat().st_size
    finally:
        os.close(descriptor)
        copy.unlink()


def space(folder: Path, jobs: int, steps: int) -> dict[str, float]:
    """The log's size before and after, and how long folding takes when nobody writes."""
    fill(folder / "data", jobs, steps)
    settings = RuntimeSettings(retention={"*": 30}, seal_interval=None)
    with Runtime.open(folder / "data", settings=settings, recover=False) as runtime:
        before = compacted(runtime, folder)
        began = time.perf_counter()
        runtime._retention.fold_due(threading.Event())
        seconds = time.perf_counter() - began
        after = compacted(runtime, folder)
    return {"MiB before": before / 2**20, "MiB after": after / 2**20, "seconds of folding, alone": seconds}


def measure(folder: Path, jobs: int, steps: int, threads: int) -> dict[str, float]:
    """One run."""
    events = fill(folder / "data", jobs, steps)
    settings = RuntimeSettings(retention={"*": 30}, seal_interval=None)
    with Runtime.open(folder / "data", settings=settings, recover=False) as runtime:
        before = alone(runtime, threads, 3.0)
        done = threading.Event()
        found: dict[str, float] = {}

        def fold() -> None:
            began = time.perf_counter()
            found["jobs"] = runtime._retention.fold_due(threading.Event()).jobs
            found["seconds"] = time.perf_counter() - began
            done.set()

        threading.Thread(target=fold).start()
        during = write(runtime, threads, done)
        blobs = [runtime.store.blobs.put(b"%d" % number * 20_000) for number in range(50)]
        swept = threading.Event()

        def sweep() -> None:
            began = time.perf_counter()
            pace = Pace(threading.Event(), SystemClock())
            found["blobs"] = runtime._retention._sweeper.sweep(pace, time.time() + 60).blobs
            found["sweep"] = time.perf_counter() - began
            swept.set()

        threading.Thread(target=sweep).start()
        sweeping = write(runtime, threads, swept)
        after = alone(runtime, threads, 3.0)
    if found["jobs"] != jobs or found["blobs"] != len(blobs) or digest_of(MODULE) in blobs:
        raise RuntimeError(f"not all was folded or swept: {found}")
    return {
        "events": events,
        "appends/s alone": before.per_second, "slowest of 100, ms, alone": before.slowest_ms,
        "appends/s while folding": during.per_second, "slowest of 100, ms, while folding": during.slowest_ms,
        "appends/s while sweeping": sweeping.per_second,
        "appends/s afterwards": after.per_second,
        "seconds of folding": found["seconds"], "seconds of sweeping": found["sweep"],
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--dir", type=Path, default=Path())
    options = parser.parse_args()
    runs = []
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory(dir=options.dir, prefix="bench-") as folder:
            quiet = space(Path(folder) / "alone", options.jobs, options.steps)
            runs.append(quiet | measure(Path(folder) / "busy", options.jobs, options.steps, options.threads))
    print(f"{options.jobs} jobs of {options.steps} steps, {options.threads} threads, medians of {options.runs} runs")
    for name in runs[0]:
        values = [run[name] for run in runs]
        print(f"{name:36} {statistics.median(values):12,.1f}   {min(values):,.1f} to {max(values):,.1f}")


if __name__ == "__main__":
    main()
