"""What of a JSON Schema a model that can only choose among labels is able to fill in: pure.

It can fill in a text that is one of some (``enum``, ``const``, or ``oneOf`` and ``anyOf`` of ``const`` with a ``title``
or a ``description`` each), and an object whose required properties are such texts. The schema has been checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from perdure.runtime.ai.labels import TextLabel

_FAR = 16  # references that lead to references


class Choice(msgspec.Struct, frozen=True):
    """One text to choose. ``name`` is the property it belongs to, None if it is the whole answer."""

    name: str | None
    question: str | None
    labels: tuple[TextLabel, ...]


def choices_of(schema: Mapping[str, Any]) -> tuple[Choice, ...] | None:
    """The choices that an answer of this schema is made of; None if it is made of more than choices.

    Properties that are not required and cannot be chosen are left out.
    """
    root = _resolved(schema, schema)
    labels = _labels(root, schema)
    if labels is not None:
        return (Choice(None, _text(root, "description"), labels),)
    if root.get("type", "object") != "object" or not isinstance(root.get("properties"), dict):
        return None
    required = root.get("required", ())
    found: list[Choice] = []
    for name, part in root["properties"].items():
        inner = _resolved(part, schema)
        labels = _labels(inner, schema)
        if labels is not None:
            question = _text(part, "description") or _text(inner, "description")
            found.append(Choice(name, question, labels))
        elif name in required:
            return None
    if not found or not set(required) <= {choice.name for choice in found}:
        return None
    return tuple(found)


def put_together(choices: tuple[Choice, ...], chosen: list[str]) -> Any:
    """The answer that was chosen."""
    if choices[0].name is None:
        return chosen[0]
    return {choice.name: label for choice, label in zip(choices, chosen, strict=True)}


def _labels(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[TextLabel, ...] | None:
    if schema.get("type", "string") != "string":
        return None
    if "const" in schema:
        values: list[Any] = [schema["const"]]
    elif "enum" in schema:
        values = schema["enum"]
    else:
        return _described(schema.get("oneOf") or schema.get("anyOf"), root)
    if not values or not all(isinstance(value, str) for value in values):
        return None
    return tuple(TextLabel(label=value) for value in dict.fromkeys(values))


def _described(parts: object, root: Mapping[str, Any]) -> tuple[TextLabel, ...] | None:
    if not isinstance(parts, list):
        return None
    found: dict[str, TextLabel] = {}
    for part in parts:
        inner = _resolved(part, root)
        if not isinstance(inner.get("const"), str):
            return None
        said = [text for text in (_text(inner, "title"), _text(inner, "description")) if text]
        found[inner["const"]] = TextLabel(label=inner["const"], description=". ".join(said) or None)
    return tuple(found.values()) or None


def _resolved(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema, or what it refers to (``#/$defs/name``, as programs that make schemas write it)."""
    for _ in range(_FAR):
        if not isinstance(schema, Mapping):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        where, _, name = reference.rpartition("/")
        definitions = root.get(where.removeprefix("#/"), {}) if where in ("#/$defs", "#/definitions") else {}
        schema = definitions.get(name.replace("~1", "/").replace("~0", "~"))
    return {}


def _text(schema: Mapping[str, Any], name: str) -> str | None:
    value = schema.get(name)
    return value if isinstance(value, str) and value.strip() else None
