"""A client that sends whatever it is given, byte for byte."""

from __future__ import annotations

import contextlib
import json
import socket
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import TIMEOUT


class RawClient:
    """A connection to a server on this machine. A context manager."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)

    def send(self, data: bytes) -> bool:
        """Send it; whether the server still wanted it."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def read_to_end(self) -> bytes:
        """What comes until the server closes; empty if it takes back what it said."""
        parts = []
        with contextlib.suppress(ConnectionError):
            while part := self.socket.recv(1 << 16):
                parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Said:
    """An answer, as far as it is HTTP."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        self.status = int(first.split(b" ")[1]) if first.startswith(b"HTTP/1.1 ") else 0
        self.headers = {
            name.decode().lower(): value.strip().decode() for name, _, value in (line.partition(b":") for line in lines)
        }

    @property
    def problem(self) -> Any:
        """The problem that it tells of."""
        assert self.headers["content-type"] == "application/problem+json", self.headers
        return json.loads(self.body)


def ask(port: int, data: bytes) -> Said:
    """What a server says to this, and then closes."""
    with RawClient(port) as client:
        client.send(data)
        return Said(client.read_to_end())
