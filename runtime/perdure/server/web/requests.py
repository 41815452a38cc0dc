"""From an HTTP request to the struct that its endpoint takes. Pure: everything in it is a stranger's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, cast

import msgspec

from perdure.api.endpoint import Body, Endpoint
from perdure.api.errors import BadRequest, UnsupportedMedia

_JSON: Final = "application/json"
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)


def request_of(
    endpoint: Endpoint[Any, Any],
    path: Mapping[str, str],
    query: Iterable[tuple[str, str]],
    body: bytes,
    content_type: str,
) -> msgspec.Struct:
    """The request that path, query and body make up.

    Raises:
        BadRequest: they make none: a field is missing, unknown, or not of its type.
        UnsupportedMedia: there is a body, and it is not JSON.
    """
    fields: dict[str, Any] = _from_query(endpoint, query)
    fields.update(path)
    try:
        typed = _typed_texts(endpoint, fields)
        if endpoint.body is not Body.UPLOAD:
            typed.update(_from_body(endpoint, body, content_type))
        request = msgspec.convert(typed, endpoint.request)
    except _UNREADABLE as error:
        raise BadRequest(str(error) or "it is nested too deep") from None
    return cast("msgspec.Struct", request)


def _from_query(endpoint: Endpoint[Any, Any], query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    lists = {name for name, kind in _types(endpoint).items() if _is_list(kind)}
    known = set(endpoint.query_fields)
    fields: dict[str, Any] = {}
    for name, value in query:
        if name not in known:
            raise BadRequest(f"there is no parameter {name[:100]!r}; there are {', '.join(sorted(known)) or 'none'}")
        if name in lists:
            fields.setdefault(name, []).append(value)
        elif name in fields:
            raise BadRequest("it is given twice", name)
        else:
            fields[name] = value
    return fields


def _typed_texts(endpoint: Endpoint[Any, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """What came as text, as what it means: numbers, truth values."""
    types = _types(endpoint)
    typed: dict[str, Any] = {}
    for name, value in fields.items():
        try:
            typed[name] = msgspec.to_builtins(msgspec.convert(value, types[name], strict=False))
        except _UNREADABLE as error:
            raise BadRequest(str(error), name) from None
    return typed


def _from_body(endpoint: Endpoint[Any, Any], body: bytes, content_type: str) -> dict[str, Any]:
    if not body:
        return {}
    if not endpoint.body_fields:
        raise BadRequest("this address takes no body")
    if content_type.partition(";")[0].strip().lower() != _JSON:
        raise UnsupportedMedia(_JSON)
    given = msgspec.json.decode(body)
    if not isinstance(given, dict):
        raise BadRequest("the body is not a JSON object")
    unknown = sorted(set(given) - set(endpoint.body_fields))
    if unknown:
        raise BadRequest(f"there is no field {unknown[0][:100]!r}; there are {', '.join(endpoint.body_fields)}")
    return given


@cache
def _types(endpoint: Endpoint[Any, Any]) -> dict[str, Any]:
    """The types of its request's fields: found once, because looking for them takes longer than most requests."""
    return {field.name: field.type for field in msgspec.structs.fields(endpoint.request)}


def _is_list(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) in (list, tuple, frozenset, set)
