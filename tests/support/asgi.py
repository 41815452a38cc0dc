"""An ASGI application that is asked without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx


class AsgiClient:
    """Asks an application, one request after the other."""

    def __init__(self, app: Any) -> None:
        self._transport = httpx.ASGITransport(app)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self._ask("GET", path, headers=headers)

    def post(self, path: str, json: object) -> httpx.Response:
        return self._ask("POST", path, json=json)

    def _ask(self, verb: str, path: str, **rest: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://localhost") as client:
                return await client.request(verb, path, **rest)

        return asyncio.run(ask())
