"""Jobs that all stand at one point: a checkpoint that is not answered, because the log's writer is held."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.figure import BenchFailed
from bench.gate import completed, settings
from bench.guests import EXTENSION, WORK, compiled, write_extension
from perdure.actors.hooks import JobMeter
from perdure.runtime import ActorHooks, Runtime, grant_as_asked

_TIMEOUT: Final = 120.0  # seconds


class HeldLog(ActorHooks):
    """Holds the log's writer after a commit, so that every job comes to stand at its next checkpoint."""

    def __init__(self) -> None:
        self.hold = False
        self.let_go = threading.Event()
        self.attempts = 0

    def attempt_started(self, meter: JobMeter, cause: str) -> None:
        self.attempts += 1

    def committed(self, events: int, size: int, requests: int, seconds: float) -> None:
        if self.hold:
            self.let_go.wait()


@contextmanager
def standing_jobs(folder: Path, jobs: int, before: Callable[[], None]) -> Iterator[Runtime]:
    """A runtime with so many jobs at a checkpoint; ``before`` is called when none runs yet, but one has.

    They are dispatched to an earlier runtime, which runs one of them, and started all at once by the next: those that
    run already save checkpoints without a pause, and would make the others' dispatches slow.

    Raises:
        BenchFailed: they did not come to stand there.
    """
    with Runtime.open(folder / "data", settings=settings(1)) as runtime:
        runtime.install(write_extension(folder, EXTENSION, compiled(WORK)), consent=grant_as_asked)
        runtime.load(EXTENSION)
        completed(runtime.dispatch(f"{EXTENSION}:line"))
        for _ in range(jobs):
            runtime.dispatch(f"{EXTENSION}:until_stopped")
    hooks = HeldLog()
    with Runtime.open(folder / "data", settings=settings(jobs), hooks=hooks, recover=False) as runtime:
        before()
        handles = runtime.recover()
        try:
            _wait_until(lambda: hooks.attempts == jobs)
            hooks.hold = True
            # One event waits in each job's lane: its checkpoint.
            _wait_until(lambda: runtime.mailbox_depths()["lanes"] == jobs)
            yield runtime
        finally:
            hooks.hold = False
            hooks.let_go.set()
        for handle in handles:
            handle.cancel()
        for handle in handles:
            handle.wait(timeout=_TIMEOUT)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise BenchFailed("the jobs did not come to stand at their checkpoints")
        time.sleep(0.01)
