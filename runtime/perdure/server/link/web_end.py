"""The web process' end of the link."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from typing import Final
from uuid import UUID

from perdure.api.errors import EngineUnavailable
from perdure.server.access.caller import Caller
from perdure.server.link.messages import LENGTH, LISTENING, LinkAnswer, LinkRequest, decode_answer, frame_of

_NOBODY: Final = Caller(client="", name="", scopes=frozenset())
_NONE: Final = UUID(int=0)


class WebEnd:
    """Asks the engine. Made with `open`, on the event loop that uses it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[LinkAnswer]] = {}
        self._task = asyncio.create_task(self._read())
        self.gone = asyncio.Event()  # set when the engine is no longer there

    @classmethod
    async def open(cls, connection: socket.socket) -> WebEnd:
        """Begin to use one of a pair of sockets."""
        connection.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=connection)
        return cls(reader, writer)

    async def ask(
        self,
        endpoint: str,
        caller: Caller,
        request: UUID,
        body: bytes,
        key: str | None = None,
        trace: str | None = None,
        file: str | None = None,
    ) -> LinkAnswer:
        """The engine's answer. If this is cancelled, the engine still does what was asked for.

        Raises:
            EngineUnavailable: it is not there, or went away meanwhile.
        """
        if self.gone.is_set():
            raise EngineUnavailable("it has ended")
        number = next(self._numbers)
        answer: asyncio.Future[LinkAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(frame_of(LinkRequest(number, endpoint, caller, request, body, key, trace, file)))
            await self._writer.drain()
            return await answer
        except OSError as error:
            raise EngineUnavailable(str(error)) from None
        finally:
            self._waiting.pop(number, None)

    def tell_listening(self) -> None:
        """Say that clients are let in from now on."""
        self._writer.write(frame_of(LinkRequest(LISTENING, "", _NOBODY, _NONE, b"")))

    async def _read(self) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
                    answer = decode_answer(await self._reader.readexactly(length))
                    waiting = self._waiting.get(answer.number)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(answer)
        finally:
            self.gone.set()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(EngineUnavailable("it has ended"))

    async def close(self) -> None:
        """Stop using the link."""
        self._task.cancel()
        self._writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._task
