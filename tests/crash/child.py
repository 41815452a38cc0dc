"""The process that is killed: ``python -m tests.crash.child --data DIR --facts FILE``.

It runs the workload on a data folder, and writes each acknowledgement to the facts as soon as it has it. With
``--failpoint NAME --hit N`` it kills itself with SIGKILL when it passes that failpoint for the N-th time; without, it
waits for its parent to kill it. It prints ``ready`` just before it opens the runtime.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from pathlib import Path

from tests.crash.facts import Facts
from tests.crash.workload import Workload, witnessed

from perdure.runtime import Runtime
from perdure.store import failpoints


def kill_at(name: str, hit: int, facts: Facts) -> None:
    """Arm a failpoint with this process's death."""
    lock, passed = threading.Lock(), 0

    def count() -> None:
        nonlocal passed
        with lock:
            passed += 1
            if passed == hit:
                facts.position = lambda: 0  # the store may be in the middle of anything
                facts.state("died", detail=f"{name} {hit}")
                os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(name, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=Workload().jobs)
    parser.add_argument("--target", type=int, default=Workload().target)
    parser.add_argument("--failpoint", default="")
    parser.add_argument("--hit", type=int, default=1)
    options = parser.parse_args()
    facts = Facts(options.facts)
    if options.failpoint:
        kill_at(options.failpoint, options.hit, facts)
    print("ready", flush=True)
    with witnessed(facts), Runtime.open(options.data) as runtime:
        Workload(options.jobs, options.target).run(runtime, facts, options.data / "extension")


if __name__ == "__main__":
    main()
