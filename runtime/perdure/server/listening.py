"""The sockets that the server listens on."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import stat
from pathlib import Path
from typing import Final

from perdure.api.errors import CannotListen
from perdure.api.unix_socket import short_name, socket_path
from perdure.server.settings import ServerSettings
from perdure.server.tls import tls_of

_BACKLOG: Final = 1024


def listen_tcp(settings: ServerSettings) -> socket.socket:
    """The address that clients and browsers use.

    Raises:
        CannotListen: it is not this machine's alone, and nothing encrypts what goes there; or it is taken; or
            certificate and key are of no use.
    """
    tls_of(settings)
    address = f"{settings.host}:{settings.port}"
    if not is_loopback(settings.host) and not settings.behind_proxy and settings.certificate is None:
        raise CannotListen(
            address,
            "others could read tokens on the way: give --certificate and --private-key, "
            "or --behind-proxy if a proxy in front does TLS",
        )
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(_BACKLOG)
    except OSError as error:
        raise CannotListen(address, error.strerror or str(error)) from None
    return listening


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen_unix(data: Path) -> socket.socket:
    """The owner's entrance: a Unix socket in the data folder that nobody else may open.

    Call it with the folder's lock held: a socket that is there is then one that a dead process left.

    Raises:
        CannotListen: it cannot be made.
    """
    path = socket_path(data)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
        before = os.umask(0o177)
        try:
            with short_name(path) as name:
                listening.bind(name)
        finally:
            os.umask(before)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise CannotListen(str(path), error.strerror or str(error)) from None
    return listening
