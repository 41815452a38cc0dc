"""What follows from a redirect: pure, by RFC 9110 (15.4) and what browsers do."""

from __future__ import annotations

from typing import Final

import msgspec

from perdure.runtime.http.headers import Headers, without_body_headers, without_credentials
from perdure.runtime.http.url import Target, resolve_reference

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Hop(msgspec.Struct, frozen=True):
    """One request of a chain. ``body`` is None when none is sent."""

    method: str
    target: Target
    headers: Headers
    body: bytes | None


def is_redirect(status: int) -> bool:
    """Whether an answer leads on if it says where to; 300 and 304 are answers like any other."""
    return status in _REDIRECTS


def next_hop(hop: Hop, status: int, location: str) -> Hop:
    """The request that a redirect asks for.

    303 turns everything but HEAD into GET, 301 and 302 only POST; 307 and 308 repeat the request as it is.
    Authorization and cookies stay behind when the origin (scheme, host or port) changes.

    Raises:
        ValueError: ``location`` is no http URL.
    """
    target = resolve_reference(hop.target, location)
    method, headers, body = hop.method, hop.headers, hop.body
    if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):
        method, headers, body = "GET", without_body_headers(headers), None
    if target.origin != hop.target.origin:
        headers = without_credentials(headers)
    return Hop(method, target, headers, body)
