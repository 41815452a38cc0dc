"""The log as JSON lines, for other programs and for people.

One line an event: ``position``, ``stream``, ``sequence``, ``time`` (RFC 3339, UTC, microseconds), ``type``, ``data``,
``previous`` and ``hash`` (hex), and ``body`` (base64 of the stored bytes), so that the chain can be checked from the
export alone. Payloads appear as text where they are UTF-8, else as base64. Of a sealed one there is what may be shown
of it, and the id of its key: ``{"shown": "…", "sealed": "…"}``; its ciphertext is only in ``body``.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from perdure.store.event_store import StoredEvent
from perdure.store.events import BlobRef, Event, Inline, Sealed, tag_of


def timestamp(time: int) -> str:
    """``time`` (microseconds since 1970) as RFC 3339 in UTC."""
    # Not by a float: it has too few digits for a year far off.
    seconds, microseconds = divmod(time, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def as_json(stored: StoredEvent) -> dict[str, Any]:
    """The event as a JSON object; its fields are in the module's docstring."""
    return {
        "position": stored.position,
        "stream": stored.stream,
        "sequence": stored.sequence,
        "time": timestamp(stored.time),
        "type": tag_of(stored.event),
        "data": event_data(stored.event),
        "previous": stored.previous.hex(),
        "hash": stored.hash.hex(),
        "body": base64.b64encode(stored.body).decode(),
    }


def event_data(event: Event) -> dict[str, Any]:
    """An event's fields as a JSON object."""
    return {name: _plain(getattr(event, name)) for name in event.__struct_fields__}


def export_lines(events: Iterable[StoredEvent]) -> Iterator[str]:
    """One line of JSON an event, without the line's end."""
    encode = msgspec.json.Encoder().encode
    return (encode(as_json(stored)).decode() for stored in events)


def _plain(value: object) -> Any:
    if isinstance(value, Inline):
        return _text(value.data)
    if isinstance(value, Sealed):
        return {"shown": _text(value.shown), "sealed": value.key}
    if isinstance(value, BlobRef):
        return {"blob": value.digest, "size": value.size}
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return msgspec.to_builtins(value)


def _text(data: bytes) -> Any:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
