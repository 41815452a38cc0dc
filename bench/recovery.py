"""Jobs whose process is killed with -9, and how long it takes until all of them go on.

A child process runs the jobs until each has done all its steps but the last, and is killed there. A second one, new,
opens the folder: its guests run again from the start, and the log answers them until each is where it was. Both are
this module: ``python3 -m bench.recovery run|recover FOLDER JOB JOBS STEPS``.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from bench.figure import BenchFailed, Better, Figure, Group
from bench.sizes import Sizes

_ROOT = Path(__file__).parents[1]
_READY = "all jobs are at the gate"
_EVENTS: Final = {"steps": 2, "touching_steps": 4}  # and what they leave: an action's intent stands for itself


class Recovered(msgspec.Struct, frozen=True):
    """What the second child saw; seconds on the monotonic clock, which all processes of a machine share."""

    opened: float  # Runtime.open was called
    going_on: float  # the last job called its host
    ended: float  # the last job's next checkpoint and its end are on disk
    processor: float  # what all of that took of the processors
    switches: int  # of threads, in it


def groups(sizes: Sizes) -> Iterator[Group]:
    """From the call of `Runtime.open`, and from the start of the process."""
    jobs, steps = sizes.recovery_jobs, sizes.recovery_steps
    what = f"{jobs} jobs of {steps} steps after kill -9"
    figures = (
        Figure("recovery", f"{what}: all going on", "s", Better.LESS, "sandboxes"),
        Figure("recovery_ended", f"{what}: all one step further and ended", "s", Better.LESS, "sandboxes"),
        Figure("recovery_process", f"{what}: all going on, with Python's start", "s", Better.LESS, "python_start"),
        Figure("recovery_events", f"{what}: replayed until all go on", "events/s", Better.MORE, "lmdb_scan"),
        Figure("recovery_processor", f"{what}: processor time of all that", "s", Better.LESS),
        Figure("recovery_switches", f"{what}: switches of threads in it", "thousands", Better.LESS),
    )
    yield Group(figures, partial(_recovery, job="steps", jobs=jobs, steps=steps))
    what = f"{jobs} jobs of {steps} steps with an action after kill -9"
    of_actions = (
        Figure("recovery_actions", f"{what}: all going on", "s", Better.LESS, "sandboxes"),
        Figure("recovery_actions_events", f"{what}: replayed until then", "events/s", Better.MORE, "lmdb_scan"),
    )
    yield Group(of_actions, partial(_recovery_of_actions, jobs=jobs, steps=steps))


def _recovery(folder: Path, job: str, jobs: int, steps: int) -> Mapping[str, float]:
    child = _start("run", folder, job, jobs, steps)
    try:
        # An empty line is the end of the output: the child died, and its error is on ours.
        if child.stdout is None or child.stdout.readline().strip() != _READY:
            raise BenchFailed("the process that runs the jobs died early")
    finally:
        child.send_signal(signal.SIGKILL)
        child.communicate()
    started = time.monotonic()
    child = _start("recover", folder, job, jobs, steps)
    output, _ = child.communicate()
    if child.returncode != 0:
        raise BenchFailed("the process that recovers the jobs failed")
    seen = msgspec.json.decode(output, type=Recovered)
    return {
        "recovery": seen.going_on - seen.opened,
        "recovery_ended": seen.ended - seen.opened,
        "recovery_process": seen.going_on - started,
        "recovery_events": jobs * steps * _EVENTS[job] / (seen.going_on - seen.opened),
        "recovery_processor": seen.processor,
        "recovery_switches": seen.switches / 1000,
    }


def _recovery_of_actions(folder: Path, jobs: int, steps: int) -> Mapping[str, float]:
    found = _recovery(folder, "touching_steps", jobs, steps)
    return {"recovery_actions": found["recovery"], "recovery_actions_events": found["recovery_events"]}


def _start(role: str, folder: Path, job: str, jobs: int, steps: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.recovery", role, str(folder), job, str(jobs), str(steps)]
    return subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)


# --- in the children -------------------------------------------------------------------------------------------------


def _run(folder: Path, job: str, jobs: int, steps: int) -> None:
    from bench.gate import gated_runtime
    from bench.guests import EXTENSION
    from bench.operations import Touching

    with gated_runtime(folder, jobs) as (runtime, gate):
        runtime.operations.register(Touching().touch)
        for _ in range(jobs):
            runtime.dispatch(f"{EXTENSION}:{job}", {"left": steps + 1})
        gate.await_arrivals(jobs)
        print(_READY, flush=True)
        threading.Event().wait()  # for the end


def _recover(folder: Path, job: str, jobs: int, steps: int) -> None:
    from bench.gate import Gate, completed, settings
    from bench.operations import Touching
    from perdure.runtime import Runtime
    from perdure.store.events import GuestEvent, JobRecovered

    gate, touching = Gate(), Touching()
    gate.open()
    before = resource.getrusage(resource.RUSAGE_SELF)
    opened = time.monotonic()
    # An embedder with operations of its own registers them before the jobs go on.
    with Runtime.open(folder / "data", settings=settings(jobs), recover=False) as runtime:
        gate.register(runtime)
        runtime.operations.register(touching.touch)
        handles = runtime.recover()
        states = [completed(handle) for handle in handles]
        ended = time.monotonic()
        used = resource.getrusage(resource.RUSAGE_SELF)
        events = [stored.event for stored in runtime.store.read(f"job:{states[0].job_id}")] if states else []
    if len(states) != jobs or len(gate.arrived) != jobs:
        raise BenchFailed(f"{len(states)} of {jobs} jobs were recovered, {len(gate.arrived)} went on")
    if wrong := [state for state in states if (state.checkpoints, state.attempts) != (steps + 1, 2)]:
        raise BenchFailed(f"{len(wrong)} jobs did not go on where they were, such as {wrong[0]}")
    if touching.count:
        raise BenchFailed(f"{touching.count} actions were done a second time")
    # Behind the steps: the gate's answer and the last checkpoint.
    if (
        sum(isinstance(event, GuestEvent) for event in events) != steps * _EVENTS[job] + 2
        or sum(isinstance(event, JobRecovered) for event in events) != 1
    ):
        raise BenchFailed(f"job {states[0].job_id} was not taken up by its log")
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    switches = used.ru_nvcsw + used.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw
    seen = Recovered(opened, max(gate.arrived), ended, processor, switches)
    print(msgspec.json.encode(seen).decode())


def main() -> None:
    """Be one of the children."""
    role, folder, job, jobs, steps = sys.argv[1:]
    {"run": _run, "recover": _recover}[role](Path(folder), job, int(jobs), int(steps))


if __name__ == "__main__":
    main()
