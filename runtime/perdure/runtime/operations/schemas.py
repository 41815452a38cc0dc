"""JSON Schema (2020-12) of an operation's input and output, and an input that fits. Pure."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
# The mark of a value that is recorded encrypted, in every schema; in one of an input, ``writeOnly`` says it too.
SENSITIVE: Final = "x-sensitive"

_POINTER: Final = "#/$defs/"
# For a text with a pattern the first that fits is the example.
_TEXTS: Final = ("text", "GET", "example.created", "example.*", "https://example.com/", "a" * 32, "a" * 64, "1")
_FORMATS: Final = {
    "uuid": "00000000-0000-0000-0000-000000000000",
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00",
    "duration": "PT1M",
    "decimal": "1.5",
}


def schema_of(kind: Any, *, written: bool, secret: bool) -> dict[str, Any]:
    """The schema of a type that msgspec can decode.

    The type itself is on top, and what it is made of is under ``$defs``. A type that holds itself is there too.

    Args:
        kind: the type.
        written: whether it is an input, whose secrets are written and never read.
        secret: whether all of it is secret.
    """
    schema = msgspec.json.schema(kind)
    top = schema.get("$ref", "")
    definitions = schema.get("$defs", {})
    if top.startswith(_POINTER):
        name = top.removeprefix(_POINTER)
        schema = {**definitions[name], "$defs": definitions}
        if name not in _used(definitions, {}):
            schema["$defs"] = {other: found for other, found in definitions.items() if other != name}
    if not schema.get("$defs"):
        schema.pop("$defs", None)
    schema = copy.deepcopy({"$schema": DIALECT, **schema})
    for part in _parts(schema):
        if isinstance(part.get("description"), str):
            part["description"] = inspect.cleandoc(part["description"]).replace("``", "`")
        if part.get(SENSITIVE) is True and written:
            part["writeOnly"] = True
    if secret:
        schema[SENSITIVE] = True
        if written:
            schema["writeOnly"] = True
    return schema


def _used(value: Any, seen: dict[str, None]) -> dict[str, None]:
    """The names of definitions that anything in ``value`` refers to."""
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            seen[reference.removeprefix(_POINTER)] = None
        for part in value.values():
            _used(part, seen)
    elif isinstance(value, list):
        for part in value:
            _used(part, seen)
    return seen


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in list(value.values()):
            yield from _parts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _parts(part)


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, or the one of ``root`` that it refers to."""
    while (reference := schema.get("$ref", "")).startswith(_POINTER):
        schema = root["$defs"][reference.removeprefix(_POINTER)]
    return schema


def is_secret(part: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether all of it, or one of its choices, is marked as secret."""
    part = resolved(part, root)
    choices = [*part.get("anyOf", ()), *part.get("oneOf", ())]
    return part.get(SENSITIVE) is True or any(is_secret(choice, root) for choice in choices)


def example(schema: dict[str, Any], *, optional: bool = False) -> Any:
    """A value that fits the schema, as far as patterns let themselves be met; with ``optional``, all fields."""
    return _example(schema, schema, optional, 0)


def _example(schema: dict[str, Any], root: dict[str, Any], optional: bool, depth: int) -> Any:
    schema = resolved(schema, root)
    for choices in (schema.get("anyOf"), schema.get("oneOf")):
        if choices:
            # None says least; but where nothing else is left, or one is deep inside of itself already, it has to do.
            best = [one for one in choices if resolved(one, root).get("type") != "null"]
            return _example((best if best and depth < 4 else choices[::-1])[0], root, optional, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return _example_object(schema, root, optional, depth)
    if kind == "array":
        parts = schema.get("prefixItems", [])
        fewest = max(len(parts), schema.get("minItems", 0))
        items = schema.get("items")
        more = [items or {}] * (fewest - len(parts))
        return [_example(part, root, optional, depth + 1) for part in [*parts, *more]]
    if kind == "string":
        return _example_text(schema)
    if kind in ("integer", "number"):
        return _example_number(schema)
    return {"boolean": False, "null": None}.get(str(kind), {})


def _example_object(schema: dict[str, Any], root: dict[str, Any], optional: bool, depth: int) -> dict[str, Any]:
    required = schema.get("required", [])
    return {
        name: _example(part, root, optional, depth + 1)
        for name, part in schema.get("properties", {}).items()
        if name in required or (optional and depth < 3)
    }


def _example_text(schema: dict[str, Any]) -> str:
    if schema.get("contentEncoding") == "base64":
        return "dGV4dA=="
    if text := _FORMATS.get(schema.get("format", "")):
        return text
    fewest, most = schema.get("minLength", 0), schema.get("maxLength", 10**6)
    pattern = schema.get("pattern", "")
    for text in _TEXTS:
        padded = text.ljust(fewest, "a")[:most]
        if re.search(pattern, padded):
            return padded
    return _TEXTS[0].ljust(fewest, "a")[:most]


def _example_number(schema: dict[str, Any]) -> int | float:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in schema))
    value: int | float = max(1, least) if schema.get("maximum", 1) >= 1 else least
    step = schema.get("multipleOf")
    return value if not step else step * -(-value // step)
