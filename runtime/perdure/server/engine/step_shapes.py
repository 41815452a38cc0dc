"""What a stepper sees, for the wire."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.actors.replay.divergence import event_words
from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.api.events import event_of
from perdure.api.jobs import error_shape_of
from perdure.api.recorded_calls import encode_call
from perdure.api.steppers import CallShape, DivergenceShape, EndShape, Position, RunOfJob
from perdure.runtime.job_past import json_or_text
from perdure.runtime.timetravel.stepping import End, Stepper
from perdure.store.blobs import BlobStore
from perdure.store.errors import StoreError
from perdure.store.events import CheckpointSaved, Inline, Recorded, Sealed, tag_of
from perdure.store.export import event_data

_WHOLE: Final = 1 << 20  # bytes of a payload that are shown; a larger one is named by its digest
_CHECK: Final = "check_interrupt"
_NUMBERS: Final = ("call", "fuel")


def position_of(number: UUID, stepper: Stepper, blobs: BlobStore, *, bodies: bool) -> Position:
    """Where it stands."""
    here = stepper.here
    fields: dict[str, Any] = {
        "stepper": number,
        "run": stepper.run.number,
        "call": here.call,
        "fuel": here.fuel,
        "first": stepper.first,
        "last": stepper.last,
    }
    if isinstance(here, End):
        return Position(**fields, at="end", end=_end(here, blobs, bodies=bodies))
    if here.call < stepper.first:
        return Position(**fields, at="begin")
    if here.recorded is None:
        told = CallShape(
            call=here.call, fuel=here.fuel, sequence=None, function=_CHECK, type=None, arguments={"answer": 0}
        )
        return Position(**fields, at="call", recorded=told)
    return Position(**fields, at="call", recorded=call_of(here.recorded, blobs, bodies=bodies))


def call_of(call: RecordedCall, blobs: BlobStore, *, bodies: bool = False) -> CallShape:
    """A call of the log."""
    fields: dict[str, Any] = {
        "call": call.call,
        "fuel": call.fuel,
        "sequence": call.sequence,
        "function": function_of(call),
        "type": tag_of(call.event) if call.event is not None else None,
        "code": call.code,
        "open": call.is_open,
        "recorded": encode_call(call) if bodies else None,
    }
    if call.asked is not None:
        fields |= {
            "method": call.asked.method,
            "library_id": call.asked.library_id,
            "payload": payload_of(blobs, call.asked.payload),
            "answer": payload_of(blobs, call.answer) if call.answer is not None else None,
        }
    elif isinstance(call.event, CheckpointSaved):
        fields["arguments"] = {"state": payload_of(blobs, call.event.state)}
    elif call.event is not None:
        fields["arguments"] = {name: value for name, value in event_data(call.event).items() if name not in _NUMBERS}
    return CallShape(**fields)


def function_of(call: RecordedCall) -> str:
    """The host function's name."""
    if call.asked is not None:
        return "call"
    return str(event_words(call.event)["function"]) if call.event is not None else _CHECK


def payload_of(blobs: BlobStore, payload: Recorded) -> Any:
    """A payload as JSON where it is JSON, else as text; of a large or a sealed one what may be said of it."""
    if isinstance(payload, Sealed):
        return {"shown": json_or_text(payload.shown), "sealed": payload.key}
    if isinstance(payload, Inline):
        return json_or_text(payload.data) if payload.data else None
    named = {"blob": payload.digest, "size": payload.size}
    if payload.size > _WHOLE:
        return named
    try:
        return json_or_text(blobs.get(payload.digest))
    except StoreError as error:
        return named | {"lost": str(error)}


def runs_of(stepper: Stepper) -> list[RunOfJob]:
    """The job's runs."""
    return [
        RunOfJob(
            run=run.number,
            origin=run.origin,
            first_event=run.after + 1,
            last_event=run.until,
            first_call=run.calls_before + 1,
            last_call=run.last_call,
            attempts=len(run.attempts),
            end=run.end_name,
        )
        for run in stepper.history.runs
    ]


def has_text(call: CallShape, text: str) -> bool:
    """Whether a call has this text, in any case."""
    shown = msgspec.json.encode([call.function, call.method, call.arguments, call.payload, call.answer, call.code])
    return text.casefold() in shown.decode().casefold()


def _end(here: End, blobs: BlobStore, *, bodies: bool) -> EndShape:
    divergence = here.divergence
    return EndShape(
        recorded=event_of(here.recorded, bodies=bodies) if here.recorded is not None else None,
        exit=here.exit.value if here.exit is not None else None,
        error=error_shape_of(here.error) if here.error is not None else None,
        open_call=call_of(here.open_call, blobs, bodies=bodies) if here.open_call is not None else None,
        divergence=DivergenceShape(**msgspec.structs.asdict(divergence)) if divergence is not None else None,
        unreadable=here.unreadable,
    )
