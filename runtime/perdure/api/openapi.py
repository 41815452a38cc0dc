"""``python3 -m perdure.api.openapi > docs/openapi.json``: the API as an OpenAPI 3.1 document, made from its table.

https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from perdure.api.endpoint import Body, Endpoint
from perdure.api.problems import MEDIA_TYPE, Problem, codes_of
from perdure.api.schemas import Schema, Schemas, endpoint_schemas, given, used
from perdure.api.table import ENDPOINTS

COMMAND: Final = "python3 -m perdure.api.openapi > docs/openapi.json"
EVENT_STREAM: Final = "text/event-stream"
_JSON: Final = "application/json"
_TEXTS: Final = {
    400: "What came is no HTTP, or not this server's.",
    401: "There is no token, or none that opens anything.",
    403: "The token does not open this.",
    404: "There is no such thing, or none that the token may know of.",
    408: "The request did not come whole in time.",
    409: "As things are it cannot be done.",
    410: "It is there no more; what is left of it is.",
    413: "It is too large.",
    415: "The body is of another kind.",
    421: "The request names another host.",
    422: "The request says something that cannot be.",
    429: "Too much at once; `Retry-After` says when to try again.",
    431: "The head is too large.",
    500: "A defect of the server, whose log has the rest.",
    503: "The runtime does not answer; try again.",
    504: "It took too long, and may still be done.",
    507: "The disk is full.",
}
_ALWAYS: Final = frozenset({400, 401, 403, 408, 413, 421, 422, 429, 431, 500, 503, 504})


def document(endpoints: Iterable[Endpoint[Any, Any]] = ENDPOINTS) -> dict[str, Any]:
    """The OpenAPI document of some endpoints."""
    found = tuple(endpoints)
    schemas = endpoint_schemas(found, Problem)
    paths: dict[str, Any] = {}
    for endpoint in found:
        paths.setdefault(endpoint.path, {})[endpoint.verb.lower()] = _operation(endpoint, schemas)
    statuses = sorted({status for endpoint in found for status in problem_statuses(endpoint)})
    responses = {_response_name(status): _problem(status) for status in statuses}
    needed = used([paths, responses], schemas.components)
    families = dict.fromkeys(endpoint.name.partition(".")[0] for endpoint in found)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "perdure",
            "version": version("perdure"),
            "summary": "Jobs that last: dispatch, watch, control and prove them.",
            "description": "docs/api.md says how it is meant. Fields are the log's, times RFC 3339 in UTC.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": family} for family in families],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in schemas.components.items() if name in needed},
            "responses": responses,
            "headers": _HEADERS,
            "parameters": {"IdempotencyKey": _KEY},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `perdure tokens create`. Its scopes say what it opens.",
                }
            },
        },
    }


@cache
def document_json() -> bytes:
    """The document of all endpoints, as it is served."""
    return json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()


def problem_statuses(endpoint: Endpoint[Any, Any]) -> list[int]:
    """The statuses of the problems that an endpoint may answer with, beside that another verb is refused (405)."""
    found = set(_ALWAYS)
    if endpoint.request.__struct_fields__:
        found |= {404, 410}
    if endpoint.acts:
        found |= {404, 409, 507}
    if endpoint.body_fields or endpoint.body is Body.UPLOAD:
        found.add(415)
    return sorted(found)


def _operation(endpoint: Endpoint[Any, Any], schemas: Schemas) -> dict[str, Any]:
    request = schemas.object_of(endpoint.request)
    about = [request.get("description", ""), f"Needs a token with the scope `{endpoint.scope}`."]
    if endpoint.body is Body.EVENTS:
        about.append("Answered by server-sent events until the client goes; `Last-Event-ID` resumes.")
    if endpoint.only_shows:
        about.append("Changes nothing; the log names who asked, each time. An `Idempotency-Key` is not looked at.")
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [endpoint.name.partition(".")[0]],
        "summary": endpoint.summary,
        "description": "\n\n".join(filter(None, about)),
        "security": [{"token": [str(endpoint.scope)]}],
    }
    parameters = _parameters(endpoint, request)
    if parameters:
        operation["parameters"] = parameters
    body = _body(endpoint, request, schemas)
    if body is not None:
        operation["requestBody"] = body
    operation["responses"] = {
        str(endpoint.status if endpoint.answer is not type(None) else 204): _success(endpoint, schemas),
        **{
            str(status): {"$ref": f"#/components/responses/{_response_name(status)}"}
            for status in problem_statuses(endpoint)
        },
    }
    return operation


def _parameters(endpoint: Endpoint[Any, Any], request: Schema) -> list[dict[str, Any]]:
    properties, required = request.get("properties", {}), request.get("required", ())
    found: list[dict[str, Any]] = [
        _parameter(name, place, properties[name], required=place == "path" or name in required)
        for place, names in (("path", endpoint.path_fields), ("query", endpoint.query_fields))
        for name in names
    ]
    if endpoint.takes_key:
        found.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if endpoint.body is Body.EVENTS:
        found.append(_LAST_EVENT)
    return found


def _parameter(name: str, place: str, schema: Schema, *, required: bool) -> dict[str, Any]:
    schema = given(schema)
    about = {"description": schema["description"]} if "description" in schema else {}
    kind = {key: value for key, value in schema.items() if key != "description"}
    return {"name": name, "in": place, "required": required, **about, "schema": kind}


def _body(endpoint: Endpoint[Any, Any], request: Schema, schemas: Schemas) -> dict[str, Any] | None:
    if endpoint.body is Body.UPLOAD:
        return {"required": True, "content": {endpoint.media: {}}}
    if not endpoint.body_fields:
        return None
    required = [name for name in request.get("required", ()) if name in endpoint.body_fields]
    schema = {
        "type": "object",
        "properties": {name: request["properties"][name] for name in endpoint.body_fields},
        "required": required,
        "additionalProperties": False,
    }
    return {"required": bool(required), "content": {_JSON: {"schema": schema}}}


def _success(endpoint: Endpoint[Any, Any], schemas: Schemas) -> dict[str, Any]:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if endpoint.answer is type(None):
        return {"description": "It is done.", "headers": headers}
    answer = schemas.of(endpoint.answer)
    about = str(schemas.resolved(answer).get("description", "")).partition("\n\n")[0]
    if endpoint.body is Body.DOWNLOAD:
        return {"description": "The file.", "content": {endpoint.media: {}}}
    if endpoint.body is Body.EVENTS:
        # OpenAPI 3.1 cannot say what is in a stream; the data of each event are this
        return {
            "description": f"Events. {about}".strip(),
            "content": {EVENT_STREAM: {"schema": {"type": "string"}, "x-event-data": answer}},
        }
    return {"description": about or "It is done.", "headers": headers, "content": {_JSON: {"schema": answer}}}


def _problem(status: int) -> dict[str, Any]:
    codes = ", ".join(f"`{code}`" for code in codes_of(status))
    headers: dict[str, Any] = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    return {
        "description": f"{_TEXTS[status]}{f' Codes: {codes}.' if codes else ''}",
        "headers": headers,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _response_name(status: int) -> str:
    return f"Problem{status}"  # HTTP's phrases change with Python's version


_HEADERS: Final[dict[str, Any]] = {
    "RequestId": {
        "description": "Names the request; the log has what it did under the same id.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "RetryAfter": {"description": "Seconds after which to try again.", "schema": {"type": "integer", "minimum": 0}},
}
_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Who repeats a request with the same key gets the first answer, and nothing is done again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_LAST_EVENT: Final[dict[str, Any]] = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The `id` of the last event that came; what happened since comes first.",
    "schema": {"type": "string"},
}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=2, ensure_ascii=False) + "\n")
