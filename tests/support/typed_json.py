"""JSON that fits a type which msgspec can decode, for Hypothesis; and JSON with a word planted in each secret."""

from __future__ import annotations

import base64
import enum
import functools
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as types

from perdure.runtime.operations.schemas import SENSITIVE, resolved

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)


def json_of(kind: Any) -> st.SearchStrategy[Any]:
    """JSON values that decode to ``kind``."""
    return _values(types.type_info(kind))


@functools.singledispatch
def _values(kind: types.Type) -> st.SearchStrategy[Any]:
    raise TypeError(f"no values for {kind}")


@_values.register
def _(kind: types.AnyType) -> st.SearchStrategy[Any]:
    return _ANYTHING


@_values.register
def _(kind: types.RawType) -> st.SearchStrategy[Any]:
    return _ANYTHING


@_values.register
def _(kind: types.NoneType) -> st.SearchStrategy[Any]:
    return st.none()


@_values.register
def _(kind: types.BoolType) -> st.SearchStrategy[Any]:
    return st.booleans()


@_values.register
def _(kind: types.IntType) -> st.SearchStrategy[Any]:
    least = kind.ge if kind.ge is not None else kind.gt + 1 if kind.gt is not None else -(2**53)
    most = kind.le if kind.le is not None else kind.lt - 1 if kind.lt is not None else 2**53
    return st.integers(least, most)


@_values.register
def _(kind: types.FloatType) -> st.SearchStrategy[Any]:
    return st.floats(kind.ge, kind.le, allow_nan=False, allow_infinity=False)


@_values.register
def _(kind: types.StrType) -> st.SearchStrategy[Any]:
    if kind.pattern is not None:
        return st.from_regex(kind.pattern).filter(lambda text: text.isprintable())
    return st.text(st.characters(codec="utf-8"), min_size=kind.min_length or 0, max_size=min(kind.max_length or 20, 20))


@_values.register
def _(kind: types.BytesType) -> st.SearchStrategy[Any]:
    return st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode())


@_values.register
def _(kind: types.UUIDType) -> st.SearchStrategy[Any]:
    return st.uuids().map(str)


@_values.register
def _(kind: types.EnumType) -> st.SearchStrategy[Any]:
    cases: type[enum.Enum] = kind.cls
    return st.sampled_from([case.value for case in cases])


@_values.register
def _(kind: types.LiteralType) -> st.SearchStrategy[Any]:
    return st.sampled_from(list(kind.values))


@_values.register
def _(kind: types.ListType) -> st.SearchStrategy[Any]:
    return st.lists(_values(kind.item_type), min_size=kind.min_length or 0, max_size=min(kind.max_length or 3, 3))


@_values.register
def _(kind: types.VarTupleType) -> st.SearchStrategy[Any]:
    return st.lists(_values(kind.item_type), min_size=kind.min_length or 0, max_size=min(kind.max_length or 3, 3))


@_values.register
def _(kind: types.TupleType) -> st.SearchStrategy[Any]:
    return st.tuples(*map(_values, kind.item_types)).map(list)


@_values.register
def _(kind: types.DictType) -> st.SearchStrategy[Any]:
    return st.dictionaries(_values(kind.key_type), _values(kind.value_type), max_size=3)


@_values.register
def _(kind: types.UnionType) -> st.SearchStrategy[Any]:
    return st.one_of(*map(_values, kind.types))


@_values.register
def _(kind: types.Metadata) -> st.SearchStrategy[Any]:
    return _values(kind.type)


@_values.register
def _(kind: types.StructType) -> st.SearchStrategy[Any]:
    required = {field.encode_name: _values(field.type) for field in kind.fields if field.required}
    optional = {field.encode_name: _values(_without_unset(field.type)) for field in kind.fields if not field.required}
    made: st.SearchStrategy[Any] = st.fixed_dictionaries(required, optional=optional)
    tag = kind.tag_field
    return made if tag is None else made.map(lambda value: {tag: kind.tag, **value})


def _without_unset(kind: types.Type) -> types.Type:
    if not isinstance(kind, types.UnionType):
        return kind
    return msgspec.structs.replace(kind, types=tuple(part for part in kind.types if type(part).__name__ != "UnsetType"))


def planted(schema: dict[str, Any], value: Any, word: str, root: dict[str, Any] | None = None) -> Any:
    """``value``, which fits ``schema``, with every text in a secret replaced by ``word``."""
    root = root or schema
    schema = resolved(schema, root)
    if schema.get(SENSITIVE):
        return _all_texts(schema, value, word)
    for choice in schema.get("anyOf", ()):
        value = planted(choice, value, word, root)
    if isinstance(value, dict):
        parts = schema.get("properties", {})
        return {name: planted(parts.get(name, {}), item, word, root) for name, item in value.items()}
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [planted(schema["items"], item, word, root) for item in value]
    return value


def _all_texts(schema: dict[str, Any], value: Any, word: str) -> Any:
    if isinstance(value, str):
        return base64.b64encode(word.encode()).decode() if schema.get("contentEncoding") else word
    if isinstance(value, dict):
        return {word: word} if not value else {name: _all_texts({}, item, word) for name, item in value.items()}
    return value
