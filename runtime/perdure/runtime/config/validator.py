"""JSON Schema by the `jsonschema` package, without what a hostile schema could do with it.

| what | instead |
| --- | --- |
| Python's regular expressions, which may take for ever and hold the GIL | RE2, which takes linear time |
| references to other places, fetched from the network | only those within the schema (`schema.py`) |
| schemas that multiply work | every keyword is paid for (`effort.py`) |
| ``uniqueItems`` in quadratic time | in linear time |

Two keywords mean more than elsewhere: ``writeOnly`` and ``format: password`` let no value pass, since configurations
are not encrypted.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from perdure.runtime.config.effort import spend, weight

_Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]

_REFUSAL: Final = "it is a secret, and configurations are not encrypted; keep it with action:credentials.store"


def checker(schema: Mapping[str, Any]) -> Any:
    """A validator for a schema that `checked_schema` has let pass; used within `bounded`."""
    own: Any = {name: value for name, value in schema.items() if name not in ("$schema", "$id")}
    # An empty registry: nothing is fetched.
    registry: Registry[Any] = Registry().with_resource("", DRAFT202012.create_resource(own))
    return _Validator(own, registry=registry)


@functools.lru_cache(maxsize=256)
def pattern(text: str) -> Any:
    """A regular expression of RE2.

    Raises:
        ValueError: it is none, or has what needs backtracking.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        shown = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"it is no regular expression of RE2: {shown}") from None


def _matches(text: str, subject: str) -> bool:
    return pattern(text).search(subject) is not None


def _paid(keyword: _Keyword) -> _Keyword:
    def paid(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        choices = len(value) if isinstance(value, list | dict) else 0
        spend(1 + choices + weight(instance))
        yield from keyword(validator, value, instance, schema) or ()

    return paid


def _pattern(validator: Any, value: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(value, instance):
        yield ValidationError(f"{instance!r} does not match {value!r}")


def _pattern_properties(validator: Any, value: dict[str, Any], instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for text, part in value.items():
        spend(len(instance))
        for name, item in instance.items():
            if _matches(text, name):
                yield from validator.descend(item, part, path=name, schema_path=text)


def _additional_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    spend(len(instance) * (1 + len(patterns)))
    for name, item in instance.items():
        if name in known or any(_matches(text, name) for text in patterns):
            continue
        if value is False:
            # One for each name, at its place, unlike jsonschema's own.
            yield ValidationError("there is no such setting", path=[name])
        else:
            yield from validator.descend(item, value, path=name)


def _unique_items(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if value is True and isinstance(instance, list):
        seen = {json.dumps(_plain(item), sort_keys=True) for item in instance}
        if len(seen) < len(instance):
            yield ValidationError("it has an item twice")


def _plain(value: Any) -> Any:
    """``value`` with 1.0 as 1, as JSON Schema compares."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _write_only(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if value is True:
        yield ValidationError(_REFUSAL)


def _format(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if value == "password":
        yield ValidationError(_REFUSAL)


_OWN: Final[dict[str, _Keyword]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "writeOnly": _write_only,
    "format": _format,
}
_Validator: Final[Any] = extend(
    Draft202012Validator,
    validators={name: _paid(keyword) for name, keyword in {**Draft202012Validator.VALIDATORS, **_OWN}.items()},
)
