"""``query:http.request`` and ``action:http.request``: one request, sent for an extension to a host granted to it.

The query sends what HTTP calls safe (GET, HEAD, OPTIONS). The action sends anything; a request that has no answer after
a crash is put before a person, and sent again, if at all, with the same ``Idempotency-Key``. URLs, headers and bodies
are full of secrets, so they are recorded sealed; the method, the origin, the status and the time can be read by
everybody who may read the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.http.body import text_of
from perdure.runtime.http.errors import HttpError, InvalidRequest
from perdure.runtime.http.headers import Headers, has
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.http.resolver import Resolver
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, Sensitive, action, query

if TYPE_CHECKING:
    from perdure.runtime.http.client import HttpAnswer, HttpClients

MAX_SECONDS: Final = 300.0

# What a server that knows the header does not do twice; RFC 9110 says of the other methods that they may be repeated.
_NEEDS_A_KEY: Final = frozenset({"POST", "PATCH"})
_KEY_HEADER: Final = "Idempotency-Key"


class HttpRead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request that changes nothing.

    ``headers`` is an object, or a list of pairs where a name comes twice. ``timeout_ms`` is for everything, redirects
    and all. ``max_bytes`` bounds the answer's body, decompressed; the host has a bound of its own. ``max_redirects`` 0
    gives a redirect as the answer.
    """

    url: Annotated[str, Sensitive]
    method: Literal["GET", "HEAD", "OPTIONS"] = "GET"
    headers: Annotated[dict[str, str] | list[tuple[str, str]], Sensitive] = {}
    timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=300_000)] = 30_000
    max_bytes: Annotated[int, msgspec.Meta(ge=0, le=2**40)] = 1024 * 1024
    max_redirects: Annotated[int, msgspec.Meta(ge=0, le=10)] = 5


class HttpSend(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Any request. The body is text, or base64 for bytes, or none; the other fields are as in `HttpRead`."""

    url: Annotated[str, Sensitive]
    method: Annotated[str, msgspec.Meta(pattern="^[A-Z]{1,20}$")]
    headers: Annotated[dict[str, str] | list[tuple[str, str]], Sensitive] = {}
    body: Annotated[str, Sensitive] | None = None
    body_base64: Annotated[bytes, Sensitive] | None = None
    timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=300_000)] = 30_000
    max_bytes: Annotated[int, msgspec.Meta(ge=0, le=2**40)] = 1024 * 1024
    max_redirects: Annotated[int, msgspec.Meta(ge=0, le=10)] = 5


class HttpReceived(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer, whatever its status.

    ``origin`` and ``url`` are where the last redirect led. ``headers`` are pairs, names in lowercase. The body is in
    ``body`` if its type says that it is UTF-8 text and it is, else in ``body_base64``.
    """

    status: int
    origin: str
    url: Annotated[str, Sensitive]
    headers: Annotated[list[tuple[str, str]], Sensitive]
    elapsed_ms: int
    body: Annotated[str, Sensitive] | None = None
    body_base64: Annotated[bytes, Sensitive] | None = None


class HttpOperations:
    """The two operations, and the connections they share.

    Args:
        settings: limits, and which networks are open.
        hosts_of: the hosts that an extension may reach at this moment; asked for each call. The host itself may reach
            every one, though not every network.
        resolver: who looks names up; the operating system by default.
    """

    def __init__(
        self, settings: HttpSettings, hosts_of: Callable[[str], HostRules], *, resolver: Resolver | None = None
    ) -> None:
        self._settings = settings
        self._hosts_of = hosts_of
        self._resolver = resolver
        self._clients: HttpClients | None = None  # made on the event loop, by the first call

    @query("http.request", scope="core", timeout=MAX_SECONDS + 5)
    async def read(self, context: CallContext, request: HttpRead) -> HttpReceived:
        """Ask a host for something: GET, HEAD or OPTIONS, over HTTPS unless plain HTTP was granted."""
        return await self._send(context, request, _pairs(request.headers), None)

    @action("http.request", effect=Effect.NON_IDEMPOTENT, scope="core", timeout=MAX_SECONDS + 5)
    async def send(self, context: CallContext, request: HttpSend) -> HttpReceived:
        """Send a host anything, over HTTPS unless plain HTTP was granted.

        POST and PATCH carry the call's effect key as ``Idempotency-Key`` unless the extension sets that header: a
        server that knows it does not do again what a person has repeated after a crash.
        """
        if request.body is not None and request.body_base64 is not None:
            raise OperationFailed("invalid_payload", "give body or body_base64, not both")
        headers = _pairs(request.headers)
        if request.method in _NEEDS_A_KEY and context.effect_key and not has(headers, _KEY_HEADER.lower()):
            headers = (*headers, (_KEY_HEADER, context.effect_key))
        try:
            body = request.body.encode() if request.body is not None else request.body_base64
        except UnicodeEncodeError:
            raise OperationFailed("invalid_payload", "body has half a surrogate pair") from None
        return await self._send(context, request, headers, body)

    async def _send(
        self, context: CallContext, request: HttpRead | HttpSend, headers: Headers, body: bytes | None
    ) -> HttpReceived:
        # Here, not above: httpx makes every start of the program a tenth of a second longer.
        from perdure.runtime.http.client import HttpClients, HttpRequest  # noqa: PLC0415

        if self._clients is None:
            self._clients = HttpClients(self._settings, resolver=self._resolver)
        hosts = HostRules.ANY if context.extension is None else self._hosts_of(context.extension)
        wanted = HttpRequest(
            method=request.method,
            url=request.url,
            headers=headers,
            body=body,
            seconds=min(request.timeout_ms / 1_000, context.remaining()),
            max_bytes=request.max_bytes,
            max_redirects=request.max_redirects,
        )
        try:
            answer = await self._clients.of(context.extension).send(wanted, hosts)
        except HttpError as error:
            # What is recorded of it is sealed; here a person sees which host it was about. What the guest wrote itself
            # stays out.
            context.log.info("%s", "invalid request" if isinstance(error, InvalidRequest) else error)
            raise OperationFailed(error.code, str(error)) from None
        return _received(answer)


def http_operations(settings: HttpSettings, hosts_of: Callable[[str], HostRules]) -> tuple[Callable[..., Any], ...]:
    """The operations, ready to be registered; see `HttpOperations`."""
    operations = HttpOperations(settings, hosts_of)
    return operations.read, operations.send


def _pairs(headers: dict[str, str] | list[tuple[str, str]]) -> Headers:
    return tuple(headers.items() if isinstance(headers, dict) else headers)


def _received(answer: HttpAnswer) -> HttpReceived:
    text = text_of(answer.body, answer.header("content-type") or "")
    return HttpReceived(
        status=answer.status,
        origin=answer.target.origin,
        url=str(answer.target),
        headers=list(answer.headers),
        elapsed_ms=answer.elapsed_ms,
        body=text,
        body_base64=answer.body if text is None else None,
    )
