"""The process that is killed: ``python -m tests.properties.guest_process FOLDER FAILPOINT HIT``.

It brings the job of the guest in ``FOLDER/guest.wasm`` to its end, on the data in ``FOLDER/data`` and in the world that
``FOLDER`` is, and kills itself when it passes the failpoint for the ``HIT``-th time; 0: it lives.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from tests.support.guest_world import JOB, SETTINGS, World, bring_to_end, dispatch

from perdure.runtime import Runtime
from perdure.store import failpoints
from perdure.store.events import job_stream


def kill_at(failpoint: str, hit: int) -> None:
    """Arm it with this process's death."""
    lock, passed = threading.Lock(), 0

    def count() -> None:
        nonlocal passed
        with lock:
            passed += 1
            if passed == hit:
                os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(failpoint, count)


def main(folder: Path, failpoint: str, hit: int) -> None:
    kill_at(failpoint, hit)
    world = World(folder)
    with Runtime.open(folder / "data", settings=SETTINGS, operations=world.handlers()) as runtime:
        if runtime.store.head(job_stream(JOB)) is None:
            dispatch(runtime, folder / "extension", (folder / "guest.wasm").read_bytes())
        bring_to_end(runtime, world, threading.Event())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
