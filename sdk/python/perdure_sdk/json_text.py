"""JSON as the contract wants it: compact, one meaning for every reader, nothing that is not JSON."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from perdure_sdk.errors import StateError


def to_text(value: Any, path: str) -> str:
    """The JSON text of a value that is made of dicts, lists, texts, numbers, booleans and None.

    Raises:
        StateError: it is nested too deep, or has half a surrogate pair in it. NaN is for `shapes` to refuse.
    """
    try:
        text = _encode(value)
    except RecursionError:
        raise StateError(path, "nested too deep, or it holds itself") from None
    except ValueError as error:  # it holds itself, a number has thousands of digits
        raise StateError(path, str(error)) from None
    try:
        text.encode()
    except UnicodeEncodeError:
        raise StateError(path, "a text has half a surrogate pair, which is no Unicode") from None
    return text


def from_text(text: str, path: str) -> Any:
    """The value of a JSON text.

    Raises:
        StateError: it is none; NaN and Infinity are none.
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise StateError(path, "nested too deep") from None
    except ValueError as error:
        raise StateError(path, f"it is no JSON: {error}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
