"""The one connection that was checked: a name is looked up once, and what was checked is what is connected to.

A name can change its address between two lookups (DNS rebinding), so there is only one. TLS is spoken with the name.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpcore
import httpx

from perdure.runtime.http.addresses import Network
from perdure.runtime.http.checked_addresses import checked_addresses
from perdure.runtime.http.errors import HostUnreachable
from perdure.runtime.http.resolver import Resolver

CONNECT_SECONDS: Final = 10.0  # for all addresses of a name together
KEEP_SECONDS: Final = 5.0  # an idle connection; servers drop theirs soon, and a request must not meet a dropped one
KEPT: Final = 8  # idle connections; the pool's work at each request grows with their square


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Makes httpcore's connections, to public addresses and to ``opened`` networks only."""

    def __init__(self, resolver: Resolver, opened: Sequence[Network]) -> None:
        self._resolver = resolver
        self._opened = opened
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that may be connected to and answers.

        Raises:
            AddressNotAllowed: the name has none that may be connected to.
            HostUnreachable: it has none at all, or nobody answers there.
        """
        addresses = await checked_addresses(self._resolver, self._opened, host, port)
        for address in addresses:
            try:
                return await self._sockets.connect_tcp(
                    str(address), port, CONNECT_SECONDS / len(addresses), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise HostUnreachable(host, f"nobody answers on port {port}")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: extensions reach hosts only."""
        raise HostUnreachable("a socket", "only hosts can be reached")

    async def sleep(self, seconds: float) -> None:
        """See httpcore."""
        await self._sockets.sleep(seconds)


class CheckedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over a pool of connections made by a `CheckedBackend`; no proxy, HTTP/1.1."""

    def __init__(self, backend: CheckedBackend, tls: ssl.SSLContext, connections: int, keep: float) -> None:
        # Not `super().__init__`: it would make a pool that connects anywhere. There is no argument for the backend, so
        # this relies on one private name; if a release renames it, every request fails, none goes unchecked.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=connections,
            max_keepalive_connections=min(KEPT, connections),
            keepalive_expiry=keep,
            http1=True,
            http2=False,
            network_backend=backend,
        )
