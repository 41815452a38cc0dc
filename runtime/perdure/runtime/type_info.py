"""What the types of operations are made of, read once.

Every opening of a runtime asks for the same hundred types, several times each; msgspec evaluates all their annotations
anew every time, which was nine tenths of an opening.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

T = TypeVar("T")

# More than the types of all operations of a process; it bounds what types that are made at run time can leave behind.
_KEPT = 1_024


def remembered(read: Callable[[Any], T]) -> Callable[[Any], T]:
    """Make a pure function of a type answer from memory where it was asked before. Thread-safe."""
    known = functools.lru_cache(maxsize=_KEPT)(read)

    @functools.wraps(read)
    def answer(kind: Any) -> T:
        try:
            return known(kind)
        except TypeError:  # it cannot be hashed, or is no type: then it is said once more
            return read(kind)

    return answer


@remembered
def type_info(kind: Any) -> inspect.Type:
    """`msgspec.inspect.type_info`: what a type is made of.

    Raises:
        TypeError: it is no type that msgspec can decode.
        NameError: its annotations cannot be resolved.
    """
    return inspect.type_info(kind)


@remembered
def json_decoder(kind: Any) -> Callable[[bytes], Any]:
    """The decoding of JSON as this type. Thread-safe.

    Raises:
        TypeError: it is no type that msgspec can decode.
    """
    return msgspec.json.Decoder(kind).decode
