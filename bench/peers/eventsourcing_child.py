"""eventsourcing takes its turn: ``python3 -m bench.peers.eventsourcing_child``, started by `bench.peers.turn`.

The event is the one that perdure's own log is measured with: a number, and a message of 20 bytes.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from bench.peers.counts import Counts
from bench.peers.rows import Subject
from bench.peers.turn import TurnFailed, take_turn

_REPEATS: Final = 3  # of a rebuild, whose median counts
_MESSAGE: Final = "indexing file number"


class Job(Aggregate):
    """A job as far as its progress goes."""

    @event("Started")
    def __init__(self) -> None:
        self.done = 0

    @event("Progressed")
    def progress(self, done: int, message: str) -> None:
        self.done = done


def _opened(folder: Path, name: str) -> Application[UUID]:
    return Application(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(folder / name)})


def _append(folder: Path, batch: int, count: int) -> float:
    application = _opened(folder, f"append-{batch}.sqlite")
    job = Job()
    application.save(job)
    began = time.perf_counter()
    for start in range(0, count, batch):
        for number in range(start, start + batch):
            job.progress(number, _MESSAGE)
        application.save(job)
    seconds = time.perf_counter() - began
    application.close()
    return count / seconds


def _rebuild(folder: Path, count: int) -> float:
    application = _opened(folder, "rebuild.sqlite")
    job = Job()
    for number in range(count):
        job.progress(number, _MESSAGE)
    application.save(job)
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        again: Job = application.repository.get(job.id)
        times.append(time.perf_counter() - began)
        if again.done != count - 1:
            raise TurnFailed("the aggregate that was read is not the one that was saved")
    application.close()
    return (count + 1) / statistics.median(times)


def _log(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    appended = {f"append_{batch}": _append(folder, batch, count) for batch, count in counts.appends.items()}
    return {**appended, "rebuild": _rebuild(folder, counts.rebuild)}


if __name__ == "__main__":
    take_turn({Subject.LOG: _log})
