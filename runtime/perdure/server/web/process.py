"""The web process: begun by the engine, with the sockets that it listens on and its end of the link."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Final

import msgspec
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from perdure.server.link.web_end import WebEnd
from perdure.server.settings import ServerSettings, WebOrder
from perdure.server.web.app import make_app
from perdure.server.web.site import Site
from perdure.store.lmdb_store import LmdbEventStore

# Commits of the engine must not wait for a processor behind this process.
NICE: Final = 5
SWITCH_INTERVAL: Final = 0.000_5  # seconds; reads run on threads beside the loop


class OwnerEntrance:
    """What comes through the Unix socket is the owner's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it in."""
        if scope["type"] == "http":
            scope["perdure.owner"] = True
        await self._app(scope, receive, send)


class _Entrance(uvicorn.Server):
    """A server whose end is somebody else's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> None:
    """Serve until SIGTERM, or until the engine has gone."""
    order = msgspec.json.decode(sys.argv[1], type=WebOrder)
    sys.setswitchinterval(SWITCH_INTERVAL)
    with contextlib.suppress(OSError):
        os.nice(NICE)
    asyncio.run(_serve(order))


async def _serve(order: WebOrder) -> None:
    loop = asyncio.get_running_loop()
    link = await WebEnd.open(socket.socket(fileno=order.link))
    with LmdbEventStore.open_readonly(order.data) as store:
        app = make_app(Site(store=store, link=link, order=order))
        entrances = [
            _entrance(app, order.settings),
            _entrance(OwnerEntrance(app), order.settings),
        ]

        def stop() -> None:
            for entrance in entrances:
                entrance.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        gone = asyncio.create_task(_when_gone(link, stop))
        sockets = [socket.socket(fileno=order.tcp), socket.socket(fileno=order.unix)]
        serving = asyncio.gather(
            *(entrance.serve(sockets=[one]) for entrance, one in zip(entrances, sockets, strict=True))
        )
        listening = asyncio.create_task(_when_listening(link, entrances))
        await serving
        for task in (gone, listening):
            task.cancel()
        await link.close()


def _entrance(app: ASGIApp, settings: ServerSettings) -> _Entrance:
    return _Entrance(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=round(settings.grace),
            backlog=1024,
            ssl_certfile=None,
        )
    )


async def _when_gone(link: WebEnd, stop: object) -> None:
    await link.gone.wait()
    if callable(stop):
        stop()


async def _when_listening(link: WebEnd, entrances: list[_Entrance]) -> None:
    while not all(entrance.started for entrance in entrances):
        await asyncio.sleep(0.005)
    link.tell_listening()


if __name__ == "__main__":
    main()
