"""Requests to other hosts, each checked: where it goes, what it carries, what comes back, how long it takes.

`HttpClient` lives on one event loop. A synchronous caller that sends now and then, such as the refresh of a token, uses
`send_once`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

import certifi
import httpx
import msgspec

from perdure.runtime.http.addresses import networks
from perdure.runtime.http.body import ACCEPT_ENCODING, Identity, Inflate, decoder_for
from perdure.runtime.http.connecting import KEEP_SECONDS, CheckedBackend, CheckedTransport
from perdure.runtime.http.errors import (
    AnswerTooLarge,
    BrokenAnswer,
    ClientClosed,
    HostNotAllowed,
    HostUnreachable,
    HttpError,
    InvalidRequest,
    RequestTimedOut,
    TlsFailed,
    TooManyRedirects,
)
from perdure.runtime.http.headers import Headers, answer_headers, checked_headers, has
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.http.redirects import Hop, is_redirect, next_hop
from perdure.runtime.http.resolver import Resolver, SystemResolver
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.http.url import Target, parse_url

DEFAULT_SECONDS: Final = 30.0
DEFAULT_ANSWER_BYTES: Final = 1024 * 1024
DEFAULT_REDIRECTS: Final = 5

_DEFAULTS: Final = (("Accept", "*/*"), ("User-Agent", "perdure"))

_METHOD: Final = re.compile(r"[A-Z]{1,20}")
# CONNECT would make a tunnel, TRACE shows what others put into a request.
_METHODS_REFUSED: Final = frozenset({"CONNECT", "TRACE", "TRACK"})

_sending: ContextVar[bool] = ContextVar("perdure_http_sending", default=False)


class _OwnTraffic(logging.Filter):
    """Keeps what httpcore logs about our requests out of the embedder's log: it shows headers, which hold secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _sending.get()


_OWN_TRAFFIC: Final = _OwnTraffic()


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent. ``seconds`` is for everything, redirects and all; ``max_bytes`` for the decoded answer."""

    url: str
    method: str = "GET"
    headers: Headers = ()
    body: bytes | None = None
    seconds: float = DEFAULT_SECONDS
    max_bytes: int = DEFAULT_ANSWER_BYTES
    max_redirects: int = DEFAULT_REDIRECTS


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: any status is an answer. ``target`` is where the last redirect led; ``body`` is decompressed."""

    status: int
    headers: Headers
    body: bytes
    target: Target
    elapsed_ms: int

    def header(self, name: str) -> str | None:
        """The first header of this name, in lowercase."""
        return next((value for key, value in self.headers if key == name), None)


class HttpClient:
    """Sends requests for one extension; its connections are nobody else's. No cookies, no proxies, no environment.

    Args:
        settings: limits, and which networks are open.
        resolver: who looks names up; the operating system by default.
        tls: what is trusted; by default made from ``settings``. Making one takes 20 ms, so clients share it.
        keep: seconds that an idle connection is kept.
    """

    def __init__(
        self,
        settings: HttpSettings,
        *,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        keep: float = KEEP_SECONDS,
    ) -> None:
        self._settings = settings
        backend = CheckedBackend(resolver or SystemResolver(), networks(settings.private_networks))
        self._transport = CheckedTransport(backend, tls or tls_context(settings), settings.connections, keep)
        # Before the pool, which looks at each connection for each request that waits in it.
        self._slots = asyncio.Semaphore(settings.connections)
        self._keep = keep
        self._sending = 0
        self._quiet: asyncio.TimerHandle | None = None
        self._dropping: asyncio.Task[None] | None = None
        self._closed = False
        for name in ("httpcore.http11", "httpcore.connection"):
            logging.getLogger(name).addFilter(_OWN_TRAFFIC)

    async def send(self, request: HttpRequest, hosts: HostRules) -> HttpAnswer:
        """Send a request and read its answer; every redirect is checked as if it were a first request.

        Raises:
            InvalidRequest: it cannot be sent as it is.
            HostNotAllowed, AddressNotAllowed: it must not go where it leads, or where a redirect leads.
            HostUnreachable, TlsFailed: there is no connection, so nothing was sent.
            RequestTimedOut, BrokenAnswer: it may have been sent, there is no answer.
            AnswerTooLarge, TooManyRedirects: it was answered.
            ClientClosed: `aclose` was called.
        """
        hop = self._first_hop(request)
        token = _sending.set(True)
        self._begin()
        try:
            async with asyncio.timeout(request.seconds):
                async with self._slots:
                    return await self._follow(hop, request, hosts)
        except TimeoutError:
            raise RequestTimedOut(hop.target.host, request.seconds) from None
        finally:
            self._end()
            _sending.reset(token)

    async def aclose(self) -> None:
        """Drop every connection. Idempotent."""
        self._closed = True
        if self._quiet is not None:
            self._quiet.cancel()
        await self._transport.aclose()

    # The pool looks after idle connections only when a request comes: one that is quiet for good would keep its own.

    def _begin(self) -> None:
        self._sending += 1
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None

    def _end(self) -> None:
        self._sending -= 1
        if self._sending == 0 and not self._closed:
            self._quiet = asyncio.get_running_loop().call_later(self._keep, self._drop_idle)

    def _drop_idle(self) -> None:
        self._quiet = None
        self._dropping = asyncio.get_running_loop().create_task(self._transport.aclose())

    def _first_hop(self, request: HttpRequest) -> Hop:
        if not _METHOD.fullmatch(request.method) or request.method in _METHODS_REFUSED:
            raise InvalidRequest("method", "it must be one like GET or POST, in capitals")
        if request.body is not None and len(request.body) > self._settings.max_request_bytes:
            limit = self._settings.max_request_bytes
            raise InvalidRequest("body", f"it has {len(request.body)} bytes, it may have at most {limit}")
        return Hop(request.method, parse_url(request.url), checked_headers(request.headers), request.body)

    async def _follow(self, hop: Hop, request: HttpRequest, hosts: HostRules) -> HttpAnswer:
        begun = time.monotonic()
        limit = min(request.max_bytes, self._settings.max_answer_bytes)
        for _ in range(request.max_redirects + 1):
            async with self._exchange(hop, hosts) as response:
                location = _location(response) if request.max_redirects else None
                if location is None:
                    headers, body = await _read(response, hop.target.host, limit)
                    elapsed = round((time.monotonic() - begun) * 1_000)
                    return HttpAnswer(
                        status=response.status_code, headers=headers, body=body, target=hop.target, elapsed_ms=elapsed
                    )
                hop = next_hop(hop, response.status_code, location)
        raise TooManyRedirects(request.max_redirects)

    @asynccontextmanager
    async def _exchange(self, hop: Hop, hosts: HostRules) -> AsyncIterator[httpx.Response]:
        """The answer to one request, its body not read yet; what fails until the end of the block is translated."""
        target = hop.target
        if not hosts.allows(target.scheme, target.host, target.port):
            raise HostNotAllowed(target.origin, target.entry)
        if self._closed:
            raise ClientClosed
        try:
            response = await self._transport.handle_async_request(_httpx_request(hop))
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.ConnectError as error:
            # `CheckedBackend` has errors of its own, so what fails here is the handshake.
            raise TlsFailed(target.host, _tls_reason(error)) from error
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            raise BrokenAnswer(target.host, "the connection ended, or what came is no HTTP") from error
        except httpx.TransportError as error:
            raise HostUnreachable(target.host, "the connection failed") from error
        except ValueError as error:
            if isinstance(error, HttpError):
                raise
            raise BrokenAnswer(target.host, str(error)) from None


class HttpClients:
    """A client for each extension, made when it is first needed; all on one event loop.

    ``None`` stands for the embedder itself. They are closed by `aclose`, or with the loop's tasks when it ends.
    """

    def __init__(self, settings: HttpSettings, *, resolver: Resolver | None = None) -> None:
        self._settings = settings
        self._resolver = resolver
        self._tls: ssl.SSLContext | None = None
        self._clients: dict[str | None, HttpClient] = {}
        self._closing: asyncio.Task[None] | None = None
        self._closed = False

    def of(self, extension: str | None) -> HttpClient:
        """The client of an extension. Called on the event loop.

        Raises:
            ClientClosed: they were closed.
        """
        if self._closed:
            raise ClientClosed
        client = self._clients.get(extension)
        if client is None:
            self._tls = self._tls or tls_context(self._settings)
            client = HttpClient(self._settings, resolver=self._resolver, tls=self._tls)
            self._clients[extension] = client
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close_with_the_loop())
        return client

    async def aclose(self) -> None:
        """Drop every connection. Idempotent."""
        self._closed = True
        if self._closing is not None and self._closing is not asyncio.current_task():
            self._closing.cancel()
        while self._clients:
            _, client = self._clients.popitem()
            await client.aclose()

    async def _close_with_the_loop(self) -> None:
        # Who ends a loop cancels its tasks first, and waits for them: the last moment at which sockets can be closed.
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self.aclose()


def send_once(
    request: HttpRequest, hosts: HostRules, settings: HttpSettings, *, resolver: Resolver | None = None
) -> HttpAnswer:
    """Send one request over a connection of its own and wait for the answer; for threads without an event loop.

    Raises:
        HttpError: as `HttpClient.send` does.
    """

    async def once() -> HttpAnswer:
        client = HttpClient(settings, resolver=resolver)
        try:
            return await client.send(request, hosts)
        finally:
            await client.aclose()

    return asyncio.run(once())


def tls_context(settings: HttpSettings) -> ssl.SSLContext:
    """What is trusted: the authorities of ``ca_file``, or those that Mozilla trusts (the ``certifi`` distribution).

    Raises:
        OSError: the file cannot be read, or holds no certificates.
    """
    return ssl.create_default_context(cafile=settings.ca_file or certifi.where())


def _httpx_request(hop: Hop) -> httpx.Request:
    target = hop.target
    headers = [("Host", target.authority), *hop.headers, ("Accept-Encoding", ACCEPT_ENCODING)]
    headers += [(name, value) for name, value in _DEFAULTS if not has(hop.headers, name.lower())]
    try:
        url = httpx.URL(scheme=target.scheme, host=target.host, port=target.port, raw_path=target.path.encode())
        request = httpx.Request(hop.method, url, headers=headers, content=hop.body)
    except httpx.InvalidURL as error:
        raise InvalidRequest("url", str(error)) from None
    return request


def _location(response: httpx.Response) -> str | None:
    """Where a redirect leads; None if the answer is none."""
    found = {value for name, value in response.headers.raw if name.lower() == b"location"}
    if not is_redirect(response.status_code) or not found:
        return None
    if len(found) > 1:
        raise ValueError("its redirect leads to more than one place")
    return found.pop().decode("utf-8", errors="replace")


async def _read(response: httpx.Response, host: str, limit: int) -> tuple[Headers, bytes]:
    codings = [value for name, value in response.headers.raw if name.lower() == b"content-encoding"]
    decoder = decoder_for(b",".join(codings).decode("latin-1"))
    headers = answer_headers(response.headers.raw, decoded=isinstance(decoder, Inflate))
    decoder = decoder or Identity()
    raw, body = 0, bytearray()
    async for data in response.aiter_raw():
        raw += len(data)
        for piece in decoder.feed(data):
            body += piece
            if len(body) > limit:
                raise AnswerTooLarge(host, limit)
        if raw > limit:  # what is decoded to nothing takes time all the same
            raise AnswerTooLarge(host, limit)
    decoder.finish()
    return headers, bytes(body)


def _tls_reason(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError) and cause.reason:
            return cause.reason.lower().replace("_", " ")
        cause = cause.__cause__ or cause.__context__
    return "the connection ended during the handshake"
