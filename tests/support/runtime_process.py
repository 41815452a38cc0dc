"""Other processes with a runtime: what only a second process can show. See `tests.support.store_process`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.support.acme import install_acme
from tests.support.gate import Gate
from tests.support.store_process import StoreProcess, orders, say
from tests.support.waiting import eventually

from perdure.runtime import Runtime, RuntimeSettings, on_stop_signals
from perdure.store import StoreError


class RuntimeProcess(StoreProcess):
    """A child that runs one of the roles below on a data folder."""

    module = "tests.support.runtime_process"


def run_jobs(folder: str, *names: str) -> None:
    """Run these jobs of ``acme``, say their ids, then ``begun`` when each has begun; then go on until killed."""
    runtime = Runtime.open(folder)
    install_acme(runtime, Path(folder))
    Gate(runtime)
    jobs = [runtime.dispatch(f"acme:{name}") for name in names]
    for job in jobs:
        say(job.job_id)
    # An event of the guest, or for the ones that have none the start.
    eventually(lambda: all(job.attempts for job in jobs))
    eventually(lambda: all(job.items or name in ("deaf", "gate") for job, name in zip(jobs, names, strict=True)))
    say("begun")
    for order in orders():
        action, _, number = order.partition(" ")
        say(getattr(jobs[int(number)], action)())


def stop_by_signal(folder: str, name: str, grace: str) -> None:
    """Run a job until a signal comes; close, and say the signal's name and how long that took."""
    with Runtime.open(folder, settings=RuntimeSettings(shutdown_grace=float(grace))) as runtime:
        install_acme(runtime, Path(folder))
        job = runtime.dispatch(f"acme:{name}")
        eventually(lambda: job.items)

        def stop(signal: str) -> None:
            start = time.monotonic()
            runtime.close()
            say(f"{signal} {time.monotonic() - start}")

        with on_stop_signals(stop):
            say("begun")
            for _ in sys.stdin:
                pass


def fork(folder: str) -> None:
    """Use a runtime in a fork, and then in the parent."""
    with Runtime.open(folder) as runtime:
        install_acme(runtime, Path(folder))
        done = runtime.dispatch("acme:nothing")
        done.wait(20)
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            uses: list[Callable[[], object]] = [
                lambda: runtime.dispatch("acme:nothing"),
                lambda: runtime.install(Path(folder) / "acme"),
                runtime.extensions,
                runtime.jobs,
                lambda: runtime.job(done.job_id),
                done.wait,
                done.retry,
                lambda: list(done.history()),
                lambda: done.status,
                runtime.close,
            ]
            os.write(into, " ".join(map(_outcome, uses)).encode())
            os._exit(0)
        os.close(into)
        with os.fdopen(out) as answers:
            say(answers.read())
        os.waitpid(child, 0)
        say(runtime.dispatch("acme:nothing").wait(20).status)


def _outcome(action: Callable[[], object]) -> str:
    try:
        action()
    except StoreError as error:
        return type(error).__name__
    return "done"


ROLES: Final[dict[str, Callable[..., None]]] = {role.__name__: role for role in (run_jobs, stop_by_signal, fork)}

if __name__ == "__main__":
    ROLES[sys.argv[1]](*sys.argv[2:])
