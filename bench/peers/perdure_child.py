"""perdure takes its turn: ``python3 -m bench.peers.perdure_child``, started by `bench.peers.turn`.

Most is what ``python3 -m bench`` measures, too, done by the same code.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bench import boundary, dispatching, loading, log, recovery, sizes
from bench.gate import completed, gated_runtime, timed_jobs
from bench.guests import EXTENSION
from bench.peers.counts import Counts
from bench.peers.meter import Meter
from bench.peers.rows import SHORT_INTERVAL, Subject
from bench.peers.turn import TurnFailed, busy_thread, take_turn


def _sizes(counts: Counts) -> sizes.Sizes:
    """What the table of floors measures is measured here, with these counts."""
    return msgspec.structs.replace(
        sizes.FULL,
        append_events=counts.appends,
        rebuild_events=counts.rebuild,
        host_calls=counts.host_calls,
        dispatches=counts.starts,
        loads=counts.loads,
        module_functions=counts.module_functions,
        recovery_jobs=counts.recovery_jobs,
        recovery_steps=counts.recovery_steps,
    )


def _figures(subject: Any, counts: Counts, folder: Path, keys: Mapping[str, str]) -> dict[str, float]:
    """Values of ``python3 -m bench`` under the keys of rows here. ``keys``: from theirs to ours."""
    found: dict[str, float] = {}
    for number, group in enumerate(subject.groups(_sizes(counts))):
        if any(figure.key in keys for figure in group.figures):
            inner = folder / f"{subject.__name__}-{number}"
            inner.mkdir()
            values = group.work(inner)
            found |= {keys[key]: value for key, value in values.items() if key in keys}
    return found


def _steps(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    space = steps = 0
    (folder / "first").mkdir()
    with gated_runtime(folder / "first", 2) as (runtime, gate):
        timed_jobs(runtime, gate, "checkpoints", 2, 5)  # as the peers do before they are measured
    for jobs, each in counts.steps.items():
        inner = folder / f"jobs-{jobs}"
        inner.mkdir()
        with gated_runtime(inner, jobs) as (runtime, gate):
            handles = [runtime.dispatch(f"{EXTENSION}:checkpoints", {"left": each}) for _ in range(jobs)]
            gate.await_arrivals(jobs)
            with Meter(inner) as meter:
                gate.open()
                states = [completed(handle) for handle in handles]
            saved = sum(state.checkpoints for state in states)
            if saved != jobs * each:
                raise TurnFailed(f"{saved} checkpoints in the log, not {jobs * each}")
            found |= meter.of_steps(jobs, saved)
            space, steps = space + meter.space, steps + saved
    starts = {"dispatch_returns": "start_returns", "dispatch_ended": "start_result"}
    return {**found, "disk": space / steps, **_figures(dispatching, counts, folder, starts)}


def _busy(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    found = {}
    busy_thread()
    for name, interval in (("busy", None), ("busy_short", SHORT_INTERVAL)):
        for jobs, each in counts.busy.items():
            inner = folder / f"{name}-{jobs}"
            inner.mkdir()
            with gated_runtime(inner, jobs, switch_interval=interval) as (runtime, gate):
                seconds, states = timed_jobs(runtime, gate, "checkpoints", jobs, each)
            found[f"{name}_{jobs}"] = sum(state.checkpoints for state in states) / seconds
    return found


def _recovery(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    keys = {"recovery_process": "recovery", "recovery": "recovery_open"}
    group = next(
        group for group in recovery.groups(_sizes(counts)) if any(one.key == "recovery" for one in group.figures)
    )
    values = group.work(folder)
    return {keys[key]: value for key, value in values.items() if key in keys}


def _log(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    keys = {f"append_{batch}": f"append_{batch}" for batch in counts.appends}
    return _figures(log, counts, folder, {**keys, "rebuild_1000": "rebuild"})


def _sandbox(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    loads = {"load_cached": "load", "load_unlogged": "load_unlogged"}
    calls = _figures(boundary, counts, folder, {"host_call": "host_call"})
    return {**calls, **_figures(loading, counts, folder, loads)}


if __name__ == "__main__":
    take_turn(
        {
            Subject.STEPS: _steps,
            Subject.BUSY: _busy,
            Subject.RECOVERY: _recovery,
            Subject.LOG: _log,
            Subject.SANDBOX: _sandbox,
        }
    )
