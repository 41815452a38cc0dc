"""A job that sends letters, in processes that die on the way: ``python -m tests.crash.letters``.

It reads orders, a line each: ``HOME EFFECT FAILPOINT``, forks a process for each, which works on HOME until it passes
the failpoint for the second letter, and says how that ended. One process for all of them, because most of what such a
process does is to begin.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Final

import msgspec
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import GuestSpec
from perdure.runtime import JobState, Runtime, Status, grant_as_asked
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action
from perdure.store import failpoints

LETTERS: Final = 3
METHOD: Final = "action:post.send"
ROW: Final = b"post\0sent"


class Letter(msgspec.Struct, frozen=True):
    """One of them."""

    number: int


def sent(home: Path) -> list[str]:
    """What arrived: a line for each run of the handler, the letter's number and the effect key."""
    path = home / "sent"
    return path.read_text().splitlines() if path.exists() else []


def work(home: Path, effect: Effect) -> JobState:
    """Begin the job or let it go on, until it ends or waits for a person.

    A person looks whether the letter arrived, and says so.
    """

    @action("post.send", effect=effect)
    def send(context: CallContext, letter: Letter) -> Letter:
        """Send a letter."""
        if effect is Effect.TRANSACTIONAL:
            context.data.put(ROW, (context.data.get(ROW) or b"") + b"%d" % letter.number)
        else:
            _append(home / "sent", f"{letter.number} {context.effect_key}")
        return letter

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        for number in range(LETTERS):
            assert host.call(METHOD, b'{"number":%d}' % number) == b'{"number":%d}' % number

    with Runtime.open(home / "data", recover=False, consent=grant_as_asked) as runtime:
        runtime.operations.register(send)
        jobs = PythonJobs(runtime, home, body, methods=["action:"])
        begun = runtime.jobs().jobs
        runtime.recover()
        job = runtime.job(begun[0].job_id) if begun else jobs.start()
        eventually(lambda: job.status in (Status.COMPLETED, Status.FAILED, Status.ATTENTION))
        if job.doubt is not None:
            letter = msgspec.json.decode(job.doubt.payload, type=Letter)
            arrived = f"{letter.number} {job.doubt.effect_key}" in sent(home)
            job.resolve("succeeded", answer=letter) if arrived else job.resolve("again")
            job.wait(TIMEOUT)
        return job.state


def _append(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.write(descriptor, line.encode() + b"\n")
    os.close(descriptor)


def _die_at(home: Path, effect: Effect, failpoint: str) -> None:
    passed = 0

    def die() -> None:
        nonlocal passed
        passed += 1
        if passed == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(failpoint, die)
    work(home, effect)


def main() -> None:
    for order in sys.stdin:
        home, effect, failpoint = order.split()
        child = os.fork()  # nothing has a thread yet
        if child == 0:
            code = 1
            try:
                _die_at(Path(home), Effect(effect), failpoint)
                code = 0
            finally:
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
