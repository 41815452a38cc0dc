"""The unit of storage: all events that one request appended to one stream (ADR 0002), and the hash chain over them.

A frame is a msgpack array ``[stream number, first sequence, previous hash, first time, time deltas, bodies]``. The
bodies stand in it as they were encoded by whoever stated the facts. Only the hash before the frame's first event is
stored; those between follow from it, so every event still has the hash of the one before it.

Chain: ``hash(n) = BLAKE2b-256(hash(n-1) || sequence (u64 BE) || time (i64 BE) || body)``, personalised
``perdure-chain-1``; ``hash(0)`` is BLAKE2b-256 of the stream's name, so that one stream cannot pass for another
(RFC 7693 for BLAKE2b).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from perdure.store.errors import CorruptLog
from perdure.store.events import UNREADABLE, AnyEvent, Event
from perdure.store.upcast import UPCASTS, upcast

HASH_BYTES: Final = 32
MAX_FRAME_EVENTS: Final = 1024
MAX_TIME: Final = 2**57  # microseconds since 1970: the year 6537, which every calendar still has
_MAX_SEQUENCE: Final = 2**63
_PERSON: Final = b"perdure-chain-1"
_BASE: Final = hashlib.blake2b(digest_size=HASH_BYTES, person=_PERSON)
_LINK: Final = struct.Struct(">Qq").pack


class Frame(msgspec.Struct, array_like=True):
    """A frame with its bodies as bytes, for the chain and the export."""

    stream: int
    first: int
    previous: bytes
    time: int
    deltas: list[int]
    bodies: list[msgspec.Raw]

    @property
    def last(self) -> int:
        """The sequence of the frame's last event."""
        return self.first + len(self.bodies) - 1

    def times(self) -> Iterator[int]:
        """Each event's time, in microseconds since 1970."""
        return (self.time + delta for delta in self.deltas)


class DecodedFrame(msgspec.Struct, array_like=True):
    """The same bytes with the events decoded in one go, for folds."""

    stream: int
    first: int
    previous: bytes
    time: int
    deltas: list[int]
    events: list[AnyEvent]


_encoder = msgspec.msgpack.Encoder()
_raw_decoder = msgspec.msgpack.Decoder(Frame)
_decoder = msgspec.msgpack.Decoder(DecodedFrame)


def genesis(stream: str) -> bytes:
    """The hash before a stream's first event."""
    return hashlib.blake2b(stream.encode(), digest_size=HASH_BYTES, person=_PERSON).digest()


def link(previous: bytes, sequence: int, time: int, body: bytes | msgspec.Raw | memoryview) -> bytes:
    """The hash of one event, given that of the one before it."""
    hasher = _BASE.copy()
    hasher.update(previous + _LINK(sequence, time))
    hasher.update(body)
    return hasher.digest()


def make_frame(
    number: int, first: int, previous: bytes, times: Sequence[int], bodies: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """The frame's bytes, and the hash of its last event."""
    start = times[0]
    sequence, tip = first, previous
    copy, pack = _BASE.copy, _LINK
    for time, body in zip(times, bodies, strict=True):  # `link`, without a call for each event
        hasher = copy()
        hasher.update(tip + pack(sequence, time) + body)
        tip = hasher.digest()
        sequence += 1
    raw = msgspec.Raw
    frame = Frame(number, first, previous, start, [time - start for time in times], [raw(body) for body in bodies])
    return _encoder.encode(frame), tip


def read_frame(data: bytes, position: int) -> Frame:
    """The frame with its bodies as bytes.

    Raises:
        CorruptLog: these are not the bytes of a frame.
    """
    try:
        frame = _raw_decoder.decode(data)
    except UNREADABLE as error:
        raise CorruptLog(f"position {position}", f"not a frame: {error}") from None
    if not frame.bodies or len(frame.bodies) != len(frame.deltas):
        raise CorruptLog(f"position {position}", "a frame without events, or without their times")
    start = frame.time
    if not 0 < frame.first < _MAX_SEQUENCE or start + min(frame.deltas) < 0 or start + max(frame.deltas) > MAX_TIME:
        raise CorruptLog(f"position {position}", "a frame with a sequence or a time that cannot be")
    return frame


def is_as_made(frame: Frame, data: bytes) -> bool:
    """Whether ``data`` are the very bytes that `make_frame` makes of what `read_frame` read in them."""
    return _encoder.encode(frame) == data


def read_events(data: bytes, position: int) -> DecodedFrame:
    """The frame with its events decoded and in their present shape.

    Raises:
        CorruptLog: these are not the bytes of a frame, or an event in it cannot be read.
    """
    try:
        frame = _decoder.decode(data)
    except UNREADABLE as error:
        raise CorruptLog(f"position {position}", f"not a frame of known events: {error}") from None
    if UPCASTS:
        frame.events = [_present(event) for event in frame.events]
    return frame


def _present(event: Event) -> AnyEvent:
    return upcast(event)  # type: ignore[return-value]  # the table's values are members of AnyEvent
