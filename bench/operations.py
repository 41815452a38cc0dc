"""A guest calls an operation, a Python function runs on a worker, the guest has its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.figure import BenchFailed, Better, Figure, Group
from bench.gate import gated_runtime, timed_jobs
from bench.sizes import Sizes
from perdure.store.events import OperationAnswered

_ROUND_TRIP = Figure("operation", "operation round trip, query:test.ping", "µs", Better.LESS, "pykka_ask")


def groups(sizes: Sizes) -> Iterator[Group]:
    """One figure."""
    yield Group((_ROUND_TRIP,), partial(_pings, count=sizes.operation_calls))


def _pings(folder: Path, count: int) -> Mapping[str, float]:
    with gated_runtime(folder, jobs=1) as (runtime, gate):
        seconds, (state,) = timed_jobs(runtime, gate, "pings", 1, count)
        events = [stored.event for stored in runtime.store.read(f"job:{state.job_id}")]
    answered = [event.code for event in events if isinstance(event, OperationAnswered)]
    # One more for the gate.
    if answered != [""] * (count + 1):
        raise BenchFailed(f"{answered.count('')} of {count + 1} calls were answered; codes: {set(answered)}")
    return {_ROUND_TRIP.key: seconds / count * 1e6}
