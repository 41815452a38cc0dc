"""How the log lies in LMDB: the bytes of keys and values. Pure.

Layout (measured in ADR 0002), seven databases in one environment:

    log       position of the first event (u64 BE) -> frame
    index     stream number (u32 BE) + sequence of the frame's first event (u64 BE) -> position
    streams   stream name -> [number, last sequence, last hash, projection]
    names     stream number (u32 BE) -> stream name
    statuses  status + NUL + job id -> nothing, or "folded"
    rows      key -> version (u64 BE) + value
    meta      "format" -> "3"; "upgrading" -> the stream that an upgrade has come to;
              "folding" + NUL + stream name -> stream number, last sequence of the frames that are to be removed
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from perdure.store.commit_plan import StreamEnd
from perdure.store.errors import CorruptLog
from perdure.store.event_store import Head
from perdure.store.events import UNREADABLE
from perdure.store.job_state import JobState
from perdure.store.projection import decode_state, encode_state
from perdure.store.rows import Row

NUMBER: Final = struct.Struct(">I")  # a stream's
POSITION: Final = struct.Struct(">Q")
PLACE: Final = struct.Struct(">IQ")  # a stream's number and a sequence
FOLDED: Final = b"folded"  # what `statuses` has of a folded job
FOLDING: Final = b"folding\0"  # what keys in `meta` begin with


class KeptEnd(msgspec.Struct, array_like=True):
    """What `streams` has of a stream; ``state`` is its projection as bytes, empty for none."""

    number: int
    sequence: int
    hash: bytes
    state: bytes


class _KeptHead(msgspec.Struct, array_like=True):
    """The first three items of a `KeptEnd`; the projection behind them is skipped, not decoded."""

    number: int
    sequence: int
    hash: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode_end = msgspec.msgpack.Decoder(KeptEnd).decode
_decode_head = msgspec.msgpack.Decoder(_KeptHead).decode


def kept_end(stream: str, data: bytes) -> KeptEnd:
    """What `streams` has of ``stream``, out of its bytes.

    Raises:
        CorruptLog: these are not such bytes.
    """
    try:
        return _decode_end(data)
    except UNREADABLE as error:
        raise CorruptLog(f"the end of {stream}", str(error)) from None


def head_of(stream: str, data: bytes) -> Head:
    """The head out of the same bytes; errors as for `kept_end`."""
    try:
        head = _decode_head(data)
    except UNREADABLE as error:
        raise CorruptLog(f"the end of {stream}", str(error)) from None
    return Head(head.number, head.sequence, head.hash)


def end_of(stream: str, data: bytes) -> StreamEnd:
    """Head and projection out of the same bytes; errors as for `kept_end`."""
    end = kept_end(stream, data)
    return StreamEnd(Head(end.number, end.sequence, end.hash), decode_state(stream, end.state))


def end_value(end: StreamEnd) -> bytes:
    """The bytes that `end_of` reads."""
    head = end.head
    return _encode(KeptEnd(head.number, head.sequence, head.hash, encode_state(end.state)))


def row_of(key: bytes, data: bytes) -> Row:
    """A row out of its key and its bytes.

    Raises:
        CorruptLog: there are too few of them.
    """
    if len(data) < POSITION.size:
        raise CorruptLog(f"the row {key!r}", "it is too short")
    return Row(key, data[POSITION.size :], POSITION.unpack_from(data)[0])


def row_value(row: Row) -> bytes:
    """The bytes that `row_of` reads."""
    return POSITION.pack(row.version) + row.value


def status_key(state: JobState) -> bytes:
    """Where a job is filed in `statuses`."""
    return f"{state.status}\0{state.job_id}".encode()


def status_value(state: JobState) -> bytes:
    """What it is filed with."""
    return FOLDED if state.folded_at is not None else b""
