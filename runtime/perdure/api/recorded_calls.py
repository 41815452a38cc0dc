"""A recorded host call as bytes, for clients that get it as `Stepper` has it: both ends are of one version."""

from __future__ import annotations

from typing import Final, cast

import msgspec

from perdure.actors.replay.recorded_calls import AskedEvent, RecordedCall
from perdure.api.errors import BadRequest
from perdure.store.events import UNREADABLE, Event, GuestEvent, Payload, Recorded, decode, encode
from perdure.store.upcast import upcast


class _Call(msgspec.Struct, array_like=True, frozen=True):
    """`RecordedCall`, its events as they are stored; an empty ``asked`` is the event itself."""

    call: int
    fuel: int
    sequence: int
    event: bytes | None
    asked: bytes | None
    answer: Recorded | None
    code: str
    is_open: bool
    intended: bool


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Call)
_payload_decoder: Final[msgspec.msgpack.Decoder[Payload]] = msgspec.msgpack.Decoder(Payload)


def encode_call(call: RecordedCall) -> bytes:
    """The call in msgpack."""
    asked: bytes | None = None
    if call.asked is not None:
        asked = b"" if call.asked is call.event else encode(call.asked)
    event = encode(call.event) if call.event is not None else None
    return _encoder.encode(
        _Call(call.call, call.fuel, call.sequence, event, asked, call.answer, call.code, call.is_open, call.intended)
    )


def decode_call(data: bytes) -> RecordedCall:
    """The call that `encode_call` was given.

    Raises:
        BadRequest: these are no call's bytes.
        BadEvent: one of its events is of another version.
    """
    try:
        found = _decoder.decode(data)
    except UNREADABLE as error:
        raise BadRequest(str(error), "recorded") from None
    event = _event(found.event)
    asked = event if found.asked == b"" else _event(found.asked)
    return RecordedCall(
        call=found.call,
        fuel=found.fuel,
        sequence=found.sequence,
        event=cast("GuestEvent | None", event),
        asked=cast("AskedEvent | None", asked),
        answer=found.answer,
        code=found.code,
        is_open=found.is_open,
        intended=found.intended,
    )


def encode_payload(payload: Payload) -> bytes:
    """A payload in msgpack."""
    return _encoder.encode(payload)


def decode_payload(data: bytes) -> Payload:
    """The payload that `encode_payload` was given.

    Raises:
        BadRequest: these are no payload's bytes.
    """
    try:
        return _payload_decoder.decode(data)
    except UNREADABLE as error:
        raise BadRequest(str(error), "recorded") from None


def _event(body: bytes | None) -> Event | None:
    return upcast(decode(body)) if body is not None else None
