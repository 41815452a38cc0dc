"""Which names a request may be sent to, and which pages it may come from. Pure.

A page of a stranger whose name is made to mean 127.0.0.1 ("DNS rebinding") sends its own name as Host, so only the
server's own names are taken. A page of another server says so in Origin, and browsers in Sec-Fetch-Site (W3C Fetch
Metadata): both are refused, whatever is asked for. There is no CORS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final

from perdure.api.errors import WrongHost, WrongOrigin

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ANYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # what an operator may have given
_OWN: Final = frozenset({"same-origin", "none"})
_PORTS: Final = (":80", ":443")


class Hosts:
    """The names of a server.

    Args:
        listens_on: its address.
        allowed: more names, as an operator gives them: ``perdure.example``, with or without a port.
    """

    def __init__(self, listens_on: str, allowed: Iterable[str] = ()) -> None:
        self._names = ({host_of(name) for name in allowed} | _LOOPBACK) - {""}
        self._anywhere = listens_on in _ANYWHERE
        if not self._anywhere:
            self._names.add(host_of(f"[{listens_on}]" if ":" in listens_on else listens_on))

    def check(self, verb: str, path: str, headers: Mapping[str, str]) -> None:
        """Make sure that a request is meant for this server, and does not come from a page of another one.

        Raises:
            WrongHost: it is meant for another.
            WrongOrigin: it comes from such a page.
        """
        host = headers.get("host", "")
        if not self._is_own(host):
            raise WrongHost("Host")
        origin = headers.get("origin")
        if origin is not None and not self._is_own_origin(origin, host):
            raise WrongOrigin("Origin")
        site = headers.get("sec-fetch-site")
        if site is not None and site not in _OWN and not _is_a_visit(verb, path, headers):
            raise WrongOrigin("Sec-Fetch-Site")

    def _is_own(self, host: str) -> bool:
        name = host_of(host)
        # Whoever listens on all addresses of a machine is called by each of them; a name can be rebound, a number not.
        return name in self._names or (self._anywhere and _is_number(name))

    def _is_own_origin(self, origin: str, host: str) -> bool:
        scheme, separator, place = origin.lower().partition("://")
        if not separator or scheme not in ("http", "https"):
            return False  # "null", too: a sandboxed frame, a file
        # A proxy may have put its own name for this server into Host.
        return _plain(place) == _plain(host.lower()) or (host_of(place) in self._names - _LOOPBACK)


def host_of(authority: str) -> str:
    """``localhost`` of ``LOCALHOST:7373``, ``::1`` of ``[::1]:7373``; empty for what is none."""
    text = authority.strip().lower()
    if text.startswith("["):
        name, bracket, port = text[1:].partition("]")
        return name if bracket and _is_port(port) else ""
    name, colon, port = text.partition(":")
    return name.rstrip(".") if _is_port(colon + port) else ""


def _is_port(text: str) -> bool:
    return not text or (text.startswith(":") and text[1:].isascii() and text[1:].isdigit())


def _plain(authority: str) -> str:
    return next((authority.removesuffix(port) for port in _PORTS if authority.endswith(port)), authority)


def _is_a_visit(verb: str, path: str, headers: Mapping[str, str]) -> bool:
    """Whether somebody followed a link from elsewhere to a page, which without a token shows nothing."""
    goes = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return verb in ("GET", "HEAD") and goes and not path.startswith(("/v1/", "/graphql"))


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
