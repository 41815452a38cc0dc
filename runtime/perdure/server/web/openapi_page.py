"""``/v1/openapi.json``: what the API is, for programs that make clients of it."""

from __future__ import annotations

import hashlib
from typing import Final
from uuid import UUID

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from perdure.server.web.boundary import page_of
from perdure.server.web.incoming import caller_from
from perdure.server.web.site import Site

PATH: Final = "/v1/openapi.json"


def openapi_routes(site: Site) -> list[BaseRoute]:
    """The route. Any token opens it."""

    async def answered(request: Request, number: UUID) -> Response:
        caller_from(site, request)
        content = await run_in_threadpool(_document)
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"', "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type="application/json")

    return [Route(PATH, page_of("openapi", answered), methods=["GET"], name="openapi")]


def _document() -> bytes:
    from perdure.api.openapi import document_json  # noqa: PLC0415  # few ask for it, and its schemas take a moment

    return document_json()
