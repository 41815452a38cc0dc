"""What the types of operations are made of, read once.

Every opening of a runtime asks for the same hundred types, several times each; msgspec evaluates all their annotations
anew every time, which was nine tenths of an opening.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

# More than the types of all operations of a process; it bounds what types that are made at run time can leave behind.
_KEPT = 1_024


def type_info(kind: Any) -> inspect.Type:
    """`msgspec.inspect.type_info`: what a type is made of.

    Raises:
        TypeError: it is no type that msgspec can decode.
        NameError: its annotations cannot be resolved.
    """
    try:
        return _type_info(kind)
    except TypeError:  # it cannot be hashed, or is no type: what the latter says, msgspec says
        return inspect.type_info(kind)


def json_decoder(kind: Any) -> Callable[[bytes], Any]:
    """The decoding of JSON as this type. Thread-safe.

    Raises:
        TypeError: it is no type that msgspec can decode.
    """
    try:
        return _json_decoder(kind)
    except TypeError:
        return msgspec.json.Decoder(kind).decode


@functools.lru_cache(maxsize=_KEPT)
def _type_info(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


@functools.lru_cache(maxsize=_KEPT)
def _json_decoder(kind: Any) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(kind).decode
