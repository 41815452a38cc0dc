"""The metrics as text, and the small HTTP server that Prometheus scrapes."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from perdure.metrics.errors import AddressUnavailable

logger = logging.getLogger(__name__)

_OPENMETRICS: Final = "application/openmetrics-text"
_VERSIONS: Final = ("1.0.0", "0.0.1")  # what Prometheus asks for, and means the same by
_END: Final = b"# EOF\n"  # of OpenMetrics
_TEXT: Final = frozenset({"text/plain", "text/*", "*/*"})
_IDLE: Final = 10.0  # seconds a client may keep its connection waiting
_POLL: Final = 0.1  # seconds until a close is noticed


def render(registry: CollectorRegistry, accept: str | None = None) -> tuple[bytes, str]:
    """Everything in ``registry`` as text.

    Args:
        registry: for example `PrometheusHooks.registry`.
        accept: the request's Accept header. OpenMetrics 1.0 for those who prefer it, else Prometheus' text format.

    Returns:
        The body, in UTF-8, and its content type.
    """
    # The encoder's own choice takes any version for an answer and puts it into the content type.
    encode, content_type = choose_encoder(_OPENMETRICS if _prefers_openmetrics(accept or "") else "")
    return encode(registry), content_type


def render_with(head: bytes, families: Iterable[Metric], accept: str | None = None) -> tuple[bytes, str]:
    """The same for families that are in no registry, behind what `render` made of others for the same ``accept``."""
    registry = CollectorRegistry()
    registry.register(_Families(list(families)))
    body, content_type = render(registry, accept)
    return head.removesuffix(_END) + body, content_type


class _Families(Collector):
    """Families that are there already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _prefers_openmetrics(accept: str) -> bool:
    openmetrics = text = 0.0
    for item in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in item.split(";"))
        values = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        quality = _quality(values.get("q", "1"))
        if media_type == _OPENMETRICS and values.get("version", _VERSIONS[0]) in _VERSIONS:
            openmetrics = max(openmetrics, quality)
        elif media_type in _TEXT:
            text = max(text, quality)
    return openmetrics > 0 and openmetrics >= text


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0  # not a number is neither


class MetricsServer:
    """Serves ``/metrics`` (and ``/healthz``) over HTTP from construction to `close`. A context manager.

    It is for Prometheus on the same machine or a network of friends: no encryption, no passwords, and reachable from
    this machine only unless ``host`` says otherwise.

    Attributes:
        host: where it listens, as asked for.
        port: where it listens; the port found, when 0 was asked for.

    Raises:
        AddressUnavailable: somebody else listens there, or there is no such address.
    """

    def __init__(self, registry: CollectorRegistry, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        if not 0 <= port <= 65_535:
            raise AddressUnavailable(host, port, OSError(errno.EINVAL, "a port is a number from 0 to 65535"))
        try:
            self._server = _Server(registry, host, port)
        except OSError as error:
            raise AddressUnavailable(host, port, error) from None
        self.port: int = self._server.server_address[1]
        self._closing = threading.Lock()
        self._closed = False
        # A daemon: an embedder that forgets to close must still be able to end.
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL,), name="perdure-metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening. Idempotent and thread-safe; answers that have begun are finished on threads of their own."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    """One thread a request, none of which keeps the process from ending."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self.registry = registry
        # The family has to be known before there is a socket, and depends on the host: 127.0.0.1, ::1, a name.
        self.address_family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        super().__init__((str(address[0]), port), _Handler)

    def server_bind(self) -> None:
        """Bind, without asking the name service what this address is called."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away, most likely."""
        logger.debug("a request from %s was not answered", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "perdure"
    sys_version = ""
    timeout = _IDLE

    def do_GET(self) -> None:
        """Answer a GET or, without the body, a HEAD."""
        path = urlsplit(self.path).path
        if path == "/metrics":
            try:
                body, content_type = render(self.server.registry, ", ".join(self.headers.get_all("Accept", [])))
            except Exception:
                # The registry may be the embedder's, with collectors of which nothing is known here.
                logger.exception("the metrics could not be collected")
                self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"the metrics could not be collected; see the log\n")
            else:
                self._answer(HTTPStatus.OK, body, content_type)
        elif path == "/healthz":
            self._answer(HTTPStatus.OK, b"ok\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"not found; the metrics are at /metrics\n")

    do_HEAD = do_GET  # noqa: N815  # the name is http.server's

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Not on stderr, which may be the embedder's user's."""
        logger.debug(format, *args)
