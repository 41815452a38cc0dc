"""What goes over the link: requests to the engine, and its answers. Both sides are one version of one program.

A frame is its length (u32, big-endian) and a message in msgpack. Requests carry a number, and are answered in any
order.
"""

from __future__ import annotations

import struct
from typing import Final
from uuid import UUID

import msgspec

from perdure.server.access.caller import Caller

LENGTH: Final = struct.Struct(">I")
MAX_FRAME: Final = 256 << 20  # bytes; nothing that is let in comes near it
LISTENING: Final = 0  # the number of the message that the web process lets clients in; it is not answered


class LinkRequest(msgspec.Struct, frozen=True, array_like=True):
    """A request that was let in.

    Attributes:
        number: names it on this link.
        endpoint: an endpoint's name.
        caller: who asks.
        request: its id in the log and in answers.
        body: the endpoint's request, in JSON: what a client says may have numbers in it that msgpack cannot say.
        key: its Idempotency-Key.
        trace: its W3C traceparent.
        file: the path of what was uploaded with it.
    """

    number: int
    endpoint: str
    caller: Caller
    request: UUID
    body: bytes
    key: str | None = None
    trace: str | None = None
    file: str | None = None


class LinkAnswer(msgspec.Struct, frozen=True, array_like=True):
    """What the engine says: HTTP's status, and JSON, an answer's or a problem's."""

    number: int
    status: int
    body: bytes
    retry_after: float | None = None


_encode = msgspec.msgpack.Encoder().encode
decode_request = msgspec.msgpack.Decoder(LinkRequest).decode
decode_answer = msgspec.msgpack.Decoder(LinkAnswer).decode


def frame_of(message: LinkRequest | LinkAnswer) -> bytes:
    """A message's frame."""
    body = _encode(message)
    return LENGTH.pack(len(body)) + body
