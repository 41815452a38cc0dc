"""From a call to an HTTP request, and from the answer to a result; the same for both clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from perdure.api.endpoint import Body, Endpoint
from perdure.api.errors import UnexpectedAnswer
from perdure.api.problems import Problem, error_of
from perdure.api.watching import MEDIA_TYPE as EVENT_STREAM
from perdure.client.calls.call import Call

Result = TypeVar("Result")
_OK: Final = 200
_ELSEWHERE: Final = 300


@dataclass(frozen=True)
class HttpRequest:
    """What goes over HTTP. ``target`` is path and query."""

    verb: str
    target: str
    headers: dict[str, str]
    body: bytes = b""


def http_request(call: Call[Any]) -> HttpRequest:
    """A call as an HTTP request."""
    endpoint = call.endpoint
    fields: dict[str, Any] = msgspec.to_builtins(call.request)
    headers = {"Idempotency-Key": call.key} if call.key is not None else {}
    body = call.content
    if endpoint.body is Body.UPLOAD:
        headers["Content-Type"] = "application/octet-stream"
    elif endpoint.body_fields:
        given = {name: fields[name] for name in endpoint.body_fields if name in fields}  # what is UNSET is not
        body = msgspec.json.encode(given)
        headers["Content-Type"] = "application/json"
    return HttpRequest(endpoint.verb, target_of(endpoint, fields, _defaults(endpoint)), headers, body)


def target_of(endpoint: Endpoint[Any, Any], fields: dict[str, Any], defaults: dict[str, Any]) -> str:
    """Path and query of a request with these fields."""
    path = endpoint.path
    for name in endpoint.path_fields:
        path = path.replace(f"{{{name}}}", quote(str(fields[name]), safe=":"))
    given: list[tuple[str, str]] = []
    for name in endpoint.query_fields:
        value = fields[name]
        if value is None or value == defaults.get(name):
            continue
        given.extend((name, _text(each)) for each in (value if isinstance(value, list | tuple) else [value]))
    query = urlencode(given)
    return f"{path}?{query}" if query else path


def result_of(call: Call[Result], status: int, body: bytes, address: str) -> Result:
    """What a call comes to.

    Raises:
        UnexpectedAnswer: this is no answer of a perdure server.
        Exception: the one that the server had, whichever it was.
    """
    if not is_success(status):
        raise failure_of(status, body, address)
    if call.endpoint.answer is type(None):
        return call.result(None)
    try:
        answer = msgspec.json.decode(body, type=call.endpoint.answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnexpectedAnswer(address, str(error)) from None
    return call.result(answer)


def is_success(status: int) -> bool:
    """Whether what was asked for was done. What redirects is no perdure server, and did nothing."""
    return _OK <= status < _ELSEWHERE


def is_back_soon(status: int) -> bool:
    """Whether a refusal is one of a server, or of a proxy before one, that is being started or too busy."""
    return status in (429, 502, 503, 504)


def checked_stream(status: int, headers: Mapping[str, str], refusal: bytes, address: str) -> None:
    """Make sure that an answer is a stream of events; ``refusal`` is its body if it is none.

    Raises:
        UnexpectedAnswer: it is something else.
        Exception: the error that the server had.
    """
    if not is_success(status):
        raise failure_of(status, refusal, address)
    if headers.get("content-type", "").partition(";")[0].strip() != EVENT_STREAM:
        raise UnexpectedAnswer(address, "this is no stream of events")


def failure_of(status: int, body: bytes, address: str) -> Exception:
    """The error that an answer tells of."""
    try:
        return error_of(msgspec.json.decode(body, type=Problem))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return UnexpectedAnswer(address, f"status {status}, and no problem of this API")


@cache
def _defaults(endpoint: Endpoint[Any, Any]) -> dict[str, Any]:
    return {field.name: field.default for field in msgspec.structs.fields(endpoint.request)}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
