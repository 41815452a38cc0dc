"""A process that forks others, each of which dies by SIGKILL at a failpoint while it stores or deletes a credential."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from tests.support.store_process import StoreProcess, orders, say

from perdure.runtime import Runtime
from perdure.store import failpoints

SECRET: Final = {"type": "api_key", "key": "k-123"}


class CredentialProcess(StoreProcess):
    """A child that runs the role below."""

    module = "tests.support.credential_process"

    def die(self, folder: Path, action: str, failpoint: str, hit: int = 1) -> None:
        """Have a process die there, in the ``hit``-th pass, and see that it did."""
        said = self.ask(f"{folder} {action} {failpoint} {hit}")
        assert said == f"{-signal.SIGKILL}", f"{failpoint} was not passed {hit} times by {action}: {said}"


def die_each() -> None:
    """Each order is ``FOLDER ACTION FAILPOINT HIT``; says how the process that carried it out ended."""
    for order in orders():
        folder, action, failpoint, hit = order.split()
        child = os.fork()
        if child == 0:
            _act(Path(folder), action, failpoint, int(hit))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say(os.waitstatus_to_exitcode(status))


def _act(folder: Path, action: str, failpoint: str, hit: int) -> None:
    passed = 0

    def die() -> None:
        nonlocal passed
        passed += 1
        if passed == hit:
            os.kill(os.getpid(), signal.SIGKILL)

    if action == "open":
        failpoints.arm(failpoint, die)
    with Runtime.open(folder) as runtime:
        request: dict[str, Any] = {"name": "one", "extension": "notes"}
        if action == "delete":
            runtime.call("action:credentials.store", {**request, "credential": SECRET})
        if action != "open":
            failpoints.arm(failpoint, die)
        if action == "store":
            request["credential"] = SECRET
        if action != "open":
            runtime.call(f"action:credentials.{action}", request)


if __name__ == "__main__":
    {"die_each": die_each}[sys.argv[1]](*sys.argv[2:])
