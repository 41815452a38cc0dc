"""A socket that clients come in by, served by uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from perdure.server.settings import ServerSettings
from perdure.server.web.connection import Connection
from perdure.server.web.connections import Connections

BACKLOG: Final = 1024


class Entrance(uvicorn.Server):
    """Serves ``app`` on sockets that are there already; when it ends is somebody else's business.

    Args:
        app: what answers.
        connections: those of all entrances.
        settings: the limits.
        tls: with which it speaks; None for nothing.
    """

    def __init__(
        self, app: ASGIApp, connections: Connections, settings: ServerSettings, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,  # whatever a client says of itself, it is who it is
                timeout_keep_alive=round(settings.idle_seconds),
                timeout_graceful_shutdown=round(settings.grace),
            )
        )
        self._connections = connections
        self._settings = settings
        self._tls = tls

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()
        # A handshake that does not end is as bad as a head that does not.
        patience = self._settings.header_seconds if self._tls is not None else None

        def connected() -> Connection:
            return Connection(self.config, self.server_state, self._connections, self._settings)

        self.servers = [
            await loop.create_server(
                connected, sock=one, ssl=self._tls, ssl_handshake_timeout=patience, backlog=BACKLOG
            )
            for one in sockets or []
        ]
        self.started = True


def quiet_uvicorn() -> None:
    """Let strangers fill no log: uvicorn writes a line for each request that it cannot read."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
