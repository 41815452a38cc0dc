"""A server with jobs that save checkpoints until it is stopped: a process of its own, for `bench.server_load`.

It is tuned as `perdure serve` is. It writes its address and its token's file, and stops when its input ends.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from bench.gate import settings
from bench.guests import EXTENSION, WORK, compiled, write_extension
from perdure.cli.foreground import SWITCH_INTERVAL
from perdure.runtime import Runtime, grant_as_asked
from perdure.server.daemon import Server
from perdure.server.settings import ServerSettings


def main() -> None:
    """Serve the folder that is named, with so many jobs."""
    folder, jobs = Path(sys.argv[1]), int(sys.argv[2])
    sys.setswitchinterval(SWITCH_INTERVAL)
    logging.disable()
    with Runtime.open(folder / "data", settings=settings(jobs)) as runtime:
        runtime.install(write_extension(folder, EXTENSION, compiled(WORK)), consent=grant_as_asked)
        runtime.load(EXTENSION)
        for _ in range(jobs):
            runtime.dispatch(f"{EXTENSION}:until_stopped", {"left": 0})
        with Server(runtime, folder / "data", ServerSettings(port=0, log_level="error")) as server:
            print(server.address, server.token_file, flush=True)
            sys.stdin.read()
        for state in runtime.jobs(limit=1000).jobs:
            runtime.cancel(state.job_id)


if __name__ == "__main__":
    main()
