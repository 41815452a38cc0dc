"""Sees every request from outside: counts it, and says so in one line of the process' log.

The line has who asked, for what, and what came of it; never a query, a body or a token.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure.metrics.web import WebMetrics
from perdure.server.web.addresses import peer_of

logger = logging.getLogger("perdure.access")

CLIENT: Final = "perdure.client"  # where a page notes in the scope who asks
NOBODY: Final = "none"  # the endpoint of what was refused before, or is not there
_LONGEST: Final = 200  # characters of a path; a stranger may send more
_PROBES: Final = frozenset({"livez", "readyz", "metrics"})  # asked for every few seconds: one line each is too much


class Observer:
    """Counts what goes through to ``app``; ``address_of`` says where a request comes from, for the log."""

    def __init__(self, app: ASGIApp, metrics: WebMetrics, address_of: Callable[[Scope], str] = peer_of) -> None:
        self._app = app
        self._metrics = metrics
        self._address_of = address_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status, request, streams = 0, "", False

        async def seen(message: Message) -> None:
            nonlocal status, request, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = dict(message.get("headers", ()))
                request = headers.get(b"x-request-id", b"").decode("latin-1")
                if headers.get(b"content-type", b"").startswith(b"text/event-stream"):
                    streams = True
                    self._metrics.requests -= 1
            await send(message)

        self._metrics.requests += 1
        try:
            await self._app(scope, receive, seen)
        finally:
            if not streams:
                self._metrics.requests -= 1
            seconds = time.perf_counter() - began
            endpoint = str(getattr(scope.get("route"), "name", NOBODY))  # as Starlette found it
            if status:
                self._metrics.answered(endpoint, status, None if streams else seconds)
            logger.log(
                logging.DEBUG if endpoint in _PROBES and status < 400 else logging.INFO,
                "%s %s %s",
                scope["method"],
                _plain(scope["path"]),
                status or "gone",
                extra={
                    "endpoint": endpoint,
                    "status": status,
                    "duration_ms": round(seconds * 1000, 1),
                    "request_id": request,
                    "client": scope.get(CLIENT, ""),
                    "address": self._address_of(scope),
                },
            )


async def watch_lag(metrics: WebMetrics, each: float = 0.25) -> None:
    """Note how late the event loop wakes this, every so many seconds."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + each
        await asyncio.sleep(each)
        metrics.lag = max(metrics.lag, loop.time() - due)


def _plain(path: str) -> str:
    """A stranger's text in one line of printable characters."""
    cut = path[:_LONGEST] + ("…" if len(path) > _LONGEST else "")
    return "".join(char if char.isprintable() else "?" for char in cut)
