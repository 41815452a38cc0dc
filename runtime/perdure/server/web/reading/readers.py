"""Which function answers an endpoint from the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool

from perdure.api.endpoint import Endpoint
from perdure.server.access.caller import Caller
from perdure.server.web.site import Site

Request = TypeVar("Request", bound=msgspec.Struct)
Answer = TypeVar("Answer")
Reader = Callable[[Site, Caller, Any], Any]


class Readers:
    """Endpoints' functions, by name. They run on a thread, and may take a while."""

    def __init__(self) -> None:
        self._found: dict[str, Reader] = {}

    def add(self, endpoint: Endpoint[Request, Answer], reader: Callable[[Site, Caller, Request], Answer]) -> None:
        """Let ``reader`` answer ``endpoint``."""
        if endpoint.name in self._found:
            raise ValueError(f"{endpoint.name} has a reader")
        self._found[endpoint.name] = reader

    def get(self, name: str) -> Reader | None:
        """The function for the endpoint with this name, None if the engine has to answer it."""
        return self._found.get(name)

    @property
    def names(self) -> frozenset[str]:
        """The endpoints that are answered here."""
        return frozenset(self._found)


async def read_in_time(reader: Reader, site: Site, caller: Caller, message: msgspec.Struct) -> Any:
    """What a reader answers, on a thread.

    Raises:
        TimeoutError: it takes longer than a read may; the thread goes on to its end.
        Exception: the reader's.
    """
    seconds = site.order.settings.answer_seconds
    reading = asyncio.ensure_future(run_in_threadpool(reader, site, caller, message))
    reading.add_done_callback(_heard)
    done, _ = await asyncio.wait((reading,), timeout=seconds)
    if done:
        return reading.result()
    raise TimeoutError(f"this was not read within {seconds:g} s; ask for less of it")


def _heard(reading: asyncio.Future[Any]) -> None:
    """Its error is nobody's any more if nobody waits for it: asyncio would write it to the log."""
    if not reading.cancelled():
        reading.exception()
