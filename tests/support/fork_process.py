"""A process that is killed in the middle of making a fork: ``python -m tests.support.fork_process FOLDER``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.support.travellers import World, travellers
from tests.support.waiting import TIMEOUT

from perdure.runtime import Runtime, grant_as_asked
from perdure.runtime.timetravel import forking
from perdure.store import failpoints


def main(folder: Path) -> None:
    """Never returns."""
    forking.CHUNK = 4  # type: ignore[misc]  # Final, for everybody else
    with Runtime.open(folder / "data", consent=grant_as_asked) as runtime:
        World(runtime)
        job = travellers(runtime, folder).start({"rounds": 3})
        job.wait(TIMEOUT)
        failpoints.arm("fork.between_chunks", lambda: os.kill(os.getpid(), signal.SIGKILL))
        runtime.fork(job.job_id, 15)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
