"""``/graphql``. What it needs is an extra, and loaded when the first document comes."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from perdure.api.errors import NotFound, UnsupportedMedia
from perdure.server.web.answers import REQUEST_ID
from perdure.server.web.boundary import page_of
from perdure.server.web.incoming import body_of, caller_from
from perdure.server.web.site import Site

if TYPE_CHECKING:
    from perdure.server.graphql.view import View

PATH: Final = "/graphql"
_JSON: Final = "application/json"
_HINT: Final = "GraphQL here: it needs strawberry, see perdure's extra: pip install 'perdure[graphql]'"


def graphql_routes(site: Site) -> list[BaseRoute]:
    """The route. Any token opens it; its fields want the scopes of their endpoints."""
    views: list[View] = []

    def view() -> View:
        if not views:
            if importlib.util.find_spec("strawberry") is None:
                raise NotFound(_HINT)
            from perdure.server.graphql.view import View  # noqa: PLC0415  # strawberry takes a while to load

            views.append(View(site))
        return views[0]

    async def answered(request: Request, number: UUID) -> Response:
        caller = caller_from(site, request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
            raise UnsupportedMedia(_JSON)
        with site.bodies.share() as take:
            body = await body_of(request, site.order.settings.max_body, take)
            found = view()
            answer = await found.answer(found.asking(site, request, caller), request, body)
        answer.headers[REQUEST_ID] = str(number)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    return [Route(PATH, page_of("graphql", answered), methods=["POST"], name="graphql")]
