"""What a chatty guest costs: progress events and warnings, all of them in the log when the job has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.figure import BenchFailed, Better, Figure, Group
from bench.gate import gated_runtime, timed_jobs
from bench.sizes import Sizes

_PROGRESS = Figure("progress", "progress events, 1 job, all logged", "1/s", Better.MORE, "lmdb_1000")
_LOGGED_CALL = Figure("host_call_logged", "host call, 100 bytes, logged to disk", "µs", Better.LESS, "bare_host_call")


def groups(sizes: Sizes) -> Iterator[Group]:
    """Progress and warnings."""
    yield Group((_PROGRESS,), partial(_progress, count=sizes.progress_events))
    yield Group((_LOGGED_CALL,), partial(_warnings, count=sizes.logged_calls))


def _progress(folder: Path, count: int) -> Mapping[str, float]:
    return {_PROGRESS.key: count / _seconds(folder, "progress", count)}


def _warnings(folder: Path, count: int) -> Mapping[str, float]:
    return {_LOGGED_CALL.key: _seconds(folder, "warnings", count) / count * 1e6}


def _seconds(folder: Path, name: str, count: int) -> float:
    with gated_runtime(folder, jobs=1) as (runtime, gate):
        seconds, (state,) = timed_jobs(runtime, gate, name, 1, count)
        kept = sum(1 for event in runtime.store.read(f"job:{state.job_id}"))
    # Beside the calls: dispatched, started, the gate's operation, completed.
    if kept != count + 4:
        raise BenchFailed(f"{kept} events in the log, not {count + 4}")
    return seconds
