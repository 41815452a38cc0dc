"""How an `AsyncClient` asks its server, and listens to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

import httpx

from perdure.api.unix_socket import short_name, socket_path
from perdure.client.address import Address
from perdure.client.async_job_handle import AsyncJobHandle
from perdure.client.calls.call import Call
from perdure.client.connection import LIMITS, TIMEOUT, listening, options, silence_limits, unanswered
from perdure.client.event_stream import EventStream
from perdure.client.following import SLACK, Following
from perdure.client.wire import checked_stream, http_request, is_back_soon, is_success, result_of

Result = TypeVar("Result")


class Calling(ABC):
    """A connection to a server, and the two things that are done with it: `_do` and `_listen`."""

    def __init__(self, address: Address, *, timeout: float = TIMEOUT) -> None:
        self.address = address
        self._timeout = timeout
        self._stack = contextlib.ExitStack()
        transport: httpx.AsyncHTTPTransport | None = None
        if address.data is not None:
            name = self._stack.enter_context(short_name(socket_path(address.data)))
            transport = httpx.AsyncHTTPTransport(uds=name, limits=LIMITS)
        self._http = httpx.AsyncClient(transport=transport, **options(address, timeout))

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, timeout: float = TIMEOUT) -> Self:
        """The server that works on a data folder of this machine, through its Unix socket: no token is needed."""
        return cls(Address.of_folder(path), timeout=timeout)

    @classmethod
    def connect(cls, url: str, *, token: str, timeout: float = TIMEOUT) -> Self:
        """The server at an address; ``timeout`` in seconds is for each call that has none of its own.

        Raises:
            BadRequest: ``url`` or ``token`` cannot be one.
        """
        return cls(Address.of_url(url, token), timeout=timeout)

    async def close(self) -> None:
        """Close the connections; a second call does nothing. The server goes on, and so do its jobs."""
        await self._http.aclose()
        self._stack.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @abstractmethod
    def _handle(self, job_id: UUID) -> AsyncJobHandle:
        """The job, for whoever asked."""

    async def _do(self, call: Call[Result]) -> Result:
        """Ask the server.

        Raises:
            ServerUnreachable: nobody answers.
            TimeoutError: no answer in time; what was asked for may still be done.
            UnexpectedAnswer: what answers is no perdure server.
            Unauthenticated, Forbidden: the token does not open this.
        """
        request = http_request(call)
        timeout = self._timeout if call.seconds is None else call.seconds
        try:
            response = await self._http.request(
                request.verb, request.target, content=request.body, headers=request.headers, timeout=timeout
            )
        except httpx.HTTPError as error:
            raise unanswered(self.address, error) from None
        return result_of(call, response.status_code, response.content, str(self.address))

    async def _listen(
        self, call: Call[Result], *, timeout: float | None = None, what: str = "it"
    ) -> AsyncIterator[Result]:
        """The messages of an endpoint that sends events; over a new connection, and on, whenever one breaks.

        Raises:
            TimeoutError: ``timeout`` seconds have passed.
            ServerUnreachable: nobody has answered for a minute.
        """
        address = str(self.address)
        following = Following(address, time.monotonic, timeout=timeout, what=what)
        stream = EventStream()
        request = http_request(call)
        while True:
            reason = "the connection ended"
            silence = following.silence
            headers = listening(request.headers, stream.last_id)
            limits = silence_limits(silence)
            try:
                async with self._http.stream(request.verb, request.target, headers=headers, timeout=limits) as response:
                    if is_back_soon(response.status_code):
                        reason = f"status {response.status_code}"
                    else:
                        refusal = await response.aread() if not is_success(response.status_code) else b""
                        checked_stream(response.status_code, response.headers, refusal, address)
                        async for part in response.aiter_raw():
                            following.heard()
                            for message in stream.feed(part):
                                yield call.result(message)
                            if following.silence < silence - SLACK:
                                break  # there is less time left than this connection may be silent
            except httpx.HTTPError as error:
                reason = str(error) or type(error).__name__
            stream = EventStream(stream.last_id)  # what came of a broken message comes again
            if (pause := following.broken(reason)) > 0:
                await asyncio.sleep(pause)
