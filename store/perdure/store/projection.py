"""The state that is kept beside each stream, folded in the transaction that appends to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from perdure.store import extension_state, job_evolution, job_state, runtime_state
from perdure.store.errors import BadEvent, CorruptLog, IllegalTransition
from perdure.store.events import (
    RUNTIME_STREAM,
    UNREADABLE,
    Event,
    ExtensionEvent,
    JobDispatched,
    JobEvent,
    RuntimeEvent,
    event_base,
    job_stream,
    tag_of,
)
from perdure.store.extension_state import ExtensionState
from perdure.store.job_state import JobState
from perdure.store.runtime_state import RuntimeState

State = JobState | ExtensionState | RuntimeState

_job = msgspec.msgpack.Decoder(JobState)
_extension = msgspec.msgpack.Decoder(ExtensionState)
_runtime = msgspec.msgpack.Decoder(RuntimeState)
_encoder = msgspec.msgpack.Encoder()


def project(stream: str, state: State | None, events: Iterable[tuple[Event, int, int]]) -> State | None:
    """The stream's state after more ``(event, sequence, time)``; ``state`` is left as it was.

    Jobs, extensions and the runtime have a state; the streams of libraries and calls have none.

    Raises:
        IllegalTransition: a job's status does not allow one of the events.
        BadEvent: an event does not belong on this stream.
    """
    # The name of a stream that has a state was looked at when it came to be.
    base: type[Event] = JobEvent if isinstance(state, JobState) else event_base(stream)
    if base is JobEvent:
        current = job_state.copy(state) if isinstance(state, JobState) else None
        for event, sequence, time in events:
            if not isinstance(event, JobEvent):
                raise BadEvent(stream, f"{type(event).__name__} is not a job's event")
            if current is None:
                if not isinstance(event, JobDispatched):
                    raise IllegalTransition(stream.removeprefix("job:"), "unknown", tag_of(event))
                if job_stream(event.job_id) != stream:
                    raise BadEvent(stream, f"it dispatches job {event.job_id}")
            current = job_evolution.apply(current, event, sequence, time)
        return current
    for event, sequence, time in events:
        if not isinstance(event, base):
            raise BadEvent(stream, f"{type(event).__name__} is not an event of this kind of stream")
        if base is RuntimeEvent:
            state = runtime_state.evolve(state if isinstance(state, RuntimeState) else None, event, sequence, time)
        elif base is ExtensionEvent:
            state = extension_state.evolve(state if isinstance(state, ExtensionState) else None, event, sequence, time)
    return state


def encode_state(state: State | None) -> bytes:
    """The bytes a state is kept as; empty for none."""
    return b"" if state is None else _encoder.encode(state)


def decode_state(stream: str, data: bytes | memoryview) -> State | None:
    """The state that ``data`` holds.

    Raises:
        CorruptLog: the bytes are no state of this kind of stream.
    """
    if not data:
        return None
    decoder: msgspec.msgpack.Decoder[JobState] | msgspec.msgpack.Decoder[ExtensionState]
    decoder = _job if stream.startswith("job:") else _extension
    try:
        return _runtime.decode(data) if stream == RUNTIME_STREAM else decoder.decode(data)
    except UNREADABLE as error:
        raise CorruptLog(f"the projection of {stream}", str(error)) from None


def is_as_kept(data: bytes | memoryview, state: State | None) -> bool:
    """Whether ``data`` say what `encode_state` says of this state, and nothing else.

    Fields may be missing: an older perdure did not know them. Decoding alone would pass over one with a wrong name.
    """
    if not data:
        return state is None
    try:
        return _is_within(msgspec.msgpack.decode(data), _all_fields(state))
    except (*UNREADABLE, TypeError):  # a map whose keys are maps
        return False


def _all_fields(state: State | None) -> Any:
    """What a state's bytes can say: equal states may leave out different defaults, an own 0.0 is not the default's."""
    if state is None:
        return None
    return {name: msgspec.msgpack.decode(_encoder.encode(getattr(state, name))) for name in state.__struct_fields__}


def _is_within(kept: Any, fresh: Any) -> bool:
    if isinstance(kept, dict) and isinstance(fresh, dict):
        return all(name in fresh and _is_within(value, fresh[name]) for name, value in kept.items())
    if isinstance(kept, list) and isinstance(fresh, list):
        return len(kept) == len(fresh) and all(map(_is_within, kept, fresh))
    return bool(kept == fresh)
