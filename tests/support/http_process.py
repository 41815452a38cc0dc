"""A process whose job sends a request and waits for the answer: what a kill in the middle of it leaves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tests.support.store_process import StoreProcess, orders
from tests.support.waiting import TIMEOUT

from perdure.runtime import Runtime, RuntimeSettings, grant_as_asked
from perdure.runtime.http.settings import HttpSettings

LOCAL: Final = RuntimeSettings(
    kill_grace=TIMEOUT,
    shutdown_grace=0.2,
    http=HttpSettings(private_networks=("127.0.0.0/8",), max_answer_bytes=100_000),
)


class HttpProcess(StoreProcess):
    """Runs the job ``caller:call`` of the extension in ``extension``, on the data folder ``data``, until killed."""

    module = "tests.support.http_process"

    def __init__(self, data: Path, extension: Path) -> None:
        super().__init__("call", data, extension)


def call(data: str, extension: str) -> None:
    with Runtime.open(data, settings=LOCAL, consent=grant_as_asked) as runtime:
        runtime.install(extension)
        runtime.dispatch("caller:call")
        for _ in orders():
            pass


if __name__ == "__main__":
    call(*sys.argv[2:])
