"""From `Runtime.dispatch` to the guest's first instruction."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.figure import BenchFailed, Better, Figure, Group
from bench.gate import completed, gated_runtime
from bench.guests import EXTENSION
from bench.sizes import Sizes
from perdure.runtime import JobHandle
from perdure.store.events import LogWritten

_RETURNS = Figure("dispatch_returns", "dispatch() returns, durable", "ms", Better.LESS, "lmdb_commit")
_FIRST = Figure("dispatch_first", "dispatch() to the guest's first host call", "ms", Better.LESS, "lmdb_commit")
_ENDED = Figure("dispatch_ended", "dispatch() to wait() returns, job of one call", "ms", Better.LESS, "lmdb_commit")


def groups(sizes: Sizes) -> Iterator[Group]:
    """Three moments of the same jobs."""
    yield Group((_RETURNS, _FIRST, _ENDED), partial(_dispatch, count=sizes.dispatches))


def _dispatch(folder: Path, count: int) -> Mapping[str, float]:
    returns, first, ended = [], [], []
    with gated_runtime(folder, jobs=1) as (runtime, _):
        completed(runtime.dispatch(f"{EXTENSION}:line"))
        for _ in range(count):
            # The guest's event carries the wall clock's time; the two others are measured on the same clock.
            start = runtime.clock.now()
            began = time.perf_counter()
            handle = runtime.dispatch(f"{EXTENSION}:line")
            returns.append(time.perf_counter() - began)
            completed(handle)
            ended.append(time.perf_counter() - began)
            first.append(_first_call(handle) - start)
    return {
        _RETURNS.key: statistics.median(returns) * 1e3,
        _FIRST.key: statistics.median(first) / 1e3,
        _ENDED.key: statistics.median(ended) * 1e3,
    }


def _first_call(handle: JobHandle) -> int:
    """When the guest called its host for the first time, in microseconds since 1970."""
    for entry in handle.history():
        if isinstance(entry.stored.event, LogWritten):
            return entry.stored.time
    raise BenchFailed("the guest's line is not in the log")
