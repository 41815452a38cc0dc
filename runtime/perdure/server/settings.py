"""What an operator may choose of the server. The defaults suit a server that only this machine reaches."""

from __future__ import annotations

from typing import Literal

import msgspec

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds.

    Attributes:
        host, port: where it listens; port 0 takes a free one.
        allowed_hosts: names under which clients may call it, beside the address it listens on and ``localhost``.
        behind_proxy: a proxy in front of it does TLS, and is the only one that reaches it.
        certificate, private_key: files in PEM, for TLS of its own.
        max_body: of a request; uploads of packages may have ``max_upload``.
        max_bodies: of all requests at once that are not uploads.
        max_head: of a request's head.
        header_seconds: how long a request's head may take to come.
        body_seconds: how long its body may take; a second more for each 64 KiB that came.
        write_seconds: how long a client may take none of what it is sent.
        idle_seconds: how long a connection may wait for its next request.
        answer_seconds: how long a read may take.
        connections: how many there may be at once; one more takes the place of one that waits, or is closed.
        connections_of_address: how many of one address, unless it is this machine's own or the proxy's.
        requests: how many may be worked on at once.
        memory: that the web process may have of its own; beyond, requests fail; if it ends, it is started again.
        watchers: how many of them may be watching events.
        grace: how long requests that are being worked on may take once the server is told to stop.
        drain: how long before that ``/readyz`` says so while clients are still let in, for a balancer to notice.
        metrics_open: whether ``/metrics`` needs no token.
        log_format, log_level: of what the processes say on standard error.
    """

    host: str = "127.0.0.1"
    port: int = 7373
    allowed_hosts: tuple[str, ...] = ()
    behind_proxy: bool = False
    certificate: str | None = None
    private_key: str | None = None
    max_body: int = 16 << 20
    max_upload: int = 256 << 20
    max_bodies: int = 128 << 20
    max_head: int = 32 << 10
    header_seconds: float = 10.0
    body_seconds: float = 60.0
    write_seconds: float = 30.0
    idle_seconds: float = 30.0
    answer_seconds: float = 60.0
    connections: int = 4096
    connections_of_address: int = 512
    requests: int = 1024
    memory: int = 2 << 30
    watchers: int = 2048
    grace: float = 5.0
    drain: float = 0.0
    metrics_open: bool = False
    log_format: LogFormat = "text"
    log_level: LogLevel = "info"


class WebOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine tells the web process at its start.

    ``link``, ``tcp`` and ``unix`` are file descriptors that it inherits; ``port`` is the one that was found;
    ``restarts`` is how often the web process was started again before.
    """

    data: str
    settings: ServerSettings
    link: int
    tcp: int
    unix: int
    port: int
    restarts: int = 0
