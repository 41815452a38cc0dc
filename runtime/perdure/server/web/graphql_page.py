"""``/graphql``. What it needs is an extra, and loaded when the first document comes."""

from __future__ import annotations

import importlib.util
import logging
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from perdure.api.errors import BadRequest, NotFound, UnsupportedMedia
from perdure.api.problems import status_of
from perdure.server.web.answers import REQUEST_ID, problem_response
from perdure.server.web.incoming import body_of, caller_from
from perdure.server.web.site import Site

if TYPE_CHECKING:
    from perdure.server.graphql.view import View

logger = logging.getLogger(__name__)

PATH: Final = "/graphql"
_JSON: Final = "application/json"
_REFUSED: Final = 400
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

    async def page(request: Request) -> Response:
        number = uuid4()
        try:
            caller = caller_from(site, request)
            if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
                raise UnsupportedMedia(_JSON)
            with site.bodies.share() as take:
                body = await body_of(request, site.order.settings.max_body, take)
                found = view()
                answer = await found.answer(found.asking(site, request, caller), request, body)
            answer.headers[REQUEST_ID] = str(number)
            answer.headers["Cache-Control"] = "no-store"
        except ClientDisconnect:
            return Response(status_code=_REFUSED)  # nobody is there to read it
        except Exception as error:  # the boundary: the client is told, whatever it is
            reason = getattr(error, "reason", None)
            if type(error).__name__ == "HTTPException" and isinstance(reason, str):  # of strawberry's view
                return problem_response(BadRequest(reason), number)
            if status_of(error) is None:
                logger.exception("request %s (graphql) failed", number)
            return problem_response(error, number)
        return answer

    return [Route(PATH, page, methods=["POST"], name="graphql")]
