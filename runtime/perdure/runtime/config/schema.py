"""A manifest's ``config_schema``: checked when an extension is installed, then used to check and to complete values.

JSON Schema of draft 2020-12, with these limits: at most `MAX_SCHEMA_BYTES` and `MAX_SUBSCHEMAS`; references lead to
places within the schema (``#``, ``#/$defs/name``); regular expressions are RE2's; no ``$id`` and no anchors inside.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from jsonschema import Draft202012Validator

from perdure.runtime.config.effort import TooMuchEffort, bounded, spend, weight
from perdure.runtime.config.places import FIELD, Place, field_of, is_secret, json_path, subschemas
from perdure.runtime.config.problem import ConfigProblem
from perdure.runtime.config.validator import checker, pattern
from perdure.runtime.errors import ManifestError

MAX_SCHEMA_BYTES: Final = 64 * 1024
MAX_SUBSCHEMAS: Final = 2_000
MAX_PROBLEMS: Final = 20
DIALECTS: Final = ("https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2020-12/schema#")

_DEEPEST: Final = 64  # schemas in each other, while defaults are filled in
_TEXT: Final = 300  # characters of what jsonschema says, which repeats values
# They would change where references lead, or which rules hold.
_REFUSED: Final = ("$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$vocabulary")


class Fault(msgspec.Struct, frozen=True):
    """A `ConfigProblem`, and the setting (a field of the configuration itself) that it is in; None for the whole."""

    problem: ConfigProblem
    setting: str | None


class ConfigSchema:
    """A schema that has been checked (`checked_schema`), ready for use. Thread-safe."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = dict(schema)
        self._validator = checker(schema)

    def faults(self, values: Any) -> list[Fault]:
        """What is wrong with a configuration, or another value, at most `MAX_PROBLEMS`, in the order of the schema."""
        try:
            return self.check(values)
        except TooMuchEffort as error:
            return [Fault(ConfigProblem("$", str(error)), None)]
        except (ArithmeticError, ValueError) as error:  # a number that jsonschema cannot work with
            return [Fault(ConfigProblem("$", f"it cannot be checked: {type(error).__name__}"), None)]

    def check(self, values: Any) -> list[Fault]:
        """The same.

        Raises:
            TooMuchEffort: the schema asks for more work than is done for anybody.
        """
        found: list[Fault] = []
        with bounded():
            for error in self._validator.iter_errors(values):
                place = list(error.absolute_path)
                message = error.message if len(error.message) <= _TEXT else f"{error.message[:_TEXT]}…"
                setting = place[0] if place else None
                found.append(Fault(ConfigProblem(json_path(place), message), setting))
                if len(found) == MAX_PROBLEMS:
                    break
        return found

    def completed(self, values: dict[str, Any]) -> dict[str, Any]:
        """A copy of ``values`` with the schema's defaults filled in, also in objects and lists inside.

        An object that is not there is made if defaults alone make it a valid one.

        Raises:
            TooMuchEffort: the schema multiplies its defaults.
        """
        with bounded():
            filled = self._fill(self._schema, copy.deepcopy(values), ())
        return filled if isinstance(filled, dict) else values

    def _fill(self, schema: Any, value: Any, within: tuple[int, ...]) -> Any:
        """``within`` identifies the schemas around this one."""
        spend(1)
        if not isinstance(schema, dict) or len(within) > _DEEPEST:
            return value
        within = (*within, id(schema))
        if isinstance(schema.get("$ref"), str):
            value = self._fill(_at(self._schema, schema["$ref"]), value, within)
        for part in schema.get("allOf", ()):
            value = self._fill(part, value, within)
        if isinstance(value, dict):
            self._fill_object(schema, value, within)
        elif isinstance(value, list):
            first = schema.get("prefixItems", ())
            for index, item in enumerate(value):
                part = first[index] if index < len(first) else schema.get("items")
                value[index] = self._fill(part, item, within)
        return value

    def _fill_object(self, schema: dict[str, Any], value: dict[str, Any], within: tuple[int, ...]) -> None:
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties")
        if isinstance(others, dict) and "patternProperties" not in schema:
            for name, item in value.items():
                if name not in properties:
                    value[name] = self._fill(others, item, within)
        for name, part in properties.items():
            if name in value:
                value[name] = self._fill(part, value[name], within)
                continue
            default = self._default(part)
            if default is not msgspec.UNSET:
                value[name] = self._fill(part, default, within)
            # One that holds itself would be made again and again.
            elif id(self._resolved(part)) not in within:
                made = self._fill(part, {}, within)
                if made and self._validator.evolve(schema=part).is_valid(made):
                    value[name] = made

    def _default(self, schema: Any) -> Any:
        for part in self._chain(schema):
            if is_secret(part):
                return msgspec.UNSET
            if "default" in part:
                spend(weight(part["default"]))
                return copy.deepcopy(part["default"])
        return msgspec.UNSET

    def _resolved(self, schema: Any) -> Any:
        for part in self._chain(schema):
            schema = part
        return schema

    def _chain(self, schema: Any) -> Iterator[dict[str, Any]]:
        """The schema, the one that it refers to, and so on."""
        for _ in range(_DEEPEST):
            spend(1)
            if not isinstance(schema, dict):
                return
            yield schema
            if not isinstance(schema.get("$ref"), str):
                return
            schema = _at(self._schema, schema["$ref"])

    def wrong_default(self) -> tuple[Place, str] | None:
        """The place of a default that its own schema refuses, and why; None if all fit."""
        with bounded():
            for place, schema in subschemas(self._schema):
                if isinstance(schema, dict) and "default" in schema and not is_secret(schema):
                    default = self._fill(schema, copy.deepcopy(schema["default"]), ())
                    error = next(self._validator.evolve(schema=schema).iter_errors(default), None)
                    if error is not None:
                        return (*place, "default"), str(error.message)
        return None


def checked_schema(schema: Mapping[str, Any]) -> ConfigSchema:
    """The schema, if it may be used.

    Raises:
        ManifestError: it may not; its ``field`` is the place, like ``config_schema.properties.port.type``.
    """
    check_schema(schema)
    types = schema.get("type", "object")
    if "object" not in ([types] if isinstance(types, str) else types):
        raise _wrong(("type",), types, "a configuration is an object")
    checked = ConfigSchema(schema)
    try:
        wrong = checked.wrong_default()
        if wrong is None:
            checked.check(checked.completed({}))
    except TooMuchEffort as error:
        raise ManifestError(FIELD, dict(schema), str(error)) from None
    if wrong is not None:
        raise _wrong(wrong[0], msgspec.UNSET, wrong[1])
    return checked


def check_schema(schema: Mapping[str, Any]) -> None:
    """Make sure that a schema, of whatever kind of values, may be used with `ConfigSchema`.

    Raises:
        ManifestError: it may not; its ``field`` is the place, like ``config_schema.properties.port.type``.
    """
    if len(json.dumps(schema)) > MAX_SCHEMA_BYTES:
        raise ManifestError(FIELD, dict(schema), f"it has more than {MAX_SCHEMA_BYTES} bytes")
    if schema.get("$schema", DIALECTS[0]) not in DIALECTS:
        raise _wrong(("$schema",), schema["$schema"], f"it must be {DIALECTS[0]}, or be left out")
    places: dict[Place, Any] = {}
    for place, part in subschemas(schema):
        places[place] = part
        if len(places) > MAX_SUBSCHEMAS:
            raise ManifestError(FIELD, dict(schema), f"it consists of more than {MAX_SUBSCHEMAS} schemas")
    error = next(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(dict(schema)), None)
    if error is not None:
        raise _wrong(tuple(error.absolute_path), error.instance, error.message)
    targets = {tuple(map(str, place)) for place in places}
    for place, part in places.items():
        if isinstance(part, dict):
            _check_part(place, part, targets)
    _check_unevaluated(places)


def _check_part(place: Place, part: dict[str, Any], targets: set[tuple[str, ...]]) -> None:
    for name in _REFUSED:
        if name in part:
            raise _wrong((*place, name), part[name], "it is not supported here; use $ref to a place within the schema")
    for name in ("$id", "$schema"):
        if place and name in part:
            raise _wrong((*place, name), part[name], "it may stand only at the beginning")
    if "$ref" in part and _pointer(part["$ref"]) not in targets:
        reason = "it must lead to a schema in this one, like #/$defs/name; nothing is fetched from elsewhere"
        raise _wrong((*place, "$ref"), part["$ref"], reason)
    texts = [("pattern", part["pattern"])] if "pattern" in part else []
    texts += [("patternProperties", text) for text in part.get("patternProperties", ())]
    for name, text in texts:
        try:
            pattern(text)
        except ValueError as error:
            raise _wrong((*place, name), text, str(error)) from None


def _check_unevaluated(places: dict[Place, Any]) -> None:
    """jsonschema matches patterns for ``unevaluatedProperties`` by itself, with Python's regular expressions."""
    having = {
        name: [place for place, part in places.items() if isinstance(part, dict) and name in part]
        for name in ("patternProperties", "unevaluatedProperties")
    }
    if all(having.values()):
        place = having["unevaluatedProperties"][0]
        raise _wrong((*place, "unevaluatedProperties"), msgspec.UNSET, "it cannot be used with patternProperties")


def _pointer(reference: Any) -> tuple[str, ...] | None:
    """The steps of a reference within the schema, None for one to elsewhere."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    steps = unquote(reference[1:]).split("/")
    if steps[0]:
        return None  # an anchor
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps[1:])


def _at(schema: Any, reference: str) -> Any:
    for step in _pointer(reference) or ():
        schema = schema[int(step)] if isinstance(schema, list) else schema[step]
    return schema


def _wrong(place: Place, value: object, reason: str) -> ManifestError:
    text = reason if len(reason) <= _TEXT else f"{reason[:_TEXT]}…"
    return ManifestError(field_of(place), value, text)
