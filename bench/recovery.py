"""Jobs whose process is killed with -9, and how long it takes until all of them go on.

A child process runs the jobs until each has saved all its checkpoints but the last, and is killed there. A second one,
new, opens the folder. Both are this module: ``python3 -m bench.recovery run|recover FOLDER JOBS STEPS``.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from bench.figure import BenchFailed, Better, Figure, Group
from bench.sizes import Sizes

_ROOT = Path(__file__).parents[1]
_READY = "all jobs are at the gate"


class Recovered(msgspec.Struct, frozen=True):
    """What the second child saw; seconds on the monotonic clock, which all processes of a machine share."""

    opened: float  # Runtime.open was called
    going_on: float  # the last job called its host
    ended: float  # the last job's next checkpoint and its end are on disk


def groups(sizes: Sizes) -> Iterator[Group]:
    """From the call of `Runtime.open`, and from the start of the process."""
    what = f"{sizes.recovery_jobs} jobs of {sizes.recovery_steps} steps after kill -9"
    figures = (
        Figure("recovery", f"{what}: all going on", "s", Better.LESS, "sandboxes"),
        Figure("recovery_ended", f"{what}: all one step further and ended", "s", Better.LESS, "sandboxes"),
        Figure("recovery_process", f"{what}: all going on, with Python's start", "s", Better.LESS, "python_start"),
    )
    yield Group(figures, partial(_recovery, jobs=sizes.recovery_jobs, steps=sizes.recovery_steps))


def _recovery(folder: Path, jobs: int, steps: int) -> Mapping[str, float]:
    child = _start("run", folder, jobs, steps)
    try:
        # An empty line is the end of the output: the child died, and its error is on ours.
        if child.stdout is None or child.stdout.readline().strip() != _READY:
            raise BenchFailed("the process that runs the jobs died early")
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    started = time.monotonic()
    child = _start("recover", folder, jobs, steps)
    output, _ = child.communicate()
    if child.returncode != 0:
        raise BenchFailed("the process that recovers the jobs failed")
    seen = msgspec.json.decode(output, type=Recovered)
    return {
        "recovery": seen.going_on - seen.opened,
        "recovery_ended": seen.ended - seen.opened,
        "recovery_process": seen.going_on - started,
    }


def _start(role: str, folder: Path, jobs: int, steps: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.recovery", role, str(folder), str(jobs), str(steps)]
    return subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)


# --- in the children -------------------------------------------------------------------------------------------------


def _run(folder: Path, jobs: int, steps: int) -> None:
    from bench.gate import gated_runtime
    from bench.guests import EXTENSION

    with gated_runtime(folder, jobs) as (runtime, gate):
        for _ in range(jobs):
            runtime.dispatch(f"{EXTENSION}:steps", {"left": steps + 1})
        gate.await_arrivals(jobs)
        print(_READY, flush=True)
        threading.Event().wait()  # for the end


def _recover(folder: Path, jobs: int, steps: int) -> None:
    from bench.gate import Gate, completed, settings
    from perdure.runtime import Runtime

    gate = Gate()
    gate.open()
    opened = time.monotonic()
    # An embedder with operations of its own registers them before the jobs go on.
    with Runtime.open(folder / "data", settings=settings(jobs), recover=False) as runtime:
        gate.register(runtime)
        handles = runtime.recover()
        states = [completed(handle) for handle in handles]
        ended = time.monotonic()
    if len(states) != jobs or len(gate.arrived) != jobs:
        raise BenchFailed(f"{len(states)} of {jobs} jobs were recovered, {len(gate.arrived)} went on")
    if wrong := [state for state in states if (state.checkpoints, state.attempts) != (steps + 1, 2)]:
        raise BenchFailed(f"{len(wrong)} jobs did not go on from their last checkpoint, such as {wrong[0]}")
    print(msgspec.json.encode(Recovered(opened, max(gate.arrived), ended)).decode())


def main() -> None:
    """Be one of the children."""
    role, folder, jobs, steps = sys.argv[1:]
    {"run": _run, "recover": _recover}[role](Path(folder), int(jobs), int(steps))


if __name__ == "__main__":
    main()
