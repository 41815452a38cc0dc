"""The log alone, without actors: appending, and folding a long stream anew."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from uuid import UUID

from bench.figure import BenchFailed, Better, Figure, Group
from bench.sizes import Sizes
from perdure.store import AppendRequest, EventStore, JobState, LmdbEventStore, StoreError
from perdure.store.events import (
    Inline,
    JobDispatched,
    JobLimits,
    JobStarted,
    ProgressReported,
    RetryPolicy,
    encode,
    job_stream,
)

_JOB = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
JOB_STREAM = job_stream(_JOB)
_REPEATS = 3  # of a rebuild, whose median counts


def groups(sizes: Sizes) -> Iterator[Group]:
    """Appends of each size, and rebuilds of streams that were appended in different ways."""
    for batch, count in sizes.append_events.items():
        noun = "event" if batch == 1 else "events"
        figure = Figure(
            f"append_{batch}", f"append of {batch:,} {noun}, durable", "events/s", Better.MORE, f"lmdb_{batch}"
        )
        yield Group((figure,), partial(_append, key=figure.key, batch=batch, count=count))
    for batch in (1_000, 1):
        figure = Figure(
            f"rebuild_{batch}",
            f"rebuild of {sizes.rebuild_events:,} events, appended by {batch:,}",
            "events/s",
            Better.MORE,
            "lmdb_scan",
        )
        yield Group((figure,), partial(_rebuild, key=figure.key, batch=batch, count=sizes.rebuild_events))


def progress(number: int) -> ProgressReported:
    """What a job reports most."""
    return ProgressReported(number, number * 100, 0.5, "indexing file number")


def begin(store: EventStore) -> None:
    """A job that runs."""
    nothing = Inline(b"")
    dispatched = JobDispatched(
        job_id=_JOB,
        job_type="bench:job",
        extension="bench",
        version="1.0.0",
        module="0" * 64,
        export="execute_job",
        library_id=UUID(int=0),
        resumable=True,
        state=nothing,
        limits=JobLimits(),
        retry=RetryPolicy(),
    )
    store.append(JOB_STREAM, [dispatched, JobStarted(1, 1)])


def _append(folder: Path, key: str, batch: int, count: int) -> Mapping[str, float]:
    with LmdbEventStore.open(folder) as store:
        begin(store)
        batches = [[progress(start + number) for number in range(batch)] for start in range(0, count, batch)]
        start = time.perf_counter()
        for events in batches:
            store.append(JOB_STREAM, events)
        seconds = time.perf_counter() - start
        if store.position() != count + 2:
            raise BenchFailed(f"{store.position()} events in the log, not {count + 2}")
    return {key: count / seconds}


def _rebuild(folder: Path, key: str, batch: int, count: int) -> Mapping[str, float]:
    with LmdbEventStore.open(folder) as store:
        begin(store)
        bodies = [encode(progress(number)) for number in range(count)]
        requests = [
            AppendRequest(JOB_STREAM, chunk := bodies[start : start + batch], [1] * len(chunk))
            for start in range(0, count, batch)
        ]
        refused = [answer for answer in store.append_batch(requests) if isinstance(answer, StoreError)]
        if refused:
            raise BenchFailed(f"the log refused events: {refused[0]}")
        times = []
        for _ in range(_REPEATS):
            start = time.perf_counter()
            state = store.rebuild(JOB_STREAM)
            times.append(time.perf_counter() - start)
            if not isinstance(state, JobState) or state.sequence != count + 2 or state != store.state(JOB_STREAM):
                raise BenchFailed("the rebuilt state is not the projection")
    return {key: (count + 2) / sorted(times)[_REPEATS // 2]}
