"""The web process: begun by the engine, with the sockets that it listens on and its end of the link."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from perdure.server.link.web_end import WebEnd
from perdure.server.listening import is_loopback
from perdure.server.log_output import log_to_stderr
from perdure.server.settings import WebOrder
from perdure.server.tls import tls_of
from perdure.server.web.addresses import forwarded_of, peer_of
from perdure.server.web.app import make_app
from perdure.server.web.connections import Connections
from perdure.server.web.entrance import Entrance, quiet_uvicorn
from perdure.server.web.gate import Gate
from perdure.server.web.hosts import Hosts
from perdure.server.web.observer import Observer, watch_lag
from perdure.server.web.own_limits import allow_connections, limit_memory
from perdure.server.web.site import Site
from perdure.store.lmdb_store import LmdbEventStore

# Commits of the engine must not wait for a processor behind this process.
NICE: Final = 5
SWITCH_INTERVAL: Final = 0.000_5  # seconds; reads run on threads beside the loop
_LOOK: Final = 0.5  # seconds between looks at who is too slow


class OwnerEntrance:
    """What comes through the Unix socket is the owner's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it in."""
        if scope["type"] == "http":
            scope["perdure.owner"] = True
        await self._app(scope, receive, send)


def main() -> None:
    """Serve until SIGTERM, or until the engine has gone."""
    order = msgspec.json.decode(sys.argv[1], type=WebOrder)
    sys.setswitchinterval(SWITCH_INTERVAL)
    limit_memory(order.settings.memory)
    quiet_uvicorn()
    with contextlib.suppress(OSError):
        os.nice(NICE)
    with log_to_stderr(order.settings.log_format, order.settings.log_level, "web"):
        asyncio.run(_serve(order))


async def _serve(order: WebOrder) -> None:
    loop = asyncio.get_running_loop()
    link = await WebEnd.open(socket.socket(fileno=order.link))
    with LmdbEventStore.open_readonly(order.data) as store:
        settings = order.settings
        site = Site(store=store, link=link, order=order)
        app = make_app(site)
        connections = Connections(
            allow_connections(settings.connections),
            settings.connections_of_address,
            lambda address: settings.behind_proxy or is_loopback(address or "localhost"),
        )
        hosts = Hosts(settings.host, settings.allowed_hosts)
        address_of = forwarded_of if settings.behind_proxy else peer_of
        strangers = Observer(Gate(app, hosts, settings.requests), site.metrics, address_of)
        owners = Observer(Gate(OwnerEntrance(app), None, settings.requests), site.metrics)
        entrances = [
            Entrance(strangers, connections, settings, tls_of(settings)),
            Entrance(owners, connections, settings),
        ]
        site.metrics.connections = lambda: (len(connections), connections.refused)

        def end() -> None:
            site.live.close()
            for entrance in entrances:
                entrance.should_exit = True

        def stop() -> None:
            site.stopping.set()
            loop.call_later(settings.drain, end)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        gone = asyncio.create_task(_when_gone(link, end))
        looking = asyncio.create_task(_look_at(connections, min(_LOOK, settings.header_seconds / 4)))
        lag = asyncio.create_task(watch_lag(site.metrics))
        sockets = [socket.socket(fileno=order.tcp), socket.socket(fileno=order.unix)]
        serving = asyncio.gather(
            *(entrance.serve(sockets=[one]) for entrance, one in zip(entrances, sockets, strict=True))
        )
        listening = asyncio.create_task(_when_listening(link, entrances))
        await serving
        site.live.close()
        site.live.join_thread()
        for task in (gone, listening, looking, lag):
            task.cancel()
        await link.close()


async def _when_gone(link: WebEnd, stop: object) -> None:
    await link.gone.wait()
    if callable(stop):
        stop()


async def _look_at(connections: Connections, each: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(each)
        connections.look(loop.time())


async def _when_listening(link: WebEnd, entrances: list[Entrance]) -> None:
    while not all(entrance.started for entrance in entrances):
        await asyncio.sleep(0.005)
    link.tell_listening()


if __name__ == "__main__":
    main()
