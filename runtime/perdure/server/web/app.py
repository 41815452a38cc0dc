"""The web application: a route for each endpoint, and what comes before all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from perdure.api.endpoint import Body, Endpoint
from perdure.api.errors import MethodNotAllowed, NotFound
from perdure.api.table import ENDPOINTS
from perdure.server.access.authorising import authorise, require_scope
from perdure.server.web.answers import answer_from, answer_with, problem_response
from perdure.server.web.boundary import Page, page_of
from perdure.server.web.files import Incoming, download_page, upload_page
from perdure.server.web.graphql_page import graphql_routes
from perdure.server.web.incoming import body_of, caller_from
from perdure.server.web.live.pages import watching_routes
from perdure.server.web.openapi_page import openapi_routes
from perdure.server.web.pages import page_routes
from perdure.server.web.reading.readers import Readers, read_in_time
from perdure.server.web.reading.table import log_readers
from perdure.server.web.requests import request_of
from perdure.server.web.site import Site
from perdure.server.web.status_pages import status_routes


def make_app(site: Site) -> Starlette:
    """The application, for one `Site`."""
    readers = log_readers()
    routes = watching_routes(site)  # before what a job's id may be
    routes += [
        Route(
            route_path(endpoint.path),
            endpoint_page(site, endpoint, readers),
            methods=[endpoint.verb],
            name=endpoint.name,
        )
        for endpoint in ENDPOINTS
        if endpoint.body is Body.JSON
    ]
    routes += _file_routes(site)
    routes += openapi_routes(site)
    routes += graphql_routes(site)
    routes += page_routes()
    routes += status_routes(site)
    handlers: dict[Any, Any] = {404: _not_found, 405: _wrong_verb}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False  # a page has one address
    return app


def _file_routes(site: Site) -> list[Route]:
    """Those of endpoints that take a file, or are answered by one."""
    incoming = Incoming(Path(site.order.data))
    pages: dict[Body, Callable[[Endpoint[Any, Any]], Page]] = {
        Body.UPLOAD: lambda endpoint: upload_page(site, endpoint, incoming),
        Body.DOWNLOAD: lambda endpoint: download_page(site, endpoint),
    }
    return [
        Route(endpoint.path, pages[endpoint.body](endpoint), methods=[endpoint.verb], name=endpoint.name)
        for endpoint in ENDPOINTS
        if endpoint.body in pages
    ]


def route_path(path: str) -> str:
    """An endpoint's path as a route: keys of callers may have slashes in them."""
    return path.replace("{key}", "{key:path}")


def endpoint_page(site: Site, endpoint: Endpoint[Any, Any], readers: Readers) -> Page:
    """The page of one endpoint."""
    reader = readers.get(endpoint.name)

    async def answered(request: Request, number: UUID) -> Response:
        caller = caller_from(site, request)
        require_scope(caller, endpoint)  # before its body is read
        with site.bodies.share() as take:
            body = await body_of(request, site.order.settings.max_body, take)
            message = request_of(
                endpoint,
                request.path_params,
                request.query_params.multi_items(),
                body,
                request.headers.get("content-type", ""),
            )
            authorise(caller, endpoint, message, site.store)
            if reader is not None:
                answer = await read_in_time(reader, site, caller, message)
                return answer_with(answer, endpoint.status, number)
            key = request.headers.get("idempotency-key")
            return answer_from(
                await site.link.ask(
                    endpoint.name,
                    caller,
                    number,
                    msgspec.json.encode(message),
                    key,
                    request.headers.get("traceparent"),
                ),
                number,
            )

    return page_of(endpoint.name, answered)


async def _not_found(request: Request, error: Exception) -> Response:
    return problem_response(NotFound("such page"), uuid4())


async def _wrong_verb(request: Request, error: Exception) -> Response:
    routes = [each for each in request.app.routes if isinstance(each, Route)]
    matching = [each for each in routes if each.matches(request.scope)[0] is not Match.NONE]
    allowed = tuple(sorted({verb for each in matching for verb in each.methods or ()}))
    response = problem_response(MethodNotAllowed(allowed), uuid4())
    response.headers["Allow"] = ", ".join(allowed)
    return response
