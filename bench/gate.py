"""An operation that holds jobs at one point until all have come, so that the clock starts with all of them there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.figure import BenchFailed
from bench.guests import EXTENSION, WORK, compiled, write_extension
from perdure.runtime import JobHandle, JobState, Runtime, RuntimeSettings, Status, grant_as_asked
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import query

TIMEOUT = 120.0  # seconds that anything here may take before it counts as stuck


class _Nothing(msgspec.Struct):
    pass


class Gate:
    """The operation ``query:bench.gate``; ``arrived`` has each call's time on the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self.arrived: list[float] = []
        self._came = threading.Condition()
        # Not the same condition: each arrival would wake all that wait, which for a thousand jobs is most of the work.
        self._open = threading.Event()

    def register(self, runtime: Runtime) -> None:
        """Offer it to the guests of ``runtime``."""
        runtime.operations.register(self._pass)

    @query("bench.gate", timeout=3600)
    def _pass(self, context: CallContext, request: _Nothing) -> _Nothing:
        """Wait until the gate opens."""
        now = time.monotonic()
        with self._came:
            self.arrived.append(now)
            self._came.notify_all()
        self._open.wait()
        return request

    def await_arrivals(self, jobs: int) -> None:
        """Wait until so many calls have come."""
        with self._came:
            if not self._came.wait_for(lambda: len(self.arrived) >= jobs, TIMEOUT):
                raise BenchFailed(f"{len(self.arrived)} of {jobs} jobs came to the gate within {TIMEOUT} s")

    def open(self) -> float:
        """Let all pass, now and later; returns the time on the monotonic clock, in seconds."""
        self._open.set()
        return time.monotonic()


def settings(jobs: int, switch_interval: float | None = None, *, one_processor: bool = True) -> RuntimeSettings:
    """Room for ``jobs`` jobs that run, and that wait in an operation, at once."""
    return RuntimeSettings(
        running_jobs=jobs,
        workers=jobs,
        kill_grace=TIMEOUT,
        switch_interval=switch_interval,
        one_processor=one_processor,
    )


@contextmanager
def gated_runtime(
    folder: Path, jobs: int, *, switch_interval: float | None = None, one_processor: bool = True, work: str = WORK
) -> Iterator[tuple[Runtime, Gate]]:
    """A runtime on ``folder`` with the bench extension loaded and a gate that is shut.

    ``switch_interval`` and ``one_processor`` are those of `RuntimeSettings`, ``work`` is the extension's module.
    """
    gate = Gate()
    chosen = settings(jobs, switch_interval, one_processor=one_processor)
    with Runtime.open(folder / "data", settings=chosen) as runtime:
        gate.register(runtime)
        runtime.install(write_extension(folder, EXTENSION, compiled(work)), consent=grant_as_asked)
        runtime.load(EXTENSION)
        try:
            yield runtime, gate
        finally:
            gate.open()


def timed_jobs(runtime: Runtime, gate: Gate, name: str, jobs: int, count: int) -> tuple[float, list[JobState]]:
    """Run ``jobs`` jobs that do ``count`` things each; seconds from the gate's opening to the last one's end on disk.

    Raises:
        BenchFailed: a job did not complete.
    """
    handles = [runtime.dispatch(f"{EXTENSION}:{name}", {"left": count}) for _ in range(jobs)]
    gate.await_arrivals(jobs)
    start = gate.open()
    states = [completed(handle) for handle in handles]
    return time.monotonic() - start, states


def completed(handle: JobHandle) -> JobState:
    """The final state of a job.

    Raises:
        BenchFailed: it ended in another way.
    """
    state = handle.wait(timeout=TIMEOUT)
    if state.status is not Status.COMPLETED:
        raise BenchFailed(f"job {state.job_id} ended as {state.status}: {state.error}")
    return state
