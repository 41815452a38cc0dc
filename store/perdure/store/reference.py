"""``python3 -m perdure.store.reference > docs/events.md``: the reference of all events, from their definitions."""

from __future__ import annotations

import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.store import events as ev
from perdure.store.frame import MAX_FRAME_EVENTS

_VALUES: Final[tuple[type[msgspec.Struct], ...]] = (
    ev.Inline,
    ev.BlobRef,
    ev.Sealed,
    ev.RowWrite,
    ev.JobLimits,
    ev.RetryPolicy,
    ev.JobError,
    ev.LimitUse,
    ev.WasmFrame,
    ev.JobType,
)
_STREAMS: Final[tuple[tuple[type[ev.Event], str, str], ...]] = (
    (ev.JobEvent, ev.job_stream("ID"), "what happened to one job, and what its guest did"),
    (ev.ExtensionEvent, ev.extension_stream("ID"), "what happened to one extension"),
    (ev.LibraryEvent, ev.library_stream("ID"), "what happened in one library that others may want to know"),
    (ev.CallEvent, ev.CALLS_STREAM, "the operations that no job called but the host itself"),
    (
        ev.AccessEvent,
        ev.access_stream("ABOUT"),
        "who may use the server (`access`), and what clients asked for (`access:job:ID`, `access:extension:ID`, "
        "`access:runtime`)",
    ),
    (ev.RuntimeEvent, ev.RUNTIME_STREAM, "the processes that held the folder, and the machine code they made"),
)
_PLAIN: Final[dict[Any, str]] = {
    str: "text",
    int: "integer",
    float: "float",
    bool: "boolean",
    bytes: "bytes",
    UUID: "UUID",
    type(None): "nil",
    ev.JsonObject: "JSON object",
    ev.Payload: "[`Inline`](#inline) or [`BlobRef`](#blobref)",
    ev.Recorded: "[`Inline`](#inline), [`BlobRef`](#blobref) or [`Sealed`](#sealed)",
}

_HEAD: Final = f"""\
# Events

Made from their definitions by `python3 -m perdure.store.reference > docs/events.md`; a test fails when it is stale.

An event is one fact, in the past tense, and never changes. It is stored as a msgpack array: its type, then its fields
in the order of the tables below, for example `["items", 6, 1200, 7]`. UUIDs are text of 36 characters, sizes are in
bytes, fuel is in wasmtime's units. What was shipped can be read for ever: a new shape of an event gets a type of its
own (`items.2`), and `perdure.store.upcast` turns the old one into it when it is read.

*Durable*: whoever stated the fact is answered after the commit that holds it is synced. *Buffered*: it is on disk, in
order, with the next durable event or within 20 ms. The log is always a prefix of what happened.

Around each event the log keeps its `sequence` in its stream (1, 2, 3 …), its `position` in the whole log, its `time`
(microseconds since 1970, UTC), and a hash that chains it to the event before it in its stream: BLAKE2b-256,
personalised `perdure-chain-1`, of that event's hash, `sequence` (u64, big-endian), `time` (i64, big-endian) and the
event's bytes; before the first event stands the hash of the stream's name. Events that were appended together share a
frame, up to {MAX_FRAME_EVENTS:,} of them (ADR 0002). Payloads over {ev.INLINE_LIMIT // 1024} KiB are in the blob store.
"""


def reference() -> str:
    """The page, in Markdown."""
    parts = [_HEAD, "## Streams\n", _table(("stream", "holds"), [(f"`{name}`", holds) for _, name, holds in _STREAMS])]
    parts += [
        "## All events\n",
        _table(("type", "class", "stream", "class of durability"), map(_row, ev.EVENT_TYPES)),
    ]
    for base, name, _ in _STREAMS:
        parts.append(f"## Events of `{name}`\n")
        if base is ev.JobEvent:
            _, _, about = _text(ev.GuestEvent).partition("\n\n")
            parts.append(f"What a guest's host calls leave there begins with the same two fields.\n{about}\n")
        parts += [_section(kind) for kind in ev.EVENT_TYPES if issubclass(kind, base)]
    parts.append("## Values in events\n")
    parts += [_value(kind) for kind in _VALUES]
    parts.append("## Kinds of errors\n")
    parts.append(textwrap.fill(f"`JobError.kind` is one of {', '.join(f'`{kind}`' for kind in ev.ERROR_KINDS)}.", 120))
    return "\n".join(parts) + "\n"


def _row(kind: type[ev.Event]) -> tuple[str, ...]:
    tag = ev.tag_of(kind)
    durability = "durable" if ev.is_durable(kind) else "buffered"
    return f"[`{tag}`](#{tag})", f"`{kind.__name__}`", f"`{_stream_of(kind)}`", durability


def _stream_of(kind: type[ev.Event]) -> str:
    return next(name for base, name, _ in _STREAMS if issubclass(kind, base))


def _section(kind: type[ev.Event]) -> str:
    parts = [f"### {ev.tag_of(kind)}\n", f"`{kind.__name__}`. {_text(kind)}\n"]
    if kind.__struct_fields__:
        parts.append(_fields(kind))
    return "\n".join(parts)


def _value(kind: type[msgspec.Struct]) -> str:
    config = kind.__struct_config__
    shape = "A map." if not config.array_like else "An array."
    if config.tag is not None:
        shape = f"An array that begins with `{config.tag}`."
    return "\n".join([f"### {kind.__name__}\n", f"{_text(kind)} {shape}\n", _fields(kind)])


def _fields(kind: type[msgspec.Struct]) -> str:
    hints = typing.get_type_hints(kind)
    rows = []
    for field in msgspec.structs.fields(kind):
        default = f", {_default(field)} unless given" if not field.required else ""
        rows.append((f"`{field.name}`", f"{_type(hints[field.name])}{default}"))
    return _table(("field", "type"), rows)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is msgspec.NODEFAULT or field.default == ():
        return "empty"
    if isinstance(field.default, int | float):
        return f"{field.default:,}"
    return "nil" if field.default is None else f"`{field.default}`"


def _type(hint: Any) -> str:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint in _VALUES:
        return f"[`{hint.__name__}`](#{hint.__name__.lower()})"
    arguments = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        return " or ".join(_type(argument) for argument in arguments)
    if typing.get_origin(hint) is dict:
        return f"map of {_type(arguments[0])} to {_type(arguments[1])}"
    if typing.get_origin(hint) is tuple:
        return f"array of {_type(arguments[0])}"
    raise TypeError(f"the reference has no name for {hint}")


def _text(kind: type[msgspec.Struct]) -> str:
    return inspect.cleandoc(kind.__doc__ or "").replace("``", "`")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    sys.stdout.write(reference())
