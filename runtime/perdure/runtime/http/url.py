"""URLs, read once and strictly: pure.

Programs differ in what they make of ``http:/\\host``, of tabs, of two ``@``. Here such a URL is refused, and what was
read is what is connected to: no other reader sees the text.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urljoin

import msgspec

from perdure.runtime.http.errors import InvalidRequest
from perdure.runtime.http.hosts import DEFAULT_PORTS, entry_for, host_address, host_name, split_port

MAX_URL: Final = 16 * 1024  # characters

_URL: Final = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE)
# C0, space, DEL, C1 and backslash: what some readers drop, and others divide at.
_REFUSED: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
# RFC 3986's characters of a path and a query. A stray percent sign stays as it is: servers see what the guest wrote.
_KEPT: Final = "!$%&'()*+,-./:;=?@_~[]"


class Target(msgspec.Struct, frozen=True):
    """Where a request goes. ``host`` is as `perdure.runtime.http.hosts` compares it; ``path`` has the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The host and, unless it is the scheme's own, the port: what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme and authority, without path and query: these may hold secrets, an origin does not."""
        return f"{self.scheme}://{self.authority}"

    @property
    def entry(self) -> str:
        """The entry of ``network_access`` that allows just this."""
        return entry_for(self.scheme, self.host, self.port)

    def __str__(self) -> str:
        return self.origin + self.path


def parse_url(text: str) -> Target:
    """The place that an absolute ``http`` or ``https`` URL names; its fragment is dropped.

    Raises:
        InvalidRequest: it is no such URL, or one that is read in more than one way. The text does not repeat it.
    """
    if len(text) > MAX_URL:
        raise InvalidRequest("url", f"it has {len(text)} characters, it may have at most {MAX_URL}")
    found = _REFUSED.search(text)
    if found is not None:
        shown = found[0].encode("unicode_escape").decode() if found[0] != " " else "a space"
        raise InvalidRequest("url", f"it has {shown} at {found.start()}; percent-encode it")
    match = _URL.fullmatch(text)
    if match is None:
        raise InvalidRequest("url", "it must begin with https:// or http:// and a host")
    scheme, authority, path, query = match[1].lower(), match[2], match[3], match[4]
    if "@" in authority:
        raise InvalidRequest("url", "it must not have a user or a password; send an Authorization header instead")
    if "%" in authority:
        raise InvalidRequest("url", "its host must not be percent-encoded, nor have a zone")
    try:
        host, port = split_port(authority, scheme)
        if host.startswith("["):
            address = host_address(host[1:-1])
            if address is None or ":" not in address:
                raise ValueError("there is no IPv6 address in the brackets")
            host = address
        else:
            host = host_address(host) or host_name(host)
        path = quote(path or "/", safe=_KEPT) + ("" if query is None else "?" + quote(query, safe=_KEPT))
    except UnicodeEncodeError:
        raise InvalidRequest("url", "it has half a surrogate pair") from None
    except ValueError as error:
        raise InvalidRequest("url", f"its host or port is malformed: {error}") from None
    return Target(scheme, host, port, path)


def resolve_reference(base: Target, reference: str) -> Target:
    """The place that a ``Location`` header names, seen from ``base``.

    Raises:
        ValueError: it names no place. It is checked before it is joined, which would drop tabs and newlines.
    """
    try:
        if not _REFUSED.search(reference):
            return parse_url(urljoin(str(base), reference))
    except ValueError:  # urljoin's, and InvalidRequest: but it was not the guest who wrote this
        pass
    raise ValueError("its redirect leads to no valid http URL")
