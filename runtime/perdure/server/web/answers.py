"""Answers over HTTP: JSON, and problems (RFC 9457)."""

from __future__ import annotations

import math
from typing import Any, Final
from uuid import UUID

import msgspec
from starlette.responses import Response

from perdure.api.problems import MEDIA_TYPE, REFUSED, problem_of, retry_after_of
from perdure.server.link.messages import LinkAnswer

_encode = msgspec.json.Encoder().encode
REQUEST_ID: Final = "X-Request-Id"


def answer_with(value: Any, status: int, request: UUID) -> Response:
    """A value as JSON."""
    return _response(_encode(value), status, request)


def answer_from(answer: LinkAnswer, request: UUID) -> Response:
    """What the engine said."""
    if answer.status == 204:
        return Response(status_code=204, headers={REQUEST_ID: str(request)})
    kind = MEDIA_TYPE if answer.status >= REFUSED else "application/json"
    return _response(answer.body, answer.status, request, kind, answer.retry_after)


def problem_response(error: BaseException, request: UUID) -> Response:
    """What is said of an error."""
    problem = problem_of(error, request)
    return _response(_encode(problem), problem.status, request, MEDIA_TYPE, retry_after_of(error))


def _response(
    body: bytes, status: int, request: UUID, kind: str = "application/json", retry_after: float | None = None
) -> Response:
    headers = {REQUEST_ID: str(request), "Cache-Control": "no-store"}
    if retry_after is not None:
        headers["Retry-After"] = str(math.ceil(retry_after))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="perdure"'
    return Response(body, status, headers, media_type=kind)
