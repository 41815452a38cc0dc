"""The process that is killed while a job works on a library: ``python -m tests.runtime.vdfs.crash FOLDER POINT HIT``.

It kills itself when it passes the failpoint for the so-many-th time after the job has begun.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

from tests.runtime.vdfs.shelf import LIBRARY, Shelf
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs

from perdure.actors import GuestSpec
from perdure.runtime import Runtime
from perdure.store import failpoints

STEPS: Final = 12


def text_of(step: int) -> str:
    """A step's content, too long for a row."""
    return f"{step:04}" * 1_500


def work(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
    """Each step makes an entry and a sidecar, adds to a shared entry, and deletes every third entry; some are saved."""

    def call(method: str, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(host.call(method, json.dumps(request).encode()))
        assert "code" not in answer, answer
        return answer

    first, shared = json.loads(state) if state else (0, "")
    if not shared:
        shared = call("action:vdfs.create_entry", name="shared")["id"]
    for step in range(first, STEPS):
        entry = call("action:vdfs.create_entry", name=f"{step}", text=text_of(step))
        call("action:vdfs.write_sidecar", entry_id=entry["id"], name="copy", text=text_of(step))
        call("action:vdfs.write_sidecar", entry_id=shared, name="last", text=text_of(step))
        call("action:vdfs.append_content", entry_id=shared, offset=step * 2, content="YWI=")
        if step % 3 == 0:
            call("action:vdfs.delete_entry", entry_id=entry["id"])
        if step % 2 == 0:
            host.checkpoint(json.dumps([step + 1, shared]).encode())


def kill_at(name: str, hit: int) -> None:
    lock, passed = threading.Lock(), 0

    def count() -> None:
        nonlocal passed
        with lock:
            passed += 1
            if passed == hit:
                os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(name, count)


def main(folder: Path, name: str, hit: int) -> None:
    with Runtime.open(folder / "data") as runtime:
        jobs = PythonJobs(runtime, folder, work, methods=["*"])
        kill_at(name, hit)
        jobs.start(library_id=LIBRARY).wait(60)
        Shelf(runtime).library.sweep()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
