"""Server-sent events, read from bytes as they come (WHATWG HTML, section 9.2.6). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """One message; ``id`` is the last that was given, empty if none was."""

    id: str
    event: str
    data: bytes


class EventStream:
    """Takes bytes, gives messages. ``last_id`` is what `Last-Event-ID` has to be to go on behind the last one."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self._rest = b""
        self._id = last_id
        self._event = ""
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that these bytes complete."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for each in lines:
            line = each.removesuffix(b"\r")
            if not line:
                message = self._dispatch()
                if message is not None:
                    yield message
            elif not line.startswith(b":"):
                self._take(line)

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode(errors="replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode(errors="replace")

    def _dispatch(self) -> Message | None:
        self.last_id = self._id
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        return Message(self._id, event, b"\n".join(data)) if data else None
