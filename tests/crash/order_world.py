"""What lies outside of a runtime in the campaign of orders: an HTTP server and a file. Neither is ever killed."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

ONCE: Final = "/once"  # remembers the keys of requests, and does nothing for one that it knows
PLAIN: Final = "/plain"  # does what it is asked, each time


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that died before they had their answer: that is what this is for."""


class OrderServer:
    """Takes orders over HTTP, on a port of its own; in a thread of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, str] = {}
        self._orders: dict[str, Counter[str]] = {ONCE: Counter(), PLAIN: Counter()}
        self.repeated = 0  # requests whose key was known
        self._server = _Quiet(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return int(self._server.server_address[1])

    def orders(self, path: str) -> Counter[str]:
        """How often each order was carried out."""
        with self._lock:
            return Counter(self._orders[path])

    def _take(self, path: str, order: str, key: str) -> str:
        with self._lock:
            if path == ONCE:
                if key in self._keys:
                    self.repeated += 1
                    return self._keys[key]
                self._keys[key] = order
            self._orders[path][order] += 1
            return order

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name is http.server's
                wanted = int(self.headers["Content-Length"])
                order = self.rfile.read(wanted).decode()
                if len(order) != wanted:
                    return  # whoever sent it died in the middle of it: it is no order
                self._answer(world._take(self.path, order, self.headers.get("Idempotency-Key", "")))

            def do_GET(self) -> None:  # the name is http.server's
                self._answer(json.dumps(world.orders(self.path)))

            def _answer(self, text: str) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def send(port: int, path: str, order: str, key: str = "") -> str:
    """Order over HTTP; returns the server's answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, order.encode(), {"Idempotency-Key": key})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def asked(port: int, path: str) -> Counter[str]:
    """What the server has carried out."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return Counter(json.loads(connection.getresponse().read()))
    finally:
        connection.close()


def append_line(path: Path, line: str) -> None:
    """Write a line to a file that is not perdure's."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)


def lines_of(path: Path) -> Counter[str]:
    """How often each line stands in the file."""
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()
