"""A process that runs jobs and folds them, and dies: ``python -m tests.crash.fold_process HOME [FAILPOINT HIT]``.

It keeps its data in HOME/data, and notes each job that it began under a key in HOME/jobs before it is folded.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT

from perdure.actors import GuestSpec
from perdure.actors.clock import SystemClock
from perdure.runtime import Runtime
from perdure.runtime.retention import folding
from perdure.runtime.retention.pace import Pace
from perdure.store import failpoints
from perdure.store.events import INLINE_LIMIT

JOBS: Final = 40  # more than are folded in one commit
LARGE: Final = INLINE_LIMIT + 1
SHARED: Final = b'"%s"' % (b"s" * LARGE)


def own_state(number: int) -> bytes:
    """What only this job saves."""
    return b'"%d %s"' % (number, b"o" * LARGE)


def save(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
    """A guest that saves a large state of its own in some jobs, and one that all of them have."""
    number = int(state)
    host.report_progress(0.5)
    if number % 8 == 7:
        host.checkpoint(own_state(number))
        host.checkpoint(SHARED)
    host.increment_items(number)


def begin(runtime: Runtime, home: Path) -> PythonJobs:
    """The extension, installed if this is the first process."""
    known = bool(runtime.extensions())
    return PythonJobs(runtime, None if known else home, save)


def run_jobs(runtime: Runtime, jobs: PythonJobs, home: Path) -> None:
    """Run all jobs to their end, each under its key; what was begun before is not begun again."""
    handles = [
        runtime.dispatch(f"{jobs.extension}:run", number, idempotency_key=f"job {number}") for number in range(JOBS)
    ]
    for handle in handles:
        handle.wait(TIMEOUT)
    (home / "jobs").write_text("\n".join(str(handle.job_id) for handle in handles))


def fold_all(runtime: Runtime, *, keep: int = 1) -> None:
    """Fold all jobs but the last ones, and sweep as if everything had been put long ago."""
    states = sorted(runtime.jobs(limit=1000).jobs, key=lambda state: state.job_id)[: JOBS - keep]
    due = [state for state in states if state.folded_at is None]
    pace = Pace(threading.Event(), SystemClock(), rest=0.0)
    folder = runtime._retention._folder
    folder.fold(iter([due[:20], due[20:]]), pace)
    runtime._retention._sweeper.sweep(pace, time.time() + 60)


def kill_at(name: str, hit: int) -> None:
    """Arm a failpoint with this process's death, when it is passed for the ``hit``-th time."""
    passed = 0

    def count() -> None:
        nonlocal passed
        passed += 1
        if passed == hit:
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(name, count)


def main() -> None:
    home = Path(sys.argv[1])
    vars(folding)["_FRAMES"] = 8  # so that it can die between two removals of one batch
    with Runtime.open(home / "data") as runtime:
        run_jobs(runtime, begin(runtime, home), home)
        if len(sys.argv) > 2:
            kill_at(sys.argv[2], int(sys.argv[3]))
        fold_all(runtime)
        runtime.fold_jobs(timedelta(days=1))


if __name__ == "__main__":
    main()
