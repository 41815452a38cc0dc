"""GraphQL's types of JSON Schemas. Pure.

Values are JSON on both sides: an object type takes its fields from a dict, an input type becomes one. What GraphQL has
no type for is the scalar ``JSON``: free objects, tuples, choices of several types, and types that hold themselves.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Optional

import strawberry
from strawberry.types.arguments import StrawberryArgumentAnnotation

from perdure.server.graphql.names import field_name, type_name, value_name
from perdure.server.graphql.scalars import Base64, Json, Long, Time, Uuid

Schema = dict[str, Any]
_LARGEST_INT: Final = (1 << 31) - 1  # of GraphQL's Int
# The roots', and those of scalars.
_TAKEN: Final = frozenset(
    {"Query", "Mutation", "Subscription", "Int", "Float", "String", "Boolean", "ID"}
    | {"Long", "DateTime", "UUID", "Base64", "JSON"}
)
_FORMATS: Final[dict[str, Any]] = {"uuid": Uuid, "date-time": Time}


class Scope:
    """Where a schema's references lead: to ``definitions``. ``prefix`` tells types of a name apart."""

    def __init__(self, definitions: Mapping[str, Schema], prefix: str) -> None:
        self.definitions, self.prefix = definitions, prefix

    def found(self, schema: Schema) -> tuple[Schema, str]:
        """What a schema refers to, and its name; itself without one, if it refers to nothing."""
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema, ""
        name = reference.rpartition("/")[2]
        return self.definitions[name], name


class Types:
    """GraphQL's types while they are made: one for each name and schema."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Any, Any]] = {}  # by name: what it was made of, and the type
        self._open: set[str] = set()

    def output(self, schema: Schema, scope: Scope, name: str) -> Any:
        """What is answered with such a value; ``name`` is for a type that has none of its own."""
        return self._kind(schema, scope, name, given=False)

    def input(self, schema: Schema, scope: Scope, name: str) -> Any:
        """What is asked for with such a value."""
        return self._kind(schema, scope, name, given=True)

    def _kind(self, schema: Schema, scope: Scope, name: str, *, given: bool) -> Any:
        found, own = scope.found(schema)
        name = type_name(own) if own else name
        choices = found.get("anyOf") or found.get("oneOf")
        if choices:
            return self._choice(choices, scope, name, given=given)
        if "enum" in found:
            return self._enum(found, scope, name)
        kind = found.get("type")
        if kind == "object":
            return self._object(found, scope, name, given=given)
        if kind == "array":
            items = found.get("items")
            if not isinstance(items, dict) or not items or "prefixItems" in found:
                return Json
            return list[self._kind(items, scope, name, given=given)]  # type: ignore[misc]
        return _plain(found)

    def _choice(self, choices: list[Schema], scope: Scope, name: str, *, given: bool) -> Any:
        real = [each for each in choices if each.get("type") != "null"]
        kind = self._kind(real[0], scope, name, given=given) if len(real) == 1 else Json
        return Optional[kind] if len(real) < len(choices) else kind  # noqa: UP045  # of a value, not of an annotation

    def _enum(self, schema: Schema, scope: Scope, name: str) -> Any:
        values = schema["enum"]
        names = [value_name(value) if isinstance(value, str) else None for value in values]
        if None in names or len(set(names)) < len(names):
            return str if all(isinstance(value, str) for value in values) else Json
        known = self._made.get(name := self._free(name, values, scope, ""))
        if known is None:
            members = enum.Enum(name, dict(zip(names, values, strict=True)))  # type: ignore[misc]
            made = strawberry.enum(members, name=name, description=schema.get("description"))
            known = self._made[name] = values, made
        return known[1]

    def _object(self, schema: Schema, scope: Scope, name: str, *, given: bool) -> Any:
        properties = schema.get("properties", {})
        names = {field: field_name(field) for field in properties}
        if not properties or len(set(names.values())) < len(names) or name in self._open:
            return Json
        suffix = "Input" if given else ""
        name = self._free(name, schema, scope, suffix)
        whole = f"{name}{suffix}"
        known = self._made.get(whole)
        if known is None:
            self._open.add(name)
            try:
                make = self._input_type if given else self._output_type
                known = schema, make(schema, scope, name, whole)
            finally:
                self._open.remove(name)
            self._made[whole] = known
        return known[1]

    def _free(self, name: str, schema: Any, scope: Scope, suffix: str) -> str:
        """The name if it is free or that of the same; else one that tells them apart."""
        for each in (name, f"{scope.prefix}{name}", f"{scope.prefix}{name}Value"):
            known = self._made.get(f"{each}{suffix}")
            if f"{each}{suffix}" not in _TAKEN and (known is None or known[0] == schema):
                return each
        number = 2
        while f"{name}{number}{suffix}" in self._made and self._made[f"{name}{number}{suffix}"][0] != schema:
            number += 1
        return f"{name}{number}"

    def _output_type(self, schema: Schema, scope: Scope, name: str, whole: str) -> Any:
        required = schema.get("required", ())
        fields: dict[str, Any] = {}
        for number, (field, part) in enumerate(schema["properties"].items()):
            kind = self.output(part, scope, f"{name}{type_name(field)}")
            sure = field in required or part.get("default") is not None
            fields[f"f{number}"] = strawberry.field(
                resolver=_taking(field, kind if sure else Optional[kind], part.get("default")),  # noqa: UP045
                name=field_name(field),
                description=part.get("description"),
            )
        return strawberry.type(type(whole, (), fields), name=whole, description=schema.get("description"))

    def _input_type(self, schema: Schema, scope: Scope, name: str, whole: str) -> Any:
        fields: dict[str, Any] = {"__annotations__": {}}
        names: dict[str, tuple[str, bool]] = {}
        for number, (field, part) in enumerate(schema["properties"].items()):
            kind = self.input(part, scope, f"{name}{type_name(field)}")
            sure = field in schema.get("required", ())
            known = f"f{number}"
            names[known] = (field, takes_null(part, scope))
            fields["__annotations__"][known] = kind if sure else Optional[kind]  # noqa: UP045
            more: dict[str, Any] = {} if sure else {"default": strawberry.UNSET}
            fields[known] = strawberry.field(name=field_name(field), description=part.get("description"), **more)
        # a field without a default may follow one that has one: all are given by name
        made: Any = strawberry.input(type(whole, (), fields), name=whole, description=schema.get("description"))
        made.perdure_fields = names
        return made


def argument(kind: Any, name: str, description: str | None) -> Any:
    """The annotation of an argument."""
    about: StrawberryArgumentAnnotation = strawberry.argument(name=field_name(name), description=description)
    return Annotated[kind, about]


def takes_null(schema: Schema, scope: Scope) -> bool:
    """Whether null is a value of it, and not the same as leaving it out."""
    found, _ = scope.found(schema)
    choices = found.get("anyOf") or found.get("oneOf")
    return any(takes_null(each, scope) for each in choices) if choices else found.get("type", "null") == "null"


def json_of(value: Any) -> Any:
    """What came as an argument, as JSON."""
    names: dict[str, tuple[str, bool]] | None = getattr(type(value), "perdure_fields", None)
    if names is not None:
        given = ((field, null, getattr(value, known)) for known, (field, null) in names.items())
        return {
            field: json_of(each)
            for field, null, each in given
            if each is not strawberry.UNSET and (null or each is not None)
        }
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list):
        return [json_of(each) for each in value]
    return value


def _plain(schema: Schema) -> Any:
    kind = schema.get("type")
    if kind == "boolean":
        return bool
    if kind == "number":
        return float
    if kind == "integer":
        small = abs(schema.get("minimum", _LARGEST_INT + 1)) <= _LARGEST_INT >= schema.get("maximum", _LARGEST_INT + 1)
        return int if small else Long
    if kind == "string":
        if schema.get("contentEncoding") == "base64":
            return Base64
        return _FORMATS.get(schema.get("format", ""), str)
    return Json


def _taking(field: str, kind: Any, default: Any) -> Callable[[Any], Any]:
    def take(root: Any) -> Any:
        return root.get(field, default)

    take.__annotations__ = {"return": kind}
    return take
