"""What comes with a request: who asks, and its body."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from perdure.api.errors import TooLarge, Unauthenticated
from perdure.server.access.authenticating import caller_of, owner
from perdure.server.access.caller import Caller
from perdure.server.web.observer import CLIENT
from perdure.server.web.site import Site


def caller_from(site: Site, request: Request) -> Caller:
    """Who asks.

    Raises:
        Unauthenticated: nobody that may.
        TooMany: nobody that may, and that often of late.
    """
    caller = _caller_from(site, request)
    request.scope[CLIENT] = caller.client
    return caller


def _caller_from(site: Site, request: Request) -> Caller:
    if request.scope.get("perdure.owner") is True:  # set by the entrance of the Unix socket
        return owner()
    shown = request.headers.get("authorization")
    try:
        return caller_of(site.store, shown)
    except Unauthenticated:
        if shown is not None:
            site.wrong_tokens.note(request.client.host if request.client is not None else "")
        raise


async def body_of(request: Request, limit: int, take: Callable[[int], None]) -> bytes:
    """The body, whole; ``take`` is told of each part's size before it is kept.

    Raises:
        TooLarge: it has more than ``limit`` bytes.
        TooMany: there is no room for it beside others.
        ClientDisconnect: the client went away.
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise TooLarge(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLarge(limit)
        take(len(part))
        parts.append(part)
    return b"".join(parts)
