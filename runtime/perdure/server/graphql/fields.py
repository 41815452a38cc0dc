"""Fields of the roots: one for each endpoint, one for each operation."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, Optional

import strawberry

from perdure.api.endpoint import Body, Endpoint
from perdure.api.operations import CALL
from perdure.api.schemas import Schemas
from perdure.runtime.operations.docstrings import plain
from perdure.server.graphql.asking import Asking
from perdure.server.graphql.names import field_name, type_name
from perdure.server.graphql.types import Schema, Scope, Types, argument, json_of, takes_null

Watch = Callable[[Asking, Endpoint[Any, Any], dict[str, Any]], AsyncGenerator[dict[str, Any], None]]
# Of a call, beside its input; the endpoint has them, too.
_OF_A_CALL: Final = ("extension", "library_id", "timeout", "effect_key", "caller")


@dataclass(frozen=True)
class OperationShape:
    """What is to be known of an operation: ``input`` and ``output`` are JSON Schemas with their ``$defs``."""

    name: str
    kind: str
    description: str
    input: Schema
    output: Schema


@dataclass(frozen=True)
class Argument:
    """An argument of a field: what the endpoint calls it, its annotation, and what leaving it out and null mean."""

    name: str
    kind: Any
    required: bool
    takes_null: bool


class Fields:
    """Makes fields.

    Args:
        types: gets the types that they need.
        schemas: of the endpoints.
    """

    def __init__(self, types: Types, schemas: Schemas) -> None:
        self._types = types
        self._schemas = schemas
        self._scope = Scope(schemas.components, "")

    def of_endpoint(self, endpoint: Endpoint[Any, Any]) -> Any:
        """A query or a mutation that asks an endpoint."""

        async def resolve(info: Any, fields: dict[str, Any]) -> Any:
            return await info.context.ask(endpoint, fields, info.path.key)

        about = [f"{endpoint.summary}.", f"`{endpoint.verb} {endpoint.path}`, scope `{endpoint.scope}`."]
        return _field(endpoint.name, self._arguments(endpoint), resolve, self._answer(endpoint), "\n\n".join(about))

    def of_events(self, endpoint: Endpoint[Any, Any], watch: Watch, answer: str) -> Any:
        """A subscription to what an endpoint tells."""
        kind = self._types.output(
            {
                "type": "object",
                "description": f"A message of {field_name(endpoint.name)}.",
                "properties": {
                    "id": {"type": "string", "description": "What to give as `lastId` to go on behind it."},
                    "event": {"type": "string", "description": "The kind of message, as over HTTP."},
                    "data": {"anyOf": [self._schemas.of(endpoint.answer), {"type": "null"}], "default": None},
                    "job": {
                        "anyOf": [{"$ref": "#/components/schemas/Job"}, {"type": "null"}],
                        "default": None,
                        "description": "The job that has ended, in a message `end`.",
                    },
                },
                "required": ["id", "event"],
            },
            self._scope,
            answer,
        )

        def resolve(info: Any, fields: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
            return watch(info.context, endpoint, fields)

        last = Argument("last_id", Optional[str], required=False, takes_null=False)  # noqa: UP045
        about = f"{endpoint.summary}; give the last message's `id` as `lastId` to miss nothing."
        return _field(endpoint.name, [*self._arguments(endpoint), last], resolve, kind, about, subscribes=True)

    def of_operation(self, operation: OperationShape) -> Any:
        """A query or a mutation that calls an operation."""
        name = type_name(operation.name.partition(":")[2])
        family = type_name(operation.name.partition(":")[2].partition(".")[0])
        definitions = {**operation.input.get("$defs", {}), **operation.output.get("$defs", {})}
        scope = Scope(definitions, family)
        taken = Argument(
            "request",
            self._types.input(operation.input, scope, name),
            bool(operation.input.get("required")) or "properties" not in operation.input,
            takes_null=False,
        )
        others = [each for each in self._arguments(CALL) if each.name in _OF_A_CALL]

        async def resolve(info: Any, fields: dict[str, Any]) -> Any:
            request = {"request": {}, **fields, "name": operation.name}
            return (await info.context.ask(CALL, request, info.path.key))["answer"]

        kind = self._types.output(operation.output, scope, f"{name}Answer")
        about = f"{plain(operation.description)}\n\nThe operation `{operation.name}`."
        return _field(f"call.{operation.name.partition(':')[2]}", [taken, *others], resolve, kind, about)

    def _answer(self, endpoint: Endpoint[Any, Any]) -> Any:
        if endpoint.answer is type(None):
            return bool
        return self._types.output(self._schemas.of(endpoint.answer), self._scope, f"{type_name(endpoint.name)}Answer")

    def _arguments(self, endpoint: Endpoint[Any, Any]) -> list[Argument]:
        request = self._schemas.object_of(endpoint.request)
        found = []
        for name, part in request.get("properties", {}).items():
            kind = self._types.input(part, self._scope, f"{type_name(endpoint.name)}{type_name(name)}")
            required = name in request.get("required", ())
            annotation = argument(kind if required else Optional[kind], name, part.get("description"))  # noqa: UP045
            found.append(Argument(name, annotation, required, takes_null(part, self._scope)))
        return found


def is_asked(endpoint: Endpoint[Any, Any]) -> bool:
    """Whether an endpoint is a field. Files come and go over HTTP; operations have fields of their own."""
    return endpoint.body is Body.JSON and endpoint.name != CALL.name


def is_query(endpoint: Endpoint[Any, Any]) -> bool:
    """Whether it only reads."""
    return endpoint.verb == "GET"


def _field(
    name: str,
    arguments: list[Argument],
    resolve: Callable[[Any, dict[str, Any]], Any],
    kind: Any,
    description: str,
    *,
    subscribes: bool = False,
) -> Any:
    by_parameter = {f"f{number}": each for number, each in enumerate(arguments)}

    def fields_of(given: dict[str, Any]) -> dict[str, Any]:
        return {
            by_parameter[known].name: json_of(value)
            for known, value in given.items()
            if value is not strawberry.UNSET and (value is not None or by_parameter[known].takes_null)
        }

    if subscribes:

        async def resolver(info: Any, **given: Any) -> AsyncIterator[Any]:
            async with contextlib.aclosing(resolve(info, fields_of(given))) as messages:
                async for message in messages:
                    yield message
    else:

        async def resolver(info: Any, **given: Any) -> Any:  # type: ignore[misc]  # one of the two
            return await resolve(info, fields_of(given))

    answered = AsyncIterator[kind] if subscribes else kind
    parameters = [inspect.Parameter("info", inspect.Parameter.KEYWORD_ONLY, annotation=strawberry.Info)]
    for known, each in by_parameter.items():
        more: dict[str, Any] = {} if each.required else {"default": strawberry.UNSET}
        parameters.append(inspect.Parameter(known, inspect.Parameter.KEYWORD_ONLY, annotation=_named(each), **more))
    made: Any = resolver
    made.__signature__ = inspect.Signature(parameters, return_annotation=answered)
    made.__annotations__ = {"return": answered}
    wrap = strawberry.subscription if subscribes else strawberry.field
    return wrap(resolver=made, name=field_name(name), description=description)


def _named(each: Argument) -> Any:
    known = getattr(each.kind, "__metadata__", None)  # of `argument`
    return each.kind if known else argument(each.kind, each.name, None)
