"""What a server takes of a machine: ``python3 -m bench.server_size`` (docs/operate.md).

The example counter runs in a real ``perdure serve``: what its start takes, memory of both processes when nothing runs,
with jobs at work, and after many jobs; what a job leaves in the log.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import psutil

from bench.disk import filesystem, scratch
from bench.machine import describe_machine
from perdure.client.client import Client
from perdure.runtime import Runtime, grant_as_asked

_COUNTER: Final = Path(__file__).parents[1] / "examples" / "counter"
_TYPE: Final = "counter:counter"
_ENDLESS: Final = {"target": 10**9, "warn_every": 0}
_QUICK: Final = {"target": 200, "work": 0}  # 200 items, and what the counter says of them
_MIB: Final = 1 << 20


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.server_size", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--running", type=int, default=60, help="jobs at work at once (default 60)")
    parser.add_argument("--jobs", type=int, default=2000, help="jobs that come and go (default 2000)")
    parser.add_argument("--dir", type=Path, default=Path(), help="a folder on a disk, for the data (default: here)")
    options = parser.parse_args()
    machine = describe_machine(filesystem(options.dir))
    print(f"perdure {machine.perdure}, Python {machine.python}, {machine.system}, {machine.processors} processors\n")
    with scratch(options.dir) as folder:
        _measure(folder, options.running, options.jobs)


def _measure(folder: Path, running: int, jobs: int) -> None:
    with Runtime.open(folder / "data") as runtime:
        runtime.install(_COUNTER, consent=grant_as_asked)
    began = time.perf_counter()
    command = [sys.executable, "-m", "perdure.cli", "serve", "--data", str(folder / "data"), "--port", "0"]
    with subprocess.Popen([*command, "--log-level", "warning"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            server.stdout.readline()
            print("| what | engine | web |\n| --- | ---: | ---: |")
            print(f"| from the command to the first answer | {time.perf_counter() - began:.2f} s | |")
            with Client.open(folder / "data") as client:
                engine, web = _processes(server.pid)
                starts = [sum(one.cpu_times()[:2]) for one in (engine, web)]
                print(f"| processor time of the start | {starts[0]:.2f} s | {starts[1]:.2f} s |")
                own = [one.memory_full_info().uss / _MIB for one in (engine, web)]
                print(f"| memory that it shares with nobody, nothing runs | {own[0]:.0f} MiB | {own[1]:.0f} MiB |")
                _say("memory, nothing runs", server.pid)
                at_work = [client.dispatch(_TYPE, _ENDLESS) for _ in range(running)]
                time.sleep(3)  # so that each has begun, and the log has grown by what they do
                _say(f"memory, {running} jobs at work", server.pid)
                for handle in at_work:
                    handle.cancel()
                for handle in at_work:
                    handle.wait(60)
                before = _size(folder / "data" / "log")
                began = time.perf_counter()
                handles = [client.dispatch(_TYPE, _QUICK) for _ in range(jobs)]
                for handle in handles:
                    handle.wait(120)
                seconds = time.perf_counter() - began
                _say(f"memory, {jobs:,} jobs later", server.pid)
                grown = (_size(folder / "data" / "log") - before) / jobs
                events = len(list(client.history(handles[0].job_id)))
            print(f"\n{jobs / seconds:,.0f} jobs/s dispatched over the Unix socket by one client, one by one, and run;")
            size = f"{grown / 1024:.1f} KiB in the log, {grown / events:.0f} bytes an event"
            print(f"a job of {events} events leaves {size}")
        finally:
            server.terminate()


def _processes(server: int) -> tuple[psutil.Process, psutil.Process]:
    """The engine and the web process."""
    engine = psutil.Process(server)
    return engine, next(one for one in engine.children() if "perdure.server.web.process" in one.cmdline())


def _say(what: str, server: int) -> None:
    sizes = [one.memory_info().rss / _MIB for one in _processes(server)]
    print(f"| {what} | {sizes[0]:.0f} MiB | {sizes[1]:.0f} MiB |", flush=True)


def _size(path: Path) -> int:
    """Bytes on the disk; the log's map has holes."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_blocks * 512 for one in files)


if __name__ == "__main__":
    main()
