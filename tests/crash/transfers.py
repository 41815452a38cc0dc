"""A process whose jobs make transfers, and that dies: ``python -m tests.crash.transfers HOME FAILPOINT HIT``.

It keeps its data in HOME/data, and writes down each run of the handler and each answer that a guest got, so that what
is in the log can be compared with what was done and what was said.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

import msgspec
from tests.support.bank import METHODS, Transfer, Transferred, open_bank, transfer
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs

from perdure.actors import GuestSpec
from perdure.runtime import JobState, Runtime, grant_as_asked
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action
from perdure.store import failpoints

JOBS: Final = 3
TRANSFERS: Final = 6  # of each job; it saves after the third
TIMEOUT: Final = 60.0
_LIMITS: Final[dict[str, Any]] = {"rate_limits": {"requests_per_minute": 1_000_000, "concurrent_jobs": 100}}


class Line(msgspec.Struct, frozen=True):
    """``kind`` is ``ran`` (a handler, under ``key``) or ``told`` (a guest, its answer)."""

    kind: str
    note: str
    key: str = ""
    answer: str = ""


class Diary:
    """What happened, a line each, in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, line: Line) -> None:
        os.write(self._file, msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        os.close(self._file)


def read_diary(home: Path) -> list[Line]:
    """All lines that were written."""
    path = home / "diary"
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()] if path.exists() else []


def transfers_of(number: int) -> list[Transfer]:
    """What the job with this number has to do."""
    amounts = [5 * (number + 1), 3, 0, 7, 2, 11]
    pairs = [("a", "b"), ("b", "c"), ("c", "a"), ("a", "c"), ("b", "a"), ("b", "b")]
    return [
        Transfer(source, target, amount, f"{number}.{place}")
        for place, ((source, target), amount) in enumerate(zip(pairs, amounts, strict=True))
    ]


def work(home: Path, diary: Diary) -> list[JobState]:
    """Open the data, begin what was not begun, and bring all of it to its end."""

    @action("bank.transfer", effect=Effect.TRANSACTIONAL)
    def noted(context: CallContext, request: Transfer) -> Transferred:
        """Move an amount from one account to another, and write down under which name."""
        diary.write(Line("ran", request.note, context.effect_key))
        return transfer(context, request)

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        todo = json.loads(state)
        for place, one in enumerate(todo[:]):
            answer = host.call(METHODS[0], json.dumps(one).encode())
            diary.write(Line("told", one["note"], answer=answer.decode()))
            if place == TRANSFERS // 2 - 1:
                host.checkpoint(json.dumps(todo[place + 1 :]).encode())

    with Runtime.open(home / "data", recover=False, consent=grant_as_asked) as runtime:
        open_bank(runtime, noted)
        jobs = PythonJobs(runtime, home / "extension", body, methods=list(METHODS), **_LIMITS)
        begun = runtime.jobs(limit=100).jobs
        handles = [*runtime.recover(), *(runtime.job(state.job_id) for state in begun if state.finished)]
        for number in range(len(begun), JOBS):
            handles.append(jobs.start(msgspec.to_builtins(transfers_of(number))))
        return [handle.wait(TIMEOUT) for handle in handles]


def main() -> None:
    home, failpoint, hit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    lock, passed = threading.Lock(), 0

    def die() -> None:
        nonlocal passed
        with lock:
            passed += 1
            if passed == hit:
                os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(failpoint, die)
    work(home, Diary(home / "diary"))


if __name__ == "__main__":
    main()
