"""Where a request comes from, for the log of requests alone: nothing is decided by what a client says of itself."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope


def peer_of(scope: Scope) -> str:
    """Who is at the other end of the connection; empty for the Unix socket."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def forwarded_of(scope: Scope) -> str:
    """Who is at the other end of the proxy's connection, as the proxy in front says: the last one that it added.

    What stands before that in X-Forwarded-For is what the client said, and may be anything.
    """
    said = Headers(scope=scope).getlist("x-forwarded-for")
    last = said[-1].rpartition(",")[2].strip() if said else ""
    try:
        return str(ipaddress.ip_address(last))
    except ValueError:
        return peer_of(scope)
