"""Processes that are killed: ``python -m tests.conformance.victim DATA EXTENSION``, with a line of JSON for each.

``[job, state, failpoint, hit]``: a process dispatches that job on the data folder, and kills itself with SIGKILL when
it passes the failpoint for so many times from then on. The answer is the signal that ended it, and 0 if none did. Each
is a fork of this one, which starts no threads and opens nothing, so that Python starts once for all.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

from perdure.runtime import Runtime
from perdure.store import failpoints


def die(data: str, job: str, state: Any, failpoint: str, hit: int) -> None:
    """Live until then."""
    lock, passed = threading.Lock(), 0

    def count() -> None:
        nonlocal passed
        with lock:
            passed += 1
            if passed == hit:
                os.kill(os.getpid(), signal.SIGKILL)

    # The jobs of those that were killed before stay as they are.
    runtime = Runtime.open(data, recover=False)
    runtime.load(job.partition(":")[0])
    failpoints.arm(failpoint, count)
    runtime.dispatch(job, state).wait(60)


def main(data: str, extension: str) -> None:
    for line in sys.stdin:
        job, state, failpoint, hit = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                die(data, f"{extension}:{job}", state, failpoint, hit)
            finally:
                os._exit(0)
        print(os.WTERMSIG(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
