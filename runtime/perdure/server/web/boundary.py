"""What stands around every page: a request gets a number, and whatever goes wrong, its client is told."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID, uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from perdure.api.problems import REFUSED, status_of
from perdure.server.web.answers import problem_response

logger = logging.getLogger(__name__)

Page = Callable[[Request], Awaitable[Response]]
Answering = Callable[[Request, UUID], Awaitable[Response]]

_OURS: Final = (None, 500)  # statuses of errors that are nobody's fault but the server's


def page_of(name: str, answering: Answering) -> Page:
    """The page that answers with ``answering``, which gets each request with its number.

    Its errors become problems. Those that nobody foresaw, and those of a log that cannot be read, are in the process'
    log with the number; ``name`` is what that calls the page.
    """

    async def page(request: Request) -> Response:
        number = uuid4()
        try:
            return await answering(request, number)
        except ClientDisconnect:
            return Response(status_code=REFUSED)  # nobody is there to read it
        except Exception as error:  # the boundary: the client is told, whatever it is
            if status_of(error) in _OURS:
                logger.exception("request %s (%s) failed", number, name)
            return problem_response(error, number)

    return page
