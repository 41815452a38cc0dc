"""Other processes whose jobs use an extension's budgets. See `tests.support.store_process`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.support.budgeted import HELLO, PING
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.store_process import StoreProcess, orders, say

from perdure.actors import GuestSpec
from perdure.runtime import Runtime


class BudgetProcess(StoreProcess):
    """A child that runs one of the roles below on a data folder."""

    module = "tests.support.budget_process"


def spend(folder: str, limit: str) -> None:
    """Make as many calls as it is told, in a job, and say how many were answered; go on until killed.

    What is said is on disk: the job saved a checkpoint after it.
    """
    with Runtime.open(folder, recover=False) as runtime, tempfile.TemporaryDirectory() as scratch:
        limits = {"requests_per_minute": int(limit)}
        jobs = PythonJobs(runtime, Path(scratch), methods=["query:test.ping"], rate_limits=limits)
        for order in orders():

            def body(host: PythonHost, state: bytes, spec: GuestSpec, count: int = int(order)) -> None:
                answers = [json.loads(host.call(PING, HELLO)) for _ in range(count)]
                host.checkpoint(b"{}")
                say(sum("code" not in answer for answer in answers))
                host.block()  # the job has not ended when the process dies

            jobs.body = body
            jobs.start()


ROLES: Final[dict[str, Callable[..., None]]] = {role.__name__: role for role in (spend,)}

if __name__ == "__main__":
    ROLES[sys.argv[1]](*sys.argv[2:])
