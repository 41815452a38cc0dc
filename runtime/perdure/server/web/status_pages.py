"""``/livez``, ``/readyz`` and ``/metrics``: for those who keep the server running.

The first two need no token, and say nothing that a stranger could use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from perdure.api.endpoint import Endpoint
from perdure.api.errors import EngineUnavailable, Forbidden
from perdure.api.scopes import Scope, allows
from perdure.metrics.exposition import render_with
from perdure.server.access.authenticating import owner
from perdure.server.link.observed import METRICS, READINESS, AskReadiness, ReadMetrics
from perdure.server.web.boundary import page_of
from perdure.server.web.incoming import caller_from
from perdure.server.web.site import Site

Answer = TypeVar("Answer")

ANSWERS_IN: Final = 2.0  # seconds that the engine has for it
_FRESH: Final = {"Cache-Control": "no-store"}
_READY, _NOT_READY = 200, 503


def status_routes(site: Site) -> list[BaseRoute]:
    """The routes."""

    def route(path: str, name: str, answering: Callable[[Site, Request], Awaitable[Response]]) -> Route:
        async def answered(request: Request, number: UUID) -> Response:
            return await answering(site, request)

        return Route(path, page_of(name, answered), methods=["GET"], name=name)

    return [route("/livez", "livez", live), route("/readyz", "readyz", ready), route("/metrics", "metrics", metrics)]


async def live(site: Site, request: Request) -> Response:
    """This process answers."""
    return PlainTextResponse("ok\n", headers=_FRESH)


async def ready(site: Site, request: Request) -> Response:
    """Whether requests should be sent here, and why not."""
    reasons = await _reasons(site)
    return JSONResponse(
        {"ready": not reasons, "reasons": reasons}, status_code=_NOT_READY if reasons else _READY, headers=_FRESH
    )


async def metrics(site: Site, request: Request) -> Response:
    """Those of both processes, in Prometheus' text format or OpenMetrics. The engine's are missing if it is too busy.

    Raises:
        Unauthenticated, Forbidden: the token does not open it, and the operator did not say that it needs none.
    """
    if not site.order.settings.metrics_open:
        caller = caller_from(site, request)
        if not allows(caller.scopes, Scope.READ):
            raise Forbidden(f"scope {Scope.READ}")
    accept = ", ".join(request.headers.getlist("accept"))
    up, head = True, ""
    try:
        head = (await _ask(site, METRICS, ReadMetrics(accept))).text
    except EngineUnavailable:
        up = False
    reasons = await _reasons(site) if up else ["engine"]
    families = await run_in_threadpool(site.metrics.collect, engine_up=up, ready=not reasons)
    body, kind = await run_in_threadpool(render_with, head.encode(), families, accept)
    return Response(body, headers=_FRESH | {"Content-Type": kind})


async def _reasons(site: Site) -> list[str]:
    if site.stopping.is_set():
        return ["the server is stopping"]
    try:
        return list((await _ask(site, READINESS, AskReadiness())).reasons)
    except EngineUnavailable:
        return ["the engine does not answer"]


async def _ask(site: Site, endpoint: Endpoint[Any, Answer], request: msgspec.Struct) -> Answer:
    """What the engine says.

    Raises:
        EngineUnavailable: nothing, in time.
    """
    asked = site.link.ask(endpoint.name, owner(), uuid4(), msgspec.json.encode(request))
    try:
        answer = await asyncio.wait_for(asked, ANSWERS_IN)
    except TimeoutError:
        raise EngineUnavailable(f"not within {ANSWERS_IN:g} s") from None
    if answer.status != endpoint.status:
        raise EngineUnavailable(f"it said {answer.status}")
    return msgspec.json.decode(answer.body, type=endpoint.answer)
