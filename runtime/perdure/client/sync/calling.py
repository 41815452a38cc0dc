"""How a `Client` asks its server, and listens to it."""

from __future__ import annotations

import contextlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar
from uuid import UUID

import httpx

from perdure.api.errors import ServerUnreachable
from perdure.api.unix_socket import short_name, socket_path
from perdure.client.address import Address
from perdure.client.calls.call import Call
from perdure.client.event_stream import EventStream
from perdure.client.following import SLACK, Following
from perdure.client.wire import checked_stream, http_request, is_back_soon, result_of
from perdure.runtime.job_handle import JobHandle

Result = TypeVar("Result")
TIMEOUT: Final = 60.0  # seconds, as `RuntimeSettings.call_timeout`
# As many as a program has threads that wait and watch: each of them has one.
LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20)


class Calling(ABC):
    """A connection to a server, and the two things that are done with it: `_do` and `_listen`."""

    def __init__(self, address: Address, *, timeout: float = TIMEOUT) -> None:
        self.address = address
        self._stack = contextlib.ExitStack()
        transport: httpx.HTTPTransport | None = None
        if address.data is not None:
            name = self._stack.enter_context(short_name(socket_path(address.data)))
            transport = httpx.HTTPTransport(uds=name, limits=LIMITS)
        self._http = self._stack.enter_context(
            httpx.Client(
                base_url=address.base,
                headers=address.headers,
                timeout=timeout,
                transport=transport,
                limits=LIMITS,
                trust_env=False,
            )
        )

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, timeout: float = TIMEOUT) -> Self:
        """The server that works on a data folder of this machine, through its Unix socket: no token is needed."""
        return cls(Address("http://perdure", Path(path).absolute()), timeout=timeout)

    @classmethod
    def connect(cls, url: str, *, token: str, timeout: float = TIMEOUT) -> Self:
        """The server at an address; ``timeout`` in seconds is for each call that has none of its own."""
        return cls(Address(url.rstrip("/"), token=token), timeout=timeout)

    def close(self) -> None:
        """Close the connections; a second call does nothing. The server goes on, and so do its jobs."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _handle(self, job_id: UUID) -> JobHandle:
        """The job, for whoever asked."""

    def _do(self, call: Call[Result]) -> Result:
        """Ask the server.

        Raises:
            ServerUnreachable: nobody answers.
            TimeoutError: no answer in time; what was asked for may still be done.
            UnexpectedAnswer: what answers is no perdure server.
            Unauthenticated, Forbidden: the token does not open this.
        """
        request = http_request(call)
        timeout = httpx.USE_CLIENT_DEFAULT if call.seconds is None else call.seconds
        try:
            response = self._http.request(
                request.verb, request.target, content=request.body, headers=request.headers, timeout=timeout
            )
        except httpx.TimeoutException:
            raise TimeoutError(f"{self.address} did not answer in time") from None
        except httpx.HTTPError as error:
            raise ServerUnreachable(str(self.address), str(error) or type(error).__name__) from None
        return result_of(call, response.status_code, response.content, str(self.address))

    def _listen(self, call: Call[Result], *, timeout: float | None = None, what: str = "it") -> Iterator[Result]:
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
            headers = {**request.headers, **({"Last-Event-ID": stream.last_id} if stream.last_id else {})}
            limits = httpx.Timeout(min(silence, TIMEOUT), read=silence)
            try:
                with self._http.stream(request.verb, request.target, headers=headers, timeout=limits) as response:
                    if is_back_soon(response.status_code):
                        reason = f"status {response.status_code}"
                    else:
                        refusal = response.read() if response.is_error else b""
                        checked_stream(response.status_code, response.headers, refusal, address)
                        for part in response.iter_raw():
                            following.heard()
                            for message in stream.feed(part):
                                yield call.result(message)
                            if following.silence < silence - SLACK:
                                break  # there is less time left than this connection may be silent
            except httpx.HTTPError as error:
                reason = str(error) or type(error).__name__
            stream = EventStream(stream.last_id)  # what came of a broken message comes again
            if (pause := following.broken(reason)) > 0:
                time.sleep(pause)
