"""Which addresses may be connected to: pure.

What is not plainly an address of the public internet is refused, unless the embedder opened its network. Addresses that
carry another one in themselves (mapped IPv4, NAT64, 6to4) are judged by that one, so that no notation gets around this.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's special-purpose registries, most telling first. Not `is_global`: what that says moved between Python versions.
_IPV4: Final = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("127.0.0.0/8", "loopback"),
        ("10.0.0.0/8", "private"),
        ("172.16.0.0/12", "private"),
        ("192.168.0.0/16", "private"),
        ("169.254.0.0/16", "link-local"),
        ("100.64.0.0/10", "shared between customers of a carrier"),
        ("168.63.129.16/32", "a cloud host's"),  # Azure's agent, on an address that looks public
        ("0.0.0.0/8", "unspecified"),
        ("224.0.0.0/4", "multicast"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("198.18.0.0/15", "reserved"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("240.0.0.0/4", "reserved"),
    )
)
_IPV6: Final = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::1/128", "loopback"),
        ("::/128", "unspecified"),
        ("fc00::/7", "private"),
        ("fec0::/10", "private"),
        ("64:ff9b:1::/48", "private"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),  # Teredo, benchmarks, identifiers that are no addresses
        ("2001:db8::/32", "reserved"),
        ("3fff::/20", "reserved"),
    )
)
_GLOBAL_IPV6: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")


def networks(entries: Iterable[str]) -> tuple[Network, ...]:
    """The networks that ``entries`` (``127.0.0.0/8``, ``fd00::/8``, a single address) name.

    Raises:
        ValueError: an entry names none.
    """
    return tuple(ip_network(entry) for entry in entries)


def parse_address(text: str) -> Address:
    """The address that a resolver gave, without its zone."""
    return ip_address(text.partition("%")[0])


def refusal(address: Address, opened: Iterable[Network] = ()) -> str | None:
    """Why nothing may connect to ``address`` (its kind: ``private``, ``loopback``, …); None if it may.

    ``opened`` are the networks that the embedder allows.
    """
    actual = embedded(address)
    if any(candidate in network for network in opened for candidate in (address, actual)):
        return None
    if isinstance(actual, IPv4Address):
        return next((kind for network, kind in _IPV4 if actual in network), None)
    kind = next((kind for network, kind in _IPV6 if actual in network), None)
    return kind if kind is not None or actual in _GLOBAL_IPV6 else "reserved"


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for (mapped, NAT64, 6to4), else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour or address
