"""Events over HTTP: as they are in the log, with their fields as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from perdure.api.times import moment_of, time_of
from perdure.store.event_store import StoredEvent
from perdure.store.events import decode, tag_of
from perdure.store.export import event_data
from perdure.store.upcast import upcast


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact of the log (docs/events.md).

    Payloads are text where they are UTF-8; of sealed ones there is what may be shown.
    ``previous`` and ``hash`` are of the stream's chain, in hexadecimal digits. ``body`` holds the bytes that are
    stored, if they were asked for.
    """

    position: Annotated[int, Meta(description="Its place in the whole log.")]
    stream: str
    sequence: Annotated[int, Meta(description="Its place in its stream.")]
    time: datetime
    type: Annotated[str, Meta(description="Its name in the log, like `checkpoint`.")]
    data: dict[str, Any]
    previous: str
    hash: str
    body: bytes | None = None


class HistoryEvent(Event, frozen=True, kw_only=True):
    """An event of a job; ``superseded``: the guest did it again after falling back to a checkpoint."""

    superseded: bool


def event_of(stored: StoredEvent, *, bodies: bool = False) -> Event:
    """An event, for the wire."""
    return Event(**_fields(stored, bodies=bodies))


def history_event_of(stored: StoredEvent, *, superseded: bool, bodies: bool = False) -> HistoryEvent:
    """An event of a job, for the wire."""
    return HistoryEvent(**_fields(stored, bodies=bodies), superseded=superseded)


def stored_of(event: Event) -> StoredEvent:
    """The event as the log has it; its body must have been asked for.

    Raises:
        BadEvent: its body is that of no known event, or not there.
    """
    body = event.body or b""
    return StoredEvent(
        position=event.position,
        stream=event.stream,
        sequence=event.sequence,
        time=time_of(event.time),
        # the table's values are members of AnyEvent
        event=upcast(decode(body, event.stream)),  # type: ignore[arg-type]
        body=body,
        previous=bytes.fromhex(event.previous),
        hash=bytes.fromhex(event.hash),
    )


def _fields(stored: StoredEvent, *, bodies: bool) -> dict[str, Any]:
    return {
        "position": stored.position,
        "stream": stored.stream,
        "sequence": stored.sequence,
        "time": moment_of(stored.time),
        "type": tag_of(stored.event),
        "data": event_data(stored.event),
        "previous": stored.previous.hex(),
        "hash": stored.hash.hex(),
        "body": stored.body if bodies else None,
    }
