"""Memory per running job: what the process grows by when many jobs stand at one point.

Measured in a process of its own: ``python3 -m bench.memory jobs|bare FOLDER NUMBER`` prints bytes a job. ``bare`` is
the floor: a thread each, and an engine, a store and an instance of the same module, without anything of perdure.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.figure import BenchFailed, Better, Figure, Group
from bench.sizes import Sizes

_ROOT = Path(__file__).parents[1]
_STATM = Path("/proc/self/statm")


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
    from bench.held import standing_jobs

    before = 0

    def look() -> None:
        nonlocal before
        before = resident_bytes()

    with standing_jobs(folder, jobs, look):
        return (resident_bytes() - before) / jobs


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


def main() -> None:
    """Print bytes a job."""
    role, folder, jobs = sys.argv[1:]
    print({"jobs": _jobs, "bare": _bare}[role](Path(folder), int(jobs)))


if __name__ == "__main__":
    main()
