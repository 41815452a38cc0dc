"""A host call for people and for programs: what the guest asked, and what it was told."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from perdure.actors.replay.divergence import event_words
from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.cli.event_text import summary
from perdure.cli.terminal_text import percent, printable, shortened, size
from perdure.store.blobs import BlobStore
from perdure.store.errors import StoreError
from perdure.store.events import (
    BlobRef,
    CheckpointRefused,
    CheckpointSaved,
    GuestEvent,
    Inline,
    InterruptAnswered,
    LogWritten,
    ProgressReported,
    Recorded,
    Sealed,
    WarningAdded,
)
from perdure.store.export import event_data

_SHOWN: Final = 60  # characters of a payload and of an answer on a line
_WHOLE: Final = 1 << 20  # bytes of a payload that are shown as a whole; of a larger one its digest
_TOLD: Final = {0: "go on", 1: "pause", 2: "end"}


def function_of(call: RecordedCall) -> str:
    """The host function's name."""
    if call.asked is not None:
        return "call"
    return str(event_words(call.event)["function"]) if call.event is not None else "check_interrupt"


def call_text(call: RecordedCall | None) -> str:
    """A call and its answer on a line; None for a check for interrupts that was answered with 0."""
    if call is None or (call.event is None and call.asked is None):
        return "check_interrupt → go on"
    asked, event = call.asked, call.event
    if asked is not None:
        answer = "no answer" if call.answer is None else short_payload(call.answer)
        told = f"{call.code}: {answer}" if call.code else answer
        return printable(f"{asked.method} {short_payload(asked.payload)} → {told}")
    if isinstance(event, InterruptAnswered):
        return f"check_interrupt → {_TOLD.get(event.answer, event.answer)}"
    if isinstance(event, CheckpointSaved):
        return printable(f"checkpoint {short_payload(event.state)} → saved")
    if isinstance(event, CheckpointRefused):
        return printable(f"checkpoint of SHA-256 {event.digest.hex()[:12]}… → refused, {summary(event)}")
    if isinstance(event, ProgressReported):
        return shortened(f"report_progress {percent(event.progress)} {event.message}".rstrip(), 2 * _SHOWN)
    if isinstance(event, LogWritten | WarningAdded):
        return shortened(f"{function_of(call)} {summary(event)}", 2 * _SHOWN)
    return f"{function_of(call)} {summary(event)}" if event is not None else function_of(call)


def short_payload(payload: Recorded) -> str:
    """A payload within a line; of what is sealed only what may be shown."""
    if isinstance(payload, Sealed):
        return f"{shortened(payload.shown.decode(errors='replace'), _SHOWN)} (sealed)"
    if isinstance(payload, BlobRef):
        return f"({size(payload.size)}, SHA-256 {payload.digest[:12]}…)"
    return shortened(payload.data.decode(errors="replace"), _SHOWN) or "(nothing)"


def call_json(blobs: BlobStore, call: RecordedCall | None, number: int) -> dict[str, Any]:
    """The call as a JSON object, its payload and its answer as JSON where they are JSON."""
    if call is None or (call.event is None and call.asked is None):
        return {"call": number, "function": "check_interrupt", "answer": 0}
    shown: dict[str, Any] = {
        "call": call.call,
        "sequence": call.sequence,
        "fuel": call.fuel,
        "function": function_of(call),
    }
    asked = call.asked
    if asked is not None:
        return shown | {
            "method": asked.method,
            "library_id": str(asked.library_id) if asked.library_id is not None else None,
            "payload": payload_json(blobs, asked.payload),
            "answer": payload_json(blobs, call.answer) if call.answer is not None else None,
            "code": call.code,
            "open": call.is_open,
        }
    event: GuestEvent | None = call.event
    if isinstance(event, CheckpointSaved):
        return shown | {"state": payload_json(blobs, event.state)}
    fields = event_data(event) if event is not None else {}
    return shown | {name: value for name, value in fields.items() if name not in shown}


def payload_json(blobs: BlobStore, payload: Recorded) -> Any:
    """A payload as JSON where it is JSON, else as text; of a large or a sealed one what may be said of it."""
    if isinstance(payload, Sealed):
        return {"shown": _decoded(payload.shown), "sealed": payload.key}
    if isinstance(payload, Inline):
        return _decoded(payload.data)
    named = {"blob": payload.digest, "size": payload.size}
    if payload.size > _WHOLE:
        return named
    try:
        return _decoded(blobs.get(payload.digest))
    except StoreError as error:
        return named | {"lost": str(error)}


def _decoded(data: bytes) -> Any:
    if not data:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return data.decode(errors="replace")
