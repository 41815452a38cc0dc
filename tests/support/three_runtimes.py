"""The same calls to a runtime, and to clients of the server around it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.support.servers import Served

from perdure.client.async_client import AsyncClient
from perdure.client.client import Client

KINDS: Final = ("tcp", "unix", "async")


class Blocking:
    """An `AsyncClient` whose methods wait."""

    def __init__(self, make: Callable[[], AsyncClient]) -> None:
        self._runner = asyncio.Runner()
        self._client = self._runner.run(self._made(make))

    async def _made(self, make: Callable[[], AsyncClient]) -> AsyncClient:
        return make()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *words, **named: self._runner.run(found(*words, **named))

    def close(self) -> None:
        """End it, and its event loop."""
        self._runner.run(self._client.close())
        self._runner.close()


class Remote:
    """A client of one kind, beside the runtime that its server has."""

    def __init__(self, served: Served, kind: str) -> None:
        self.served = served
        self.kind = kind
        self.client: Any = _client(served, kind)

    def both(self, name: str, /, *words: Any, **named: Any) -> tuple[Any, Any]:
        """What a method comes to, at the client and at the runtime: a result or an error."""
        return came(self.client, name, *words, **named), came(self.served.runtime, name, *words, **named)

    def same(self, name: str, /, *words: Any, **named: Any) -> Any:
        """The result or the error, which has to be one and the same."""
        here, there = self.both(name, *words, **named)
        if isinstance(there, Exception):
            assert (type(here), str(here)) == (type(there), str(there)), here
            assert vars(here).keys() >= {field for field in vars(there) if not field.startswith("_")}
        else:
            assert here == there
            assert type(here) is type(there)
        return here


def came(of: Any, name: str, /, *words: Any, **named: Any) -> Any:
    """What a method comes to: its result, or its error."""
    try:
        return getattr(of, name)(*words, **named)
    except Exception as error:
        return error


def _client(served: Served, kind: str) -> Any:
    folder = Path(served.data)
    if kind == "unix":
        return Client.open(folder)
    if kind == "tcp":
        return served.client()
    return Blocking(lambda: AsyncClient.connect(served.address, token=served.token))
