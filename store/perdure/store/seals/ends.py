"""The ends of streams as bytes: what the leaves of a seal's tree are made of, and the list of those that changed.

An end is ``number (u32) || length of the name (u16) || name (UTF-8) || sequence (u64) || hash (32 bytes)``, all
numbers big-endian. The number is the stream's in its log, from 1: leaf ``number - 1`` of the tree. A list of ends has
them one after the other, by number.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from perdure.store.errors import CorruptLog
from perdure.store.events import MAX_STREAM_BYTES, stream_key
from perdure.store.frame import HASH_BYTES

_HEAD: Final = struct.Struct(">IH")
_TAIL: Final = struct.Struct(f">Q{HASH_BYTES}s")
_WHERE: Final = "the ends of a seal"


class StreamSeal(msgspec.Struct, frozen=True, array_like=True):
    """The end of one stream: its number in the log, its last sequence, and that event's hash."""

    number: int
    stream: str
    sequence: int
    hash: bytes

    @property
    def index(self) -> int:
        """The place of its leaf, from 0."""
        return self.number - 1


def encode_end(end: StreamSeal) -> bytes:
    """The bytes of one end.

    Raises:
        ValueError: no stream of any log ends like this.
    """
    name = stream_key(end.stream)
    if name is None or not 0 < end.number < 1 << 32 or not 0 < end.sequence < 1 << 63 or len(end.hash) != HASH_BYTES:
        raise ValueError(f"no stream ends like {end}")
    return _HEAD.pack(end.number, len(name)) + name + _TAIL.pack(end.sequence, end.hash)


def number_of(end: bytes) -> int:
    """The number in the bytes of an end; ends as bytes are in the order of their numbers."""
    return int(_HEAD.unpack_from(end)[0])


def decode_ends(data: bytes) -> Iterator[StreamSeal]:
    """The ends of a list.

    Raises:
        CorruptLog: it is none, or its numbers are not in order.
    """
    at, before = 0, 0
    while at < len(data):
        try:
            number, length = _HEAD.unpack_from(data, at)
            start = at + _HEAD.size
            name = bytes(data[start : start + length]).decode()
            sequence, tip = _TAIL.unpack_from(data, start + length)
        except (struct.error, UnicodeDecodeError) as error:
            raise CorruptLog(_WHERE, f"not an end of a stream: {error}") from None
        if number <= before or not 0 < length <= MAX_STREAM_BYTES or not 0 < sequence < 1 << 63:
            raise CorruptLog(_WHERE, f"stream {number} after stream {before} cannot be")
        at, before = start + length + _TAIL.size, number
        yield StreamSeal(number, name, sequence, tip)
