"""From a type of the runtime to its twin on the wire, and back: pure.

A twin has the fields of the other type, by the same names; what differs is how some of them are said: a time that the
log has in microseconds is a `datetime`, bytes are hexadecimal digits, and a struct that the log writes as an array is
an object.
"""

from __future__ import annotations

import types
import typing
from datetime import datetime
from functools import cache
from typing import Annotated, Any, TypeVar, cast

import msgspec

from perdure.api.times import moment_of, time_of

T = TypeVar("T")


def twin_of(value: object, kind: type[T]) -> T:
    """``value`` as ``kind`` says it. A field that ``value`` does not have keeps its default.

    Raises:
        TypeError: a field of ``kind`` has neither a value nor a default.
    """
    return cast("T", _converted(value, kind))


def twins_of(values: typing.Iterable[object], kind: type[T]) -> list[T]:
    """The same for each of them."""
    return [twin_of(value, kind) for value in values]


def _converted(value: Any, kind: Any) -> Any:
    kind = _plain(kind)
    if value is None or kind is Any:
        return value
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return value if type(value) is kind else _struct(value, kind)
    if isinstance(value, int) and kind is datetime:
        return moment_of(value)
    if isinstance(value, datetime) and kind is int:
        return time_of(value)
    if isinstance(value, bytes) and kind is str:
        return value.hex()
    if isinstance(value, str) and kind is bytes:
        return bytes.fromhex(value)
    return _collection(value, kind)


def _struct(value: Any, kind: type[msgspec.Struct]) -> msgspec.Struct:
    fields = {name: _converted(getattr(value, name), of) for name, of in _fields(kind) if hasattr(value, name)}
    return kind(**fields)


def _collection(value: Any, kind: Any) -> Any:
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        return [_converted(one, of[0]) for one in value]
    if origin is tuple and of[1:] == (Ellipsis,):
        return tuple(_converted(one, of[0]) for one in value)
    if origin is dict:
        return {name: _converted(one, of[1]) for name, one in value.items()}
    return value


def _plain(kind: Any) -> Any:
    """A type without what only validation needs, and without None."""
    while True:
        if typing.get_origin(kind) is Annotated:
            kind = typing.get_args(kind)[0]
        elif typing.get_origin(kind) in (typing.Union, types.UnionType):
            left = [one for one in typing.get_args(kind) if one is not type(None)]
            if len(left) != 1:
                return Any
            kind = left[0]
        else:
            return kind


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.type) for field in msgspec.structs.fields(kind))
