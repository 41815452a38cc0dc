"""The process that is killed while jobs dispatch jobs and wake others: ``python -m … FOLDER POINT HIT``.

A root job subscribes, then dispatches children and waits for each; each child publishes; each event wakes a job.
It kills itself when it passes the failpoint for the so-many-th time after the root has begun.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import eventually

from perdure.actors import GuestSpec
from perdure.runtime import Runtime
from perdure.store import failpoints

CHILDREN: Final = 6


def work(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
    def call(method: str, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(host.call(method, json.dumps(request).encode()))
        assert "code" not in answer, answer
        return answer

    told = json.loads(state)
    if "page" in told:
        call("action:events.publish", topic="page.read", data=told["page"])
    elif "next" in told:
        if told["next"] == 0:
            call("action:events.subscribe", topics=["page.*"], job_type="run")
        for page in range(told["next"], CHILDREN):
            child = call("action:jobs.dispatch", job_type="run", state={"page": page})
            assert call("query:jobs.wait", job_id=child["job_id"])["status"] == "completed"
            if page % 2:
                host.checkpoint(json.dumps({"next": page + 1}).encode())


def kill_at(name: str, hit: int) -> None:
    lock, passed = threading.Lock(), 0

    def count() -> None:
        nonlocal passed
        with lock:
            passed += 1
            if passed == hit:
                os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(name, count)


def all_ended(runtime: Runtime) -> bool:
    return all(state.finished for state in runtime.jobs(limit=1_000).jobs)


def main(folder: Path, name: str, hit: int) -> None:
    with Runtime.open(folder / "data") as runtime:
        jobs = PythonJobs(runtime, folder, work, methods=["*"], rate_limits={"concurrent_jobs": 2})
        kill_at(name, hit)
        jobs.start({"next": 0}).wait(60)
        eventually(lambda: all_ended(runtime))
        while True:  # what the log does while nothing happens does not matter
            runtime.publish("page.more")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
