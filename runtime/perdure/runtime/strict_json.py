"""JSON from untrusted hands: of bounded size and depth, every field once, every number and text representable.

Python's own reader takes the last of two fields with one name, NaN, half characters, and numbers of any length; a file
that two readers read in two ways is no ground for permissions.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

# Strings first, so that brackets in them do not count; an unfinished one ends with the text, which keeps this linear.
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


class BadJson(ValueError):
    """The text was refused. ``field`` and ``value`` are set when the problem is one field's."""

    def __init__(self, reason: str, field: str = "", value: object = None) -> None:
        self.reason, self.field, self.value = reason, field, value
        super().__init__(reason)


def parse_json(data: bytes, *, max_bytes: int, max_depth: int) -> Any:
    """The value that ``data``, UTF-8 without a byte order mark, holds.

    Raises:
        BadJson: it is too large, too deep, no JSON, or has a field twice, a number beyond 64 bits, or half a
            surrogate pair.
    """
    if len(data) > max_bytes:
        raise BadJson(f"it has {len(data)} bytes, more than {max_bytes}")
    # Before the reader, which recurses: how deep it may is the embedder's setting, not ours.
    depth = 0
    for match in _BRACKETS.finditer(data):
        bracket = match[0]
        if bracket in {b"[", b"{"}:
            depth += 1
            if depth > max_depth:
                raise BadJson(f"it is nested more than {max_depth} deep")
        elif bracket in {b"]", b"}"}:
            depth -= 1
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as error:
        raise BadJson(f"it is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise BadJson(f"it is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    _check_texts(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise BadJson("the field is there twice", name, value)
        fields[name] = value
    return fields


def _integer(text: str) -> int:
    # The length first: converting a million digits takes long.
    if len(text) > 20 or not -(2**63) <= (value := int(text)) < 2**64:
        raise BadJson(f"it has a number beyond 64 bits: {text[:24]}…")
    return value


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise BadJson(f"it has a number beyond 64 bits: {text[:24]}")
    return value


def _constant(text: str) -> NoReturn:
    raise BadJson(f"it is not JSON: {text} is no number")


def _check_texts(value: Any) -> None:
    # The depth is bounded by now, so is the recursion.
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise BadJson("it has a text with half a surrogate pair", "", value) from None
    elif isinstance(value, list):
        for item in value:
            _check_texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_texts(name)
            _check_texts(item)
