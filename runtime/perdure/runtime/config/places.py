"""Where schemas stand in a ``config_schema``, and what places are called. Pure, and quick to import."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

FIELD: Final = "config_schema"

_PLAIN: Final = re.compile(r"\$?[A-Za-z0-9_-]+")

Place = tuple[str | int, ...]

# Where schemas stand in a schema of this draft.
_ONE: Final = (
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_LIST: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAP: Final = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")


def subschemas(schema: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every schema in a schema, with its place; itself first. The depth is bounded by the manifest's."""
    yield place, schema
    if not isinstance(schema, dict):
        return
    for name in _ONE:
        if name in schema:
            yield from subschemas(schema[name], (*place, name))
    for name in _LIST:
        if isinstance(parts := schema.get(name), list):
            for index, part in enumerate(parts):
                yield from subschemas(part, (*place, name, index))
    for name in _MAP:
        if isinstance(parts := schema.get(name), dict):
            for key, part in parts.items():
                yield from subschemas(part, (*place, name, key))


def is_secret(schema: dict[str, Any]) -> bool:
    """Whether its values are secrets."""
    return schema.get("writeOnly") is True or schema.get("format") == "password"


def secret_settings(schema: Any) -> list[str]:
    """The fields of the manifest whose values would be secrets."""
    return [field_of(place) for place, part in subschemas(schema) if isinstance(part, dict) and is_secret(part)]


def json_path(place: Sequence[str | int]) -> str:
    """A place in a value as a JSON path: ``$.server.ports[0]``."""
    path = "$"
    for step in place:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if _PLAIN.fullmatch(step) else f"[{json.dumps(step)}]"
    return path


def field_of(place: Place) -> str:
    """A place in the schema as a path in the manifest: ``config_schema.properties.port``."""
    return f"{FIELD}{json_path(place)[1:]}"
