"""What people see of a payload that holds secrets: its JSON with every secret value replaced. Pure.

What is secret is said by the type (`perdure.runtime.operations.declaration.Sensitive`). Where the type leaves a choice
that the value does not settle, and where the value has more than the type knows of, nothing is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect as types

from perdure.runtime.type_info import json_decoder, remembered, type_info

MASK: Final = "[sensitive]"
NOTHING_SHOWN: Final = msgspec.json.encode(MASK)

_OBJECTS: Final = (types.StructType, types.DataclassType, types.TypedDictType)
_SEQUENCES: Final = (types.ListType, types.SetType, types.FrozenSetType, types.VarTupleType, types.CollectionType)
# What msgspec says of a value that does not fit, where it says nothing of the value itself.
_HARMLESS: Final = re.compile(
    r"(Expected `[^`]*`(?:, got `[a-z]+`)?|Object missing required field `\w+`)(?: - at `\$[\w.\[\]]*`)?"
)
_PLACE: Final = re.compile(r" - at `(\$[\w.\[\]]*)`")


class Mask:
    """Shows values of one type, without their secrets.

    Args:
        kind: a type that msgspec can decode.
        whole: whether all of it is secret.
    """

    def __init__(self, kind: Any, *, whole: bool = False) -> None:
        self._type = type_info(kind)
        self._whole = whole
        self.hides: Final = whole or _hides(kind)
        """Whether there is anything to hide in such values."""
        self._decode = json_decoder(kind)

    def shown(self, data: bytes) -> bytes:
        """What may be shown of JSON: of what does not fit the type nothing."""
        if self._whole:
            return NOTHING_SHOWN
        try:
            self._decode(data)
            return msgspec.json.encode(_masked(msgspec.json.decode(data), self._type))
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            return NOTHING_SHOWN


def harmless(message: str) -> str:
    """What a message of msgspec says of a value that does not fit, without the value or names that it made up."""
    if _HARMLESS.fullmatch(message):
        return message
    place = _PLACE.search(message)
    return "it is not valid" + (f" - at `{place[1]}`" if place is not None else "")


@remembered
def _hides(kind: Any) -> bool:
    return _has_secrets(type_info(kind))


def _has_secrets(kind: types.Type) -> bool:
    seen: set[int] = set()
    waiting = [kind]
    while waiting:
        found = waiting.pop()
        if _is_secret(found):
            return True
        if id(found) not in seen:
            seen.add(id(found))
            waiting.extend(_parts(found))
    return False


def _is_secret(kind: types.Type) -> bool:
    while isinstance(kind, types.Metadata):
        if (kind.extra or {}).get("sensitive"):
            return True
        kind = kind.type
    return False


def _bare(kind: types.Type) -> types.Type:
    while isinstance(kind, types.Metadata):
        kind = kind.type
    return kind


def _parts(kind: types.Type) -> Iterator[types.Type]:
    kind = _bare(kind)
    if isinstance(kind, (*_OBJECTS, types.NamedTupleType)):
        yield from (field.type for field in kind.fields)
    elif isinstance(kind, _SEQUENCES):
        yield kind.item_type
    elif isinstance(kind, types.TupleType):
        yield from kind.item_types
    elif isinstance(kind, types.DictType | types.FrozenDictType):
        yield from (kind.key_type, kind.value_type)
    elif isinstance(kind, types.UnionType):
        yield from kind.types


def _masked(value: Any, kind: types.Type) -> Any:
    if _is_secret(kind):
        return MASK
    kind = _bare(kind)
    if isinstance(kind, types.UnionType):
        return _masked_choice(value, kind)
    if isinstance(value, dict):
        return _masked_object(value, kind)
    if isinstance(value, list):
        return _masked_array(value, kind)
    return value


def _masked_object(value: dict[str, Any], kind: types.Type) -> Any:
    if isinstance(kind, types.DictType | types.FrozenDictType):
        if _is_secret(kind.key_type):
            return MASK
        return {name: _masked(item, kind.value_type) for name, item in value.items()}
    if isinstance(kind, _OBJECTS):
        # What the type does not know is dropped when it is read, and may be a secret with its name misspelt.
        fields = {field.encode_name: field.type for field in kind.fields}
        shown = {name: _masked(item, fields[name]) for name, item in value.items() if name in fields}
        tag = kind.tag_field if isinstance(kind, types.StructType) else None
        return {tag: value[tag], **shown} if tag in value else shown
    return MASK if _has_secrets(kind) else value


def _masked_array(value: list[Any], kind: types.Type) -> Any:
    if isinstance(kind, _SEQUENCES):
        return [_masked(item, kind.item_type) for item in value]
    if isinstance(kind, types.TupleType):
        return [_masked(item, part) for item, part in zip(value, kind.item_types, strict=False)]
    if isinstance(kind, types.NamedTupleType):
        return [_masked(item, field.type) for item, field in zip(value, kind.fields, strict=False)]
    return MASK if _has_secrets(kind) else value  # structs that are arrays among them


def _masked_choice(value: Any, kind: types.UnionType) -> Any:
    if value is None and any(isinstance(part, types.NoneType) for part in kind.types):
        return None
    if not _has_secrets(kind):
        return value
    if any(_is_secret(part) for part in kind.types):
        return MASK
    fitting = [part for part in map(_bare, kind.types) if _may_be(value, part)]
    return _masked(value, fitting[0]) if len(fitting) == 1 else MASK


def _may_be(value: Any, kind: types.Type) -> bool:
    if isinstance(value, dict):
        if isinstance(kind, types.StructType) and kind.tag_field is not None and not kind.array_like:
            return value.get(kind.tag_field) == kind.tag
        return isinstance(kind, (*_OBJECTS, types.DictType, types.FrozenDictType))
    if isinstance(value, list):
        return isinstance(kind, (*_SEQUENCES, types.TupleType, types.NamedTupleType, types.StructType))
    return not isinstance(kind, (*_OBJECTS, *_SEQUENCES, types.DictType, types.TupleType, types.NoneType))
