"""How long a proof of a job takes, beside the time that the job itself took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from uuid import UUID

from bench.figure import BenchFailed, Better, Figure, Group
from bench.gate import gated_runtime, timed_jobs
from bench.sizes import Sizes
from perdure.runtime import Runtime

_RAN: dict[str, Figure] = {
    "progress": Figure("ran_progress", "the job itself: progress events", "s", Better.LESS),
    "checkpoints": Figure("ran_checkpoints", "the job itself: durable checkpoints", "s", Better.LESS),
}
_VERIFY: dict[str, Figure] = {
    "progress": Figure("verify_progress", "verify a job of progress events", "s", Better.LESS, "ran_progress"),
    "checkpoints": Figure(
        "verify_checkpoints", "verify a job of durable checkpoints", "s", Better.LESS, "ran_checkpoints"
    ),
}
_EVENTS = Figure("verify_events", "verify: events read, made anew, compared", "events/s", Better.MORE, "lmdb_scan")


def groups(sizes: Sizes) -> Iterator[Group]:
    """A job that reports, and one that waits for the disk."""
    counts = {"progress": sizes.progress_events, "checkpoints": sizes.checkpoints[1]}
    for name, count in counts.items():
        yield Group((_RAN[name],), partial(_run, name=name, count=count))
    yield Group((_VERIFY["progress"], _EVENTS), partial(_progress, count=counts["progress"]))
    yield Group((_VERIFY["checkpoints"],), partial(_checkpoints, count=counts["checkpoints"]))


def _run(folder: Path, name: str, count: int) -> Mapping[str, float]:
    with gated_runtime(folder, jobs=1) as (runtime, gate):
        return {_RAN[name].key: timed_jobs(runtime, gate, name, 1, count)[0]}


def _progress(folder: Path, count: int) -> Mapping[str, float]:
    seconds, events = _verified(folder, "progress", count)
    return {_VERIFY["progress"].key: seconds, _EVENTS.key: events / seconds}


def _checkpoints(folder: Path, count: int) -> Mapping[str, float]:
    return {_VERIFY["checkpoints"].key: _verified(folder, "checkpoints", count)[0]}


def _verified(folder: Path, name: str, count: int) -> tuple[float, int]:
    with gated_runtime(folder, jobs=1) as (runtime, gate):
        _, (state,) = timed_jobs(runtime, gate, name, 1, count)
        return _proved(runtime, state.job_id)


def _proved(runtime: Runtime, job_id: UUID) -> tuple[float, int]:
    """The seconds that it took, and the events that were compared."""
    proof = runtime.verify(job_id)
    if not proof.is_proved:
        raise BenchFailed(f"job {job_id} is not proved: {proof.verdict}")
    return proof.seconds, proof.compared.events
