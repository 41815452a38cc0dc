"""Addresses that nothing may connect to, in every notation that leads there."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.http.addresses import embedded, networks, parse_address, refusal

REFUSED = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1"],
    "private": [
        *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd00:ec2::254", "fec0::1"),
        *("::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::", "2002:c0a8:101::1"),
    ],
    "link-local": ["169.254.169.254", "169.254.0.1", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"],
    "shared between customers of a carrier": ["100.64.0.1", "100.127.255.255", "100.100.100.200"],
    "a cloud host's": ["168.63.129.16"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": [
        *("192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1"),
        *("240.0.0.1", "255.255.255.255", "2001::1", "2001:2::1", "2001:20::1", "2001:db8::1", "3fff::1", "100::1"),
        *("::127.0.0.1", "::2", "4000::1", "5f00::1", "1::1"),
    ],
}
ALLOWED = [
    *(
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
    ),
    *("168.63.129.15", "169.253.0.1", "192.0.1.1", "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888"),
    *("2a00::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"),
]


@pytest.mark.parametrize(("text", "kind"), [(text, kind) for kind, texts in REFUSED.items() for text in texts])
def test_refused(text: str, kind: str) -> None:
    assert refusal(ip_address(text)) == kind


@pytest.mark.parametrize("text", ALLOWED)
def test_allowed(text: str) -> None:
    assert refusal(ip_address(text)) is None


def test_the_embedder_opens_networks() -> None:
    opened = networks(["127.0.0.0/8", "fd00::/8"])
    assert refusal(ip_address("127.0.0.1"), opened) is None
    assert refusal(ip_address("::ffff:127.0.0.1"), opened) is None
    assert refusal(ip_address("fd00::1"), opened) is None
    assert refusal(ip_address("::1"), opened) == "loopback"
    assert refusal(ip_address("10.0.0.1"), opened) == "private"
    assert refusal(ip_address("10.0.0.1"), networks(["0.0.0.0/0"])) is None
    assert refusal(ip_address("fe80::1"), networks(["0.0.0.0/0"])) == "link-local"


@pytest.mark.parametrize("text", ["", "*", "10.0.0.1/8", "10/8", "localhost", "fd00::/129", "10.0.0.0/33"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        networks([text])


@given(st.ip_addresses(v=4))
def test_a_notation_changes_nothing(address: IPv4Address) -> None:
    expected = refusal(address)
    number = int(address)
    for carrier in (0xFFFF << 32 | number, 0x64_FF9B << 96 | number, 0x2002 << 112 | number << 80 | 1):
        assert embedded(IPv6Address(carrier)) == address
        assert refusal(IPv6Address(carrier)) == expected


@given(st.ip_addresses())
def test_nothing_is_allowed_that_python_knows_to_be_special(address: IPv4Address | IPv6Address) -> None:
    actual = embedded(address)
    if actual.is_private or actual.is_multicast or actual.is_link_local or actual.is_loopback or actual.is_unspecified:
        assert refusal(address) is not None


def test_a_zone_is_dropped() -> None:
    assert refusal(parse_address("fe80::1%eth0")) == "link-local"
