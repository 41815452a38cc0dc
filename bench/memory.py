"""Memory per running job: what the process grows by when many jobs stand at one point.

Measured in a process of its own: ``python3 -m bench.memory jobs|bare FOLDER NUMBER`` prints bytes a job. ``bare`` is
the floor: a thread each, and an engine, a store and an instance of the same module, without anything of perdure.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.figure import BenchFailed, Better, Figure, Group
from bench.sizes import Sizes

_ROOT = Path(__file__).parents[1]
_STATM = Path("/proc/self/statm")
_TIMEOUT = 60.0


def groups(sizes: Sizes) -> Iterator[Group]:
    """The floor, then the figure."""
    floor = Figure("bare_sandbox", "thread, engine, store, instance: memory", "KiB", Better.LESS)
    figure = Figure(
        "job_memory", f"memory per running job, {sizes.memory_jobs} of them", "KiB", Better.LESS, "bare_sandbox"
    )
    for role, which in (("bare", floor), ("jobs", figure)):
        yield Group((which,), partial(_child, role=role, key=which.key, jobs=sizes.memory_jobs))


def _child(folder: Path, role: str, key: str, jobs: int) -> Mapping[str, float]:
    command = [sys.executable, "-m", "bench.memory", role, str(folder), str(jobs)]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise BenchFailed("the process that measures memory failed")
    return {key: float(done.stdout) / 1024}


# --- in the child ----------------------------------------------------------------------------------------------------


def resident_bytes() -> int:
    """The process's resident memory; where the present one is not told, the most there ever was."""
    if _STATM.exists():
        import mmap

        return int(_STATM.read_text().split()[1]) * mmap.PAGESIZE
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _jobs(folder: Path, jobs: int) -> float:
    from bench.gate import completed, settings
    from bench.guests import EXTENSION, WORK, compiled, write_extension
    from perdure.runtime import ActorHooks, Runtime, grant_as_asked

    class HeldLog(ActorHooks):
        """Holds the log's writer after a commit, so that every job comes to stand at its next checkpoint."""

        def __init__(self) -> None:
            self.hold = False
            self.let_go = threading.Event()

        def committed(self, events: int, size: int, requests: int, seconds: float) -> None:
            if self.hold:
                self.let_go.wait()

    hooks = HeldLog()
    with Runtime.open(folder / "data", settings=settings(jobs), hooks=hooks) as runtime:
        runtime.install(write_extension(folder, EXTENSION, compiled(WORK)), consent=grant_as_asked)
        runtime.load(EXTENSION)
        completed(runtime.dispatch(f"{EXTENSION}:line"))
        before = resident_bytes()
        handles = [runtime.dispatch(f"{EXTENSION}:until_stopped") for _ in range(jobs)]
        _wait_until(lambda: all(handle.state.checkpoints for handle in handles))
        hooks.hold = True
        # One event waits in each job's lane: its checkpoint.
        _wait_until(lambda: runtime.mailbox_depths()["lanes"] == jobs)
        per_job = (resident_bytes() - before) / jobs
        hooks.hold = False
        hooks.let_go.set()
        for handle in handles:
            handle.cancel()
        for handle in handles:
            handle.wait(timeout=_TIMEOUT)
    return per_job


def _bare(folder: Path, jobs: int) -> float:
    import wasmtime

    from bench.floors import bare_instance
    from bench.guests import WORK, compiled

    code = folder / "module.cwasm"
    code.write_bytes(wasmtime.Module(wasmtime.Engine(), compiled(WORK)).serialize())
    kept = [bare_instance(code)]
    arrived, let_go = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        instance = bare_instance(code)
        arrived.release()
        let_go.wait()
        kept.append(instance)

    before = resident_bytes()
    threads = [threading.Thread(target=hold) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for _ in threads:
        arrived.acquire()
    per_job = (resident_bytes() - before) / jobs
    let_go.set()
    for thread in threads:
        thread.join()
    return per_job


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise BenchFailed("the jobs did not come to stand at their checkpoints")
        time.sleep(0.01)


def main() -> None:
    """Print bytes a job."""
    role, folder, jobs = sys.argv[1:]
    print({"jobs": _jobs, "bare": _bare}[role](Path(folder), int(jobs)))


if __name__ == "__main__":
    main()
