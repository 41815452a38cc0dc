"""The web application: a route for each endpoint, and what comes before all of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from perdure.api.endpoint import Body, Endpoint
from perdure.api.errors import MethodNotAllowed, NotFound, TooLarge
from perdure.api.problems import status_of
from perdure.api.table import ENDPOINTS
from perdure.server.access.authenticating import caller_of, owner
from perdure.server.access.authorising import authorise
from perdure.server.access.caller import Caller
from perdure.server.web.answers import answer_from, answer_with, problem_response
from perdure.server.web.pages import page_routes
from perdure.server.web.reading.readers import Readers
from perdure.server.web.reading.table import log_readers
from perdure.server.web.requests import request_of
from perdure.server.web.site import Site

logger = logging.getLogger(__name__)

Page = Callable[[Request], Awaitable[Response]]


def make_app(site: Site) -> Starlette:
    """The application, for one `Site`."""
    readers = log_readers()
    routes: list[BaseRoute] = [
        Route(endpoint.path, endpoint_page(site, endpoint, readers), methods=[endpoint.verb])
        for endpoint in ENDPOINTS
        if endpoint.body is Body.JSON
    ]
    routes += page_routes()
    handlers: dict[Any, Any] = {404: _not_found, 405: _wrong_verb}
    return Starlette(routes=routes, exception_handlers=handlers)


def endpoint_page(site: Site, endpoint: Endpoint[Any, Any], readers: Readers) -> Page:
    """The page of one endpoint."""
    reader = readers.get(endpoint.name)

    async def page(request: Request) -> Response:
        number = uuid4()
        try:
            caller = caller_from(site, request)
            body = await body_of(request, site.order.settings.max_body)
            message = request_of(
                endpoint,
                request.path_params,
                request.query_params.multi_items(),
                body,
                request.headers.get("content-type", ""),
            )
            authorise(caller, endpoint, message, site.store)
            if reader is not None:
                answer = await run_in_threadpool(reader, site, caller, message)
                return answer_with(answer, endpoint.status, number)
            key = request.headers.get("idempotency-key")
            return answer_from(
                await site.link.ask(endpoint.name, caller, number, msgspec.json.encode(message), key), number
            )
        except Exception as error:  # the boundary: the client is told, whatever it is
            if status_of(error) is None:
                logger.exception("request %s (%s) failed", number, endpoint.name)
            return problem_response(error, number)

    return page


def caller_from(site: Site, request: Request) -> Caller:
    """Who asks.

    Raises:
        Unauthenticated: nobody that may.
    """
    if request.scope.get("perdure.owner") is True:  # set by the entrance of the Unix socket
        return owner()
    return caller_of(site.store, request.headers.get("authorization"))


async def body_of(request: Request, limit: int) -> bytes:
    """The body, whole.

    Raises:
        TooLarge: it has more than ``limit`` bytes.
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
        parts.append(part)
    return b"".join(parts)


async def _not_found(request: Request, error: Exception) -> Response:
    return problem_response(NotFound("such page"), uuid4())


async def _wrong_verb(request: Request, error: Exception) -> Response:
    headers = getattr(error, "headers", None) or {}
    allowed = tuple(verb.strip() for verb in headers.get("Allow", "").split(",") if verb.strip())
    response = problem_response(MethodNotAllowed(allowed), uuid4())
    response.headers["Allow"] = ", ".join(allowed)
    return response
