"""Requests under an Idempotency-Key, in processes that die at each place of their way, and that come again.

``python -m tests.crash.requests FOLDER`` prints a line of JSON for each death. Each process is a fork of this one,
which has no threads and no runtime of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.crash.upgrades import in_fork
from tests.support.clerk import Clerk
from tests.support.extension_folders import write_extension
from tests.support.runtime_wat import RuntimeWat

from perdure.api import jobs, tokens
from perdure.runtime import Runtime
from perdure.store import check, failpoints

DIED: Final = 17
KEY: Final = "once"
PLACES: Final = (*failpoints.REQUEST_NAMES, "commit.after_sync")
WISHES: Final[dict[str, Callable[[Clerk], tuple[int, Any]]]] = {
    "dispatch": lambda clerk: clerk.ask(jobs.DISPATCH, KEY, job_type="acme:run"),
    "put": lambda clerk: clerk.call("till.put", KEY, amount=3),
    "send": lambda clerk: clerk.call("till.send", KEY),
    "ring": lambda clerk: clerk.call("till.ring", KEY),
    "issue": lambda clerk: clerk.ask(tokens.ISSUE, KEY, name="ci", scopes=["read"]),
}


def prepare(data: Path) -> None:
    """An extension whose job is done at once."""
    wat = RuntimeWat()
    wat.job("run", "(i32.const 0)")
    with Runtime.open(data) as runtime:
        runtime.install(write_extension(data.parent / "acme", wat.module()))


def ask(data: Path, wish: str, place: str = "", count: int = 1) -> None:
    """Ask, and die at a place when it is passed for the ``count``-th time; without one, ask twice."""
    with Runtime.open(data) as runtime:
        clerk = Clerk(runtime, data)
        left = count

        def hit() -> None:
            nonlocal left
            left -= 1
            if not left:
                os._exit(DIED)

        if place:
            failpoints.arm(place, hit)
        answers = [WISHES[wish](clerk) for _ in range(1 if place else 2)]
        failpoints.disarm()
        if not place:
            print(json.dumps({"answers": answers, **found(clerk)}), flush=True)


def found(clerk: Clerk) -> dict[str, Any]:
    """What there is of it."""
    store = clerk.runtime.store
    return {
        "jobs": len(clerk.runtime.jobs().jobs),
        "total": clerk.total,
        "outside": clerk.outside,
        "tokens": len(clerk.runtime.tokens()),
        "problems": [str(problem) for problem in check(store).problems],
    }


def main(folder: Path) -> None:
    """See the module's text."""
    assert in_fork(lambda: prepare(folder / "data")) == 0
    for wish in WISHES:
        for place in PLACES:
            count, died = 0, True
            while died:
                count += 1
                data = Path(shutil.copytree(folder / "data", folder / f"{wish}-{place}-{count}"))
                died = in_fork(lambda d=data, w=wish, p=place, c=count: ask(d, w, p, c)) == DIED  # type: ignore[misc]  # defaults
                if died:
                    print(json.dumps({"wish": wish, "place": place, "count": count}), flush=True)
                    assert in_fork(lambda d=data, w=wish: ask(d, w)) == 0  # type: ignore[misc]  # as above
                shutil.rmtree(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
