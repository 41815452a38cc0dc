"""The addresses of a host that a connection may be made to, looked up once and judged."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

from perdure.runtime.http.addresses import Address, Network, parse_address, refusal
from perdure.runtime.http.errors import AddressNotAllowed, HostUnreachable
from perdure.runtime.http.hosts import is_address
from perdure.runtime.http.resolver import Resolver

MAX_ADDRESSES: Final = 8
_UNKNOWN_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


async def checked_addresses(resolver: Resolver, opened: Sequence[Network], host: str, port: int) -> Sequence[Address]:
    """The addresses of ``host`` that are public, or of an ``opened`` network; at least one, best first.

    Raises:
        AddressNotAllowed: it has none that may be connected to.
        HostUnreachable: it has none at all.
    """
    if is_address(host):
        found: Sequence[Address] = (parse_address(host),)
    else:
        try:
            found = await resolver.resolve(host, port)
        except socket.gaierror as error:
            unknown = error.errno in _UNKNOWN_NAME
            reason = "its name is unknown" if unknown else "its name cannot be looked up now"
            raise HostUnreachable(host, reason) from error
        except OSError as error:
            raise HostUnreachable(host, "its name cannot be looked up now") from error
    judged = [(address, refusal(address, opened)) for address in found]
    allowed = [address for address, reason in judged if reason is None][:MAX_ADDRESSES]
    refused = tuple(dict.fromkeys(reason for _, reason in judged if reason is not None))
    if not allowed and refused:
        raise AddressNotAllowed(host, refused)
    if not allowed:
        raise HostUnreachable(host, "its name has no address")
    return allowed
