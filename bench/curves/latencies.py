"""How long things took, summed up: the middle one, the slowest of a hundred, the slowest of all."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from bench.figure import BenchFailed
from perdure.runtime import JobState
from perdure.store import EventStore
from perdure.store.events import CheckpointSaved, job_stream


def summary(seconds: Sequence[float], scale: float = 1e3) -> dict[str, float]:
    """``p50``, ``p99`` and ``max`` (nearest rank), times ``scale``: 1e3 makes milliseconds of seconds.

    Raises:
        BenchFailed: there is nothing to sum up.
    """
    if not seconds:
        raise BenchFailed("nothing was timed")
    ordered = sorted(seconds)
    ranks = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: ordered[max(0, -int(-len(ordered) * part // 1) - 1)] * scale for name, part in ranks.items()}


def between_checkpoints(store: EventStore, states: Iterable[JobState]) -> list[float]:
    """Seconds from each checkpoint of these jobs to the next: a guest that does nothing else waits all of it.

    An event's time is that at which it was handed over, on the wall clock, in microseconds.
    """
    found: list[float] = []
    for state in states:
        times = [
            stored.time for stored in store.read(job_stream(state.job_id)) if isinstance(stored.event, CheckpointSaved)
        ]
        found += [(later - earlier) / 1e6 for earlier, later in itertools.pairwise(times)]
    return found
