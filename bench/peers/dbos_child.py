"""DBOS takes its turn: ``python3 -m bench.peers.dbos_child``, started by `bench.peers.turn`.

Its own settings are left as they come. Workflows wait at a gate, so that the clock starts with all of them there, as
perdure's jobs do.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dbos import DBOS

from bench.peers import postgres
from bench.peers.counts import Counts
from bench.peers.meter import Meter
from bench.peers.processes import end_group, start_group
from bench.peers.rows import Subject
from bench.peers.turn import VALUE, TurnFailed, busy_thread, median_ms, take_turn, wait_until

_READY: Final = "all workflows are at the gate"
_RUN: Final = "run"  # of a child of this child, which is killed


class Gate:
    """Where workflows wait; how many have come."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._lock = threading.Lock()
        self.arrived = 0

    def close(self) -> None:
        self._opened.clear()
        self.arrived = 0

    def open(self) -> None:
        self._opened.set()

    def await_arrivals(self, count: int, pause: float = 0.005) -> None:
        wait_until(lambda: self.arrived >= count, f"{count} workflows are at the gate", 120.0, pause)

    def pass_through(self) -> None:
        with self._lock:
            self.arrived += 1
        self._opened.wait()


_gate: Final = Gate()


@DBOS.step()
def step(number: int) -> str:
    return VALUE


@DBOS.workflow()
def steps(count: int) -> int:
    _gate.pass_through()
    for number in range(count):
        step(number)
    return count


@DBOS.workflow()
def steps_then_gate(count: int) -> int:
    for number in range(count):
        step(number)
    _gate.pass_through()
    return count


@DBOS.workflow()
def nothing() -> int:
    return 1


@contextmanager
def _database(folder: Path, words: dict[str, Any]) -> Iterator[str]:
    if words["database"] == "postgres":
        with postgres.cluster(folder, Path(words["programs"])) as address:
            yield address
        return
    file = folder / "dbos.sqlite"
    if words["database"] == "wal" and not file.exists():
        connection = sqlite3.connect(file)
        connection.execute("pragma journal_mode=wal")  # it is the file's from then on
        connection.close()
    yield f"sqlite:///{file}"


def _launch(address: str) -> None:
    DBOS(
        config={
            "name": "bench",
            "system_database_url": address,
            "log_level": "ERROR",
            "application_version": "1",
        }
    )
    DBOS.launch()


def _run(folder: Path, jobs: int, each: int) -> Meter:
    """From the gate's opening to the last workflow's result."""
    _gate.close()
    handles = [DBOS.start_workflow(steps, each) for _ in range(jobs)]
    _gate.await_arrivals(jobs)
    with Meter(folder) as meter:
        _gate.open()
        results = [handle.get_result() for handle in handles]
    if set(results) != {each}:
        raise TurnFailed("a workflow did not do its steps")
    return meter


def _steps(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    space = done = 0
    with _database(folder, words) as address:
        _launch(address)
        _run(folder, 2, 5)
        for jobs, each in counts.steps.items():
            meter = _run(folder, jobs, each)
            found |= meter.of_steps(jobs, jobs * each)
            space, done = space + meter.space, done + jobs * each
        returns, results = [], []
        for _ in range(counts.starts):
            began = time.monotonic()
            handle = DBOS.start_workflow(nothing)
            returns.append(time.monotonic() - began)
            handle.get_result()
            results.append(time.monotonic() - began)
    starts = {"start_returns": median_ms(returns), "start_result": median_ms(results)}
    return {**found, "disk": space / done, **starts}


def _busy(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    with _database(folder, words) as address:
        _launch(address)
        _run(folder, 2, 5)
        busy_thread()
        return {f"busy_{jobs}": jobs * each / _run(folder, jobs, each).seconds for jobs, each in counts.busy.items()}


def _recovery(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    jobs, each = counts.recovery_jobs, counts.recovery_steps
    with _database(folder, words) as address:
        command = [sys.executable, "-m", "bench.peers.dbos_child", _RUN, address, str(jobs), str(each)]
        child = start_group(command, folder / "killed.errors")
        try:
            assert child.stdout is not None
            if child.stdout.readline().strip() != _READY:
                raise TurnFailed(f"the process that runs the workflows died: {(folder / 'killed.errors').read_text()}")
        finally:
            end_group(child)
        began = time.monotonic()
        child = start_group([*command, "again"], folder / "recovering.errors")
        try:
            assert child.stdout is not None
            words_said = child.stdout.readline().split()
            if len(words_said) != 2:
                raise TurnFailed(f"the process that recovers died: {(folder / 'recovering.errors').read_text()}")
        finally:
            end_group(child)
    launched, going_on = map(float, words_said)
    return {"recovery": going_on - began, "recovery_open": going_on - launched}


def _killed(address: str, jobs: int, each: int) -> None:
    """In the process that is killed."""
    _launch(address)
    for _ in range(jobs):
        DBOS.start_workflow(steps_then_gate, each)
    _gate.await_arrivals(jobs)
    print(_READY, flush=True)
    threading.Event().wait()


def _recovering(address: str, jobs: int) -> None:
    """In the process after it; says when it called `DBOS.launch`, and when all workflows were where they had been."""
    launched = time.monotonic()
    _launch(address)
    _gate.await_arrivals(jobs, 0.001)
    print(launched, time.monotonic(), flush=True)
    threading.Event().wait()


def main() -> None:
    """Be the child, or a child of the child."""
    match sys.argv[1:]:
        case [word, address, jobs, each] if word == _RUN:
            _killed(address, int(jobs), int(each))
        case [word, address, jobs, _, "again"] if word == _RUN:
            _recovering(address, int(jobs))
        case _:
            take_turn({Subject.STEPS: _steps, Subject.BUSY: _busy, Subject.RECOVERY: _recovery})


if __name__ == "__main__":
    main()
