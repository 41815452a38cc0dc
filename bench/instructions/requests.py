"""A request that comes to the web process: through its gate to a page that answers at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.figure import BenchFailed
from bench.instructions.case import Case, Cases, Steps
from perdure.server.web.gate import Gate
from perdure.server.web.hosts import Hosts


def cases() -> Cases:
    """One."""
    yield Case(key="gate", title="a request through the gate", repeats=300, packages=("starlette",), prepare=_asking)


async def _page(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"{}"})


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


@contextmanager
def _asking(folder: Path) -> Iterator[Steps]:
    gate = Gate(_page, Hosts("127.0.0.1"), 100)
    headers = [(b"host", b"localhost:8000"), (b"accept", b"application/json"), (b"user-agent", b"bench")]
    statuses: list[int] = []

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    def ask(count: int) -> None:
        for _ in range(count):
            scope = {"type": "http", "method": "GET", "path": "/v1/jobs", "headers": list(headers)}
            try:
                # Nothing waits, so one step is the whole of it, without an event loop.
                gate(scope, _receive, send).send(None)
            except StopIteration:
                continue
            raise BenchFailed("a request waits")
        if statuses[::2] != [200] * (len(statuses) // 2):
            raise BenchFailed("a request was refused")
        statuses.clear()

    yield ask
