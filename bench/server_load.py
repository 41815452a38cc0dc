"""What clients cost the jobs of a server: ``python3 -m bench.server_load`` (ADR 0022).

Jobs in a server save checkpoints, each synced to disk, as fast as they can. Their rate alone is compared with that
beside 1,000 watchers (half of the list of jobs, half of one job each) and 200 requests a second. The two are measured
in turns on the same server, so that a machine that is busy for a while spoils a turn and not a side.

The crowd runs on this machine, too, which costs its processors more than the server does: it is told to be nice, and
the table says what each process took of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from bench.disk import filesystem, scratch
from bench.machine import describe_machine, spin_ms
from perdure.store.event_store import JobQuery
from perdure.store.job_state import JobState
from perdure.store.lmdb_store import LmdbEventStore

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SETTLE: Final = 1.0  # seconds after a change that are not measured


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.server_load", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=5, help="of each side (default 5)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of one turn (default 4)")
    parser.add_argument("--jobs", type=int, nargs="+", default=[8, 100])
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=200, help="a second (default 200)")
    parser.add_argument("--dir", type=Path, default=Path(), help="a folder on a disk, for the data (default: here)")
    options = parser.parse_args()
    machine = describe_machine(filesystem(options.dir))
    print(
        f"perdure {machine.perdure}, Python {machine.python}, {machine.system}, {machine.processors} processors, "
        f"{machine.filesystem}; {options.watchers} watchers, {options.requests} requests/s, "
        f"{options.turns} turns of {options.seconds:g} s; a fixed piece of Python took {spin_ms():.1f} ms\n"
    )
    print("| jobs | checkpoints/s alone | min … max | beside the crowd | min … max | ratio, pair by pair |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    notes: list[str] = []
    for jobs in options.jobs:
        with scratch(options.dir) as folder:
            notes.append(_measure(folder, jobs, options))
    print("", *notes, sep="\n")


def _measure(folder: Path, jobs: int, options: argparse.Namespace) -> str:
    with (
        _served(folder, jobs) as (server, address, token_file),
        LmdbEventStore.open_readonly(folder / "data") as store,
    ):
        web = _web_of(server)
        alone: list[float] = []
        beside: list[float] = []
        crowd_said: list[dict[str, float]] = []
        shares: dict[str, list[float]] = {name: [] for name in ("engine alone", "engine", "web", "crowd")}
        for _ in range(options.turns):
            time.sleep(_SETTLE)
            rate, cost = _rate(store, options.seconds, {"engine alone": server.pid})
            alone.append(rate)
            _add(shares, cost)
            jobs_now = [f"{state.job_id}@{state.sequence}" for state in _jobs(store)]
            with _crowd(address, token_file, options, jobs_now) as crowd:
                time.sleep(_SETTLE)
                processes = {"engine": server.pid, "web": web, "crowd": crowd.pid}
                rate, cost = _rate(store, options.seconds, processes)
                beside.append(rate)
                _add(shares, cost)
                crowd_said.append(_farewell(crowd))
    ratios = [one / other for one, other in zip(beside, alone, strict=True)]
    print(
        f"| {jobs} | {statistics.median(alone):,.0f} | {min(alone):,.0f} … {max(alone):,.0f} "
        f"| {statistics.median(beside):,.0f} | {min(beside):,.0f} … {max(beside):,.0f} "
        f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} … {max(ratios):.2f}) |",
        flush=True,
    )
    taken = ", ".join(f"{name} {statistics.median(values):.2f}" for name, values in shares.items())
    said = {name: statistics.median(one[name] for one in crowd_said) for name in crowd_said[0]}
    return (
        f"{jobs} jobs: processors taken: {taken}. The crowd was sent {said['megabytes']:.1f} MB/s, and answered "
        f"{said['requests']:.0f} requests/s in {said['median_ms']:.1f} ms (99 of 100 in {said['p99_ms']:.1f} ms); "
        f"{said['lost']:.0f} watchers were dropped."
    )


@contextmanager
def _served(folder: Path, jobs: int) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    with _child("bench.served", folder, jobs) as server:
        address, token_file = _line(server.stdout).split(" ", 1)
        yield server, address, token_file
        _end(server)


@contextmanager
def _crowd(
    address: str, token_file: str, options: argparse.Namespace, jobs: list[str]
) -> Iterator[subprocess.Popen[str]]:
    with _child("bench.crowd", address, token_file, options.watchers, options.requests, *jobs) as crowd:
        if _line(crowd.stdout) != "ready":
            raise SystemExit("the crowd did not get in")
        yield crowd


@contextmanager
def _child(module: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module, *map(str, words)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def _farewell(crowd: subprocess.Popen[str]) -> dict[str, float]:
    _end(crowd)
    said: dict[str, float] = json.loads(_line(crowd.stdout))
    crowd.wait()
    return said


def _end(child: subprocess.Popen[str]) -> None:
    if child.stdin is not None:
        child.stdin.close()


def _line(stream: IO[str] | None) -> str:
    return stream.readline().strip() if stream is not None else ""


def _rate(store: LmdbEventStore, seconds: float, processes: dict[str, int]) -> tuple[float, dict[str, float]]:
    """Checkpoints a second, and how many processors each process takes."""
    before, cpu_before, began = _saved(store), _cpu(processes), time.monotonic()
    time.sleep(seconds)
    after, cpu_after, took = _saved(store), _cpu(processes), time.monotonic() - began
    return (after - before) / took, {name: (cpu_after[name] - cpu_before[name]) / took for name in processes}


def _saved(store: LmdbEventStore) -> int:
    return sum(state.checkpoints for state in _jobs(store))


def _jobs(store: LmdbEventStore) -> list[JobState]:
    return store.jobs(JobQuery(limit=1000)).jobs


def _cpu(processes: dict[str, int]) -> dict[str, float]:
    """Seconds of processors that each has taken (proc_pid_stat(5))."""
    found: dict[str, float] = {}
    for name, pid in processes.items():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found[name] = (int(fields[11]) + int(fields[12])) / _TICKS
    return found


def _add(shares: dict[str, list[float]], cost: dict[str, float]) -> None:
    for name, value in cost.items():
        shares[name].append(value)


def _web_of(server: subprocess.Popen[str]) -> int:
    for child in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split():
        if b"perdure.server.web.process" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise SystemExit("the server has no web process")


if __name__ == "__main__":
    main()
