"""From a host's name to its addresses."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from typing import Final, Protocol

from perdure.runtime.http.addresses import Address, parse_address

MAX_LOOKUPS: Final = 8


class Resolver(Protocol):
    """Looks names up. Tests pass in one of their own; it is asked once for each connection."""

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """The addresses of a name, best first.

        Raises:
            OSError: the name is unknown, or the servers that should know it do not answer.
        """


class SystemResolver:
    """The operating system's resolver, each lookup on a thread of its own, at most `MAX_LOOKUPS` at once.

    Not the event loop's own executor: its few threads are everybody's, and an extension whose name servers never answer
    would hold them all. The threads are daemons, since a lookup cannot be stopped and a program wants to end.
    """

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(MAX_LOOKUPS)

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """See `Resolver`."""
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Address]] = loop.create_future()

        def deliver(answer: list[Address] | OSError) -> None:
            # Given back by the lookup, not by who waited for it: a name that hangs counts until it is done.
            self._slots.release()
            if found.done():
                return
            if isinstance(answer, OSError):
                found.set_exception(answer)
            else:
                found.set_result(answer)

        def look_up() -> None:
            answer = _addresses(host, port)
            try:
                loop.call_soon_threadsafe(deliver, answer)
            except RuntimeError:
                return  # the loop was closed in the meantime

        threading.Thread(target=look_up, name="perdure-resolver", daemon=True).start()
        return await found


def _addresses(host: str, port: int) -> list[Address] | OSError:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except OSError as error:
        return error
    except UnicodeError as error:  # of Python's own IDNA codec
        return OSError(str(error))
    return list(dict.fromkeys(parse_address(str(entry[4][0])) for entry in entries))
