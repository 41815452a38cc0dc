"""The first host call in which a replay differs from the log, in words that may be recorded: pure."""

from __future__ import annotations

import json
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.store.blobs import digest_of
from perdure.store.events import (
    BlobRef,
    BytesCounted,
    CheckpointRefused,
    CheckpointSaved,
    GuestEvent,
    InterruptAnswered,
    ItemsCounted,
    JobError,
    JsonObject,
    LogWritten,
    ProgressReported,
    Recorded,
    Sealed,
    WarningAdded,
)

_TEXT: Final = 200  # characters of a message that are quoted
_FUNCTIONS: Final[dict[type[GuestEvent], str]] = {
    LogWritten: "log",
    ProgressReported: "report_progress",
    CheckpointSaved: "checkpoint",
    CheckpointRefused: "checkpoint",
    InterruptAnswered: "check_interrupt",
    WarningAdded: "add_warning",
    ItemsCounted: "increment_items",
    BytesCounted: "increment_bytes",
}


class Asked(msgspec.Struct, frozen=True):
    """An operation's call as the guest makes it."""

    call: int
    fuel: int
    method: str
    library_id: UUID | None
    payload: bytes


class Divergence(msgspec.Struct, frozen=True):
    """What differs at host call ``call`` (from 1) of the run; ``sequence`` is the recorded event's in the stream.

    ``recorded`` and ``came`` have the ``function`` with its arguments, of bytes the size and the SHA-256; ``came`` may
    be the guest's end. Of a sealed payload there is no digest: it would be something to guess the secret by.
    """

    call: int
    sequence: int
    recorded: JsonObject
    came: JsonObject

    @property
    def message(self) -> str:
        """One line for people."""
        return f"call {self.call}: recorded was {json.dumps(self.recorded)}, what came is {json.dumps(self.came)}"

    def as_error(self) -> JobError:
        """What a job fails with."""
        return JobError(
            "diverged",
            f"led by the log, the guest did something else; {self.message}",
            blame="host",
            data={"call": self.call, "sequence": self.sequence, "recorded": self.recorded, "came": self.came},
        )


def recorded_words(recorded: RecordedCall, call: int) -> JsonObject:
    """What the log has for call ``call``, which is at or before ``recorded``."""
    if call < recorded.call:
        return {"function": "check_interrupt", "answer": 0}
    asked = recorded.asked
    if asked is not None:
        return {"function": "call", **_asked(asked.method, asked.library_id), **_bytes(asked.payload)}
    return event_words(recorded.event) if recorded.event is not None else {"function": "unknown"}


def event_words(event: GuestEvent) -> JsonObject:
    """A call that is no operation's."""
    words: JsonObject = {"function": _FUNCTIONS[type(event)]}
    if isinstance(event, CheckpointSaved):
        return words | _bytes(event.state)
    if isinstance(event, CheckpointRefused):
        return words | {"sha256": event.digest.hex()}
    if isinstance(event, ItemsCounted | BytesCounted):
        return words | {"count": event.count}
    if isinstance(event, LogWritten):
        return words | {"level": event.level} | _text(event.message)
    if isinstance(event, ProgressReported):
        return words | {"progress": event.progress} | _text(event.message)
    if isinstance(event, WarningAdded):
        return words | _text(event.message)
    return words


def asked_words(asked: Asked, recorded: RecordedCall) -> JsonObject:
    """An operation's call; its payload may be told of only if it is one like that which was recorded in clear."""
    words: JsonObject = {"function": "call", **_asked(asked.method, asked.library_id), "bytes": len(asked.payload)}
    before = recorded.asked
    if before is not None and before.method == asked.method and not isinstance(before.payload, Sealed):
        words["sha256"] = digest_of(asked.payload)
    return words


def fuel_words(words: JsonObject, fuel: int) -> JsonObject:
    """The same with the fuel, where that is what differs."""
    return words | {"fuel": fuel}


def _asked(method: str, library_id: UUID | None) -> JsonObject:
    return {"method": method[:_TEXT], "library_id": None if library_id is None else str(library_id)}


def _text(message: str) -> JsonObject:
    if len(message) <= _TEXT:
        return {"message": message}
    return {"message": message[:_TEXT] + "…", "sha256": digest_of(message.encode())}


def _bytes(payload: Recorded) -> JsonObject:
    if isinstance(payload, Sealed):
        return {"sealed": True}
    if isinstance(payload, BlobRef):
        return {"bytes": payload.size, "sha256": payload.digest}
    return {"bytes": len(payload.data), "sha256": digest_of(payload.data)}
