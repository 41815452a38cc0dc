"""The endpoints that answer with server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from perdure.api import watching
from perdure.api.endpoint import Endpoint
from perdure.api.errors import ApiError, BadRequest, EngineUnavailable, Forbidden, TooMany
from perdure.api.watching import ENDPOINTS, WatchJob, WatchJobs, WatchLog
from perdure.server.access.authenticating import caller_of
from perdure.server.access.authorising import authorise
from perdure.server.access.caller import Caller
from perdure.server.web.answers import REQUEST_ID
from perdure.server.web.boundary import Page, page_of
from perdure.server.web.incoming import caller_from
from perdure.server.web.live.hub import Selection
from perdure.server.web.live.selection import job_selection, list_selection, log_selection
from perdure.server.web.live.watcher import LARGEST, Watcher
from perdure.server.web.requests import request_of
from perdure.server.web.site import Site
from perdure.store.errors import StoreError
from perdure.store.events import ACCESS_STREAM


def watching_routes(site: Site) -> list[BaseRoute]:
    """A route for each."""
    return [
        Route(endpoint.path, _page(site, endpoint), methods=[endpoint.verb], name=endpoint.name)
        for endpoint in ENDPOINTS
    ]


def _page(site: Site, endpoint: Endpoint[Any, Any]) -> Page:
    async def answered(request: Request, number: UUID) -> Response:
        caller = caller_from(site, request)
        message = request_of(endpoint, request.path_params, request.query_params.multi_items(), b"", "")
        authorise(caller, endpoint, message, site.store)
        last = request.headers.get("last-event-id", "")
        cursor = cursor_of(last) if last else None
        watcher = await watcher_for(site, caller, message, cursor, request.headers.get("authorization"))
        return EventResponse(site, watcher, number)

    return page_of(endpoint.name, answered)


def _selected(caller: Caller, message: msgspec.Struct) -> tuple[Selection, int | None]:
    """What a request is to watch, and behind what; None: what is yet to come."""
    if isinstance(message, WatchJob):
        return job_selection(message), message.after
    if isinstance(message, WatchJobs):
        return list_selection(caller, message), None
    wanted = cast("WatchLog", message)  # there are three endpoints
    selection = log_selection(caller, wanted)
    if selection.stream is not None and selection.stream.startswith(ACCESS_STREAM) and not selection.sight.access:
        raise Forbidden("scope admin")
    return selection, wanted.after


def cursor_of(text: str) -> int:
    """What a ``Last-Event-ID`` means.

    Raises:
        BadRequest: nothing.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > LARGEST:
        raise BadRequest("it is no id of an event of this stream", "Last-Event-ID")
    return int(text)


async def watcher_for(
    site: Site, caller: Caller, message: msgspec.Struct, cursor: int | None, shown: str | None
) -> Watcher:
    """Somebody who watches what ``message`` asks for, behind ``cursor`` if there is one. It is counted: see `Watcher`.

    Whoever gets it takes one off ``site.metrics.watchers`` when it has left. ``shown`` is its Authorization header.

    Raises:
        Forbidden: it is not for this caller.
        TooMany, EngineUnavailable: not now.
        StoreError: it cannot be read.
    """
    selection, after = _selected(caller, message)
    return await _watcher(site, selection, after if cursor is None else cursor, _welcome(site, shown, caller))


def _welcome(site: Site, shown: str | None, caller: Caller) -> Callable[[], bool]:
    """Whether whoever was let in still would be: a token that is revoked ends what it opened."""

    def welcome() -> bool:
        if caller.is_owner:
            return True
        try:
            return caller_of(site.store, shown) == caller
        except ApiError:
            return False

    return welcome


async def _watcher(
    site: Site,
    selection: Selection,
    cursor: int | None,
    welcome: Callable[[], bool],
) -> Watcher:
    if site.live.closed or site.stopping.is_set():
        raise EngineUnavailable("it is stopping")
    if site.metrics.watchers >= site.order.settings.watchers:
        raise TooMany("watchers", retry_after=5.0)
    site.metrics.watchers += 1
    watcher: Watcher | None = None
    try:
        watcher = Watcher(site.live, selection, cursor, welcome)
        await watcher.prepare()
    except BaseException:
        site.metrics.watchers -= 1
        if watcher is not None:
            watcher.leave()
        raise
    return watcher


class EventResponse(Response):
    """A stream of events, for as long as somebody listens."""

    media_type = watching.MEDIA_TYPE

    def __init__(self, site: Site, watcher: Watcher, number: UUID) -> None:
        # Proxies are told not to keep it back (nginx).
        super().__init__(headers={REQUEST_ID: str(number), "Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._site = site
        self._watcher = watcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""

        async def send_messages(data: bytes, count: int) -> None:
            self._site.metrics.sent(count)
            await send({"type": "http.response.body", "body": data, "more_body": True})

        gone = asyncio.create_task(self._until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b": perdure\n\n", "more_body": True})
            if scope["method"] != "HEAD":
                with contextlib.suppress(StoreError, EngineUnavailable):  # whoever comes again is told which
                    await self._watcher.run(send_messages)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._site.metrics.watchers -= 1
            self._watcher.leave()
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._watcher.end()
