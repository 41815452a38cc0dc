"""A real server of HTTP and HTTPS on loopback, whose pages are Python functions, and its certificate authority."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import trustme

from perdure.runtime.http.addresses import Address


class Seen(msgspec.Struct):
    """A request that reached the server; header names in lowercase."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


class Visit:
    """One request, for the page that answers it."""

    def __init__(self, server: WebServer, handler: BaseHTTPRequestHandler, seen: Seen) -> None:
        self.server, self.seen = server, seen
        self.connection: socket.socket = handler.connection
        self._handler = handler

    def reply(self, status: int = 200, body: bytes = b"", *headers: tuple[str, str]) -> None:
        """A whole answer."""
        self.begin(status, *headers, ("Content-Length", str(len(body))))
        if self.seen.method != "HEAD":
            self.write(body)

    def begin(self, status: int, *headers: tuple[str, str]) -> None:
        """Its head only; `write` sends the rest."""
        self._handler.send_response_only(status)
        for name, value in headers:
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def hang(self) -> None:
        """Until the test is over."""
        self._handler.close_connection = True
        self.server.over.wait(60)


Page = Callable[[Visit], None]


def _not_found(visit: Visit) -> None:
    visit.reply(404)


class WebServer:
    """Serves ``pages`` by path (without the query).

    Every request is noted in ``seen``, every connection counted, and in ``open`` while it is.
    """

    def __init__(self, pages: dict[str, Page], tls: ssl.SSLContext | None, address: str) -> None:
        self.pages, self.seen, self.connections = pages, list[Seen](), 0
        self.open = set[socket.socket]()
        self.written = 0  # bytes, counted by pages that want to
        self.over = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                owner.connections += 1
                owner.open.add(self.connection)

            def finish(self) -> None:
                super().finish()
                owner.open.discard(self.connection)

            def visit(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = [(name.lower(), value) for name, value in self.headers.items()]
                seen = Seen(self.command, self.path, headers, self.rfile.read(length))
                owner.seen.append(seen)
                owner.pages.get(self.path.partition("?")[0], _not_found)(Visit(owner, self, seen))

            def log_message(self, *args: Any) -> None:
                return

            def __getattr__(self, name: str) -> Callable[[], None]:
                if name.startswith("do_"):  # every method there is
                    return self.visit
                raise AttributeError(name)

        class Server(ThreadingHTTPServer):
            daemon_threads = False
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

            def handle_error(self, request: Any, client_address: Any) -> None:
                return  # a client that goes away in the middle is what some tests are about

        self._http = Server((address, 0), Handler)
        if tls is not None:
            # The handshake in the connection's own thread: one that fails must not stop the server.
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), name="web-server")
        self._thread.start()

    def close(self) -> None:
        self.over.set()
        self._http.shutdown()
        self._thread.join()
        for connection in list(self.open):  # those that clients keep for a next request
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()


class Authority:
    """A certificate authority of the test's own; ``file`` is what a client has to trust."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def server_context(self, *names: str) -> ssl.SSLContext:
        """For a server with these names and addresses in its certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context


@contextmanager
def web_server(
    pages: dict[str, Page], tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> Iterator[WebServer]:
    """A server until the end of the block."""
    server = WebServer(pages, tls, address)
    try:
        yield server
    finally:
        server.close()


class Names:
    """A `perdure.runtime.http.resolver.Resolver` with the names of a test; ``asked`` has each lookup.

    A name with several answers gives them one lookup after the other, the last one for ever.
    """

    def __init__(self, **addresses: Sequence[str] | Sequence[Sequence[str]]) -> None:
        self._answers = {
            name.replace("_", "."): [[*answer]] if all(isinstance(a, str) for a in answer) else [[*a] for a in answer]
            for name, answer in addresses.items()
        }
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        answers = self._answers.get(host)
        if answers is None:
            raise OSError(f"no such name: {host}")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return [ip_address(text) for text in answer]
