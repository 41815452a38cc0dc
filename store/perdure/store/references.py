"""Which blobs something stored names: what must be there, and what may go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from perdure.store.blobs import is_digest
from perdure.store.events import BlobRef, Event, ModuleCompiled, tag_of
from perdure.store.frame import Frame

# A digest in msgpack: text of 64 characters.
_IN_FRAME: Final = re.compile(rb"\xd9\x40([0-9a-f]{64})")
# In a row's key or value, which may be anybody's: also in the middle of a longer run of digits.
_IN_ROW: Final = re.compile(rb"(?=([0-9a-f]{64}))")
# It tells that a module was compiled, be it one that was refused. Its last byte before the fields is the tag's.
_COMPILED: Final = msgspec.msgpack.encode(tag_of(ModuleCompiled))


def blobs_of(event: Event) -> set[str]:
    """The digests of the blobs and the module that an event names."""
    found = {value.digest for value in _values(event) if isinstance(value, BlobRef)}
    module = getattr(event, "module", None)
    if isinstance(module, str) and is_digest(module) and not isinstance(event, ModuleCompiled):
        found.add(module)
    return found


def _values(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _values(getattr(value, name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _values(item)


def may_name_blobs(data: bytes) -> bool:
    """Whether the bytes of a frame have anything in them that looks like a digest."""
    return _IN_FRAME.search(data) is not None


def named_in_frame(frame: Frame) -> Iterator[bytes]:
    """Every digest (32 bytes) that the events of a frame may name; rather one too many than one too few."""
    for body in frame.bodies:
        data = bytes(body)
        if data[1 : 1 + len(_COMPILED)] != _COMPILED:
            yield from map(_unhex, _IN_FRAME.findall(data))


def named_in_row(key: bytes, value: bytes) -> Iterator[bytes]:
    """Every digest that a row may name."""
    for data in (key, value):
        yield from map(_unhex, _IN_ROW.findall(data))


def _unhex(digits: Any) -> bytes:
    return bytes.fromhex(digits.decode())
