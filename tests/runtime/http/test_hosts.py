"""Entries of network_access: what each allows, what is no entry, and how a grant narrows what a manifest asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.http.hosts import HostRules, entry_for, host_address, host_name, host_rule

HTTPS, HTTP = ("https", 443), ("http", 80)


def allows(entry: str, host: str, scheme: str = "https", port: int = 443) -> bool:
    return HostRules.of([entry]).allows(scheme, host, port)


@pytest.mark.parametrize(
    ("entry", "scheme", "host", "port"),
    [
        ("api.example.com", "https", "api.example.com", 443),
        ("api.example.com:443", "https", "api.example.com", 443),
        ("api.example.com:8443", "https", "api.example.com", 8443),
        ("http://api.example.com", "http", "api.example.com", 80),
        ("http://api.example.com:8080", "http", "api.example.com", 8080),
        ("http://api.example.com:443", "http", "api.example.com", 443),
        ("*.example.com", "https", "a.example.com", 443),
        ("*.example.com", "https", "a.b.example.com", 443),
        ("*.example.com:8443", "https", "a.example.com", 8443),
        ("http://*.example.com", "http", "a.example.com", 80),
        ("localhost", "https", "localhost", 443),
        ("192.0.2.1", "https", "192.0.2.1", 443),
        ("192.0.2.1:8443", "https", "192.0.2.1", 8443),
        ("http://192.0.2.1:8080", "http", "192.0.2.1", 8080),
        ("2001:db8::1", "https", "2001:db8::1", 443),
        ("[2001:db8::1]", "https", "2001:db8::1", 443),
        ("2001:0DB8:0:0::1", "https", "2001:db8::1", 443),
        ("[2001:db8::1]:8443", "https", "2001:db8::1", 8443),
        ("http://[::1]:8080", "http", "::1", 8080),
        ("xn--exmple-cua.com", "https", "xn--exmple-cua.com", 443),
    ],
)
def test_an_entry_allows_its_host_and_nothing_beside_it(entry: str, scheme: str, host: str, port: int) -> None:
    rules = HostRules.of([entry])
    assert rules.allows(scheme, host, port)
    assert not rules.allows("http" if scheme == "https" else "https", host, port)
    assert not rules.allows(scheme, host, port + 1)
    assert not rules.allows(scheme, host + "x", port)
    assert not rules.allows(scheme, "x" + host, port) or entry.startswith(("*", "http://*"))
    assert not rules.allows(scheme, "", port)


def test_a_star_is_for_names_below_only() -> None:
    assert not allows("*.example.com", "example.com")
    assert not allows("*.example.com", "badexample.com")
    assert not allows("*.example.com", ".example.com.evil.org")
    assert not allows("example.com", "api.example.com")


def test_no_entries_allow_nothing() -> None:
    assert not HostRules.of([]).allows("https", "example.com", 443)
    assert HostRules.of([]).entries == ()


def test_any_is_for_the_embedder() -> None:
    assert HostRules.ANY.allows("http", "anything.example", 1)
    assert HostRules.ANY.entries == ("*",)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("", "missing"),
        ("*", "star"),
        ("*.*", "star"),
        ("a.*.com", "star"),
        ("*a.com", "star"),
        ("*.com", "top-level"),
        ("*.192.0.2.1", "address"),
        ("*.localhost", "top-level"),
        ("https://example.com", "leave https:// out"),
        ("http://https://example.com", "leave https:// out"),
        ("ftp://example.com", "only http://"),
        ("HTTP://example.com", "only http://"),
        ("example.com/", "host only"),
        ("example.com?x", "host only"),
        ("user@example.com", "host only"),
        ("Example.com", "lowercase: example.com"),
        ("Exämple.com", "lowercase: xn--exmple-cua.com"),
        ("A\x1f", "no host name"),
        ("*.A.com\x1b[31m", "brackets"),
        ("*.A.com\x1b", "no host name"),
        ("exämple.com", "xn--exmple-cua.com"),
        ("\u0430pple.com", "xn--pple-43d.com"),  # a Cyrillic a: what the person sees is not apple.com
        ("example.com.", "without a dot"),
        ("a..b", "no host name"),
        ("-a.com", "no host name"),
        ("a_b.com", "no host name"),
        (" a.com", "no host name"),
        ("a.com\n", "no host name"),
        ("a.com\0", "no host name"),
        ("1.2.3", "four decimal numbers"),
        ("999.1.1.1", "four decimal numbers"),
        ("127.0.0.01", "four decimal numbers"),
        ("0x7f.1", "four decimal numbers"),
        ("0x7f000001", "four decimal numbers"),
        ("2130706433", "four decimal numbers"),
        ("fe80::1%eth0", "brackets"),
        ("[fe80::1%eth0]", "zone"),
        ("[::1", "brackets|host"),
        ("[]", "IPv6"),
        ("[example.com]", "IPv6"),
        ("::1:99999999", "brackets"),
        ("example.com:", "port"),
        ("example.com:0", "port"),
        ("example.com:65536", "port"),
        ("example.com:080", "port"),
        ("example.com:+80", "port"),
        ("example.com:\u0668\u0660", "port"),
        ("example.com:80:80", "brackets"),
        ("a" * 64 + ".com", "no host name"),
        ("a." * 127 + "com", "253"),
        ("a" * 100_000, "longer"),
        ("xn--a", "international"),
        ("xn--example-.com", "international|no host name"),
    ],
)
def test_what_is_no_entry(entry: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        host_rule(entry)


@pytest.mark.parametrize(
    "entry", ["example.com", "*.example.com:8443", "http://a.b", "[::1]:99", "::1", "http://[::1]"]
)
def test_an_entry_is_shown_in_its_shortest_spelling(entry: str) -> None:
    assert str(host_rule(entry)) == entry


def test_entries_with_a_default_port_are_one() -> None:
    assert HostRules.of(["a.b:443", "a.b"]) == HostRules.of(["a.b"])
    assert hash(HostRules.of(["a.b:443"])) == hash(HostRules.of(["a.b"]))
    assert HostRules.of(["b.c", "a.b:443"]).entries == ("a.b", "b.c")


def test_a_grant_narrows_and_never_adds() -> None:
    asked = HostRules.of(["*.example.com", "api.other.org", "http://plain.org"])
    assert asked.narrowed(HostRules.of(["api.example.com"])).entries == ("api.example.com",)
    assert asked.narrowed(HostRules.of(["*.a.example.com"])).entries == ("*.a.example.com",)
    assert asked.narrowed(HostRules.of(["*.other.org"])).entries == ("api.other.org",)
    assert asked.narrowed(HostRules.of(["evil.com", "plain.org", "example.com"])).entries == ()
    assert asked.narrowed(HostRules.ANY) == asked
    assert HostRules.ANY.narrowed(asked) == asked


NAMES = st.sampled_from(["example.com", "a.example.com", "b.a.example.com", "xample.com", "example.com.org", "1.2.3.4"])
PLACES = st.tuples(st.sampled_from(["https", "http"]), NAMES, st.sampled_from([443, 80]))
ENTRIES = st.lists(
    st.builds(
        lambda scheme, star, host, port: scheme + ("*." if star and host != "1.2.3.4" else "") + host + port,
        st.sampled_from(["", "http://"]),
        st.booleans(),
        NAMES,
        st.sampled_from(["", ":443", ":80"]),
    ),
    max_size=4,
)


@given(ENTRIES, ENTRIES, PLACES)
def test_narrowed_allows_what_both_allow(asked: list[str], granted: list[str], place: tuple[str, str, int]) -> None:
    both = HostRules.of(asked).allows(*place) and HostRules.of(granted).allows(*place)
    assert HostRules.of(asked).narrowed(HostRules.of(granted)).allows(*place) is both


@given(ENTRIES, PLACES)
def test_rules_allow_what_one_of_their_entries_does(entries: list[str], place: tuple[str, str, int]) -> None:
    rules = HostRules.of(entries)
    assert rules.allows(*place) is any(host_rule(entry).allows(*place) for entry in entries)
    assert HostRules.of(rules.entries) == rules


@given(PLACES)
def test_the_entry_for_a_place_allows_it(place: tuple[str, str, int]) -> None:
    assert HostRules.of([entry_for(place[0], place[1], place[2])]).allows(*place)


@given(st.text(max_size=60) | st.text("ax-.:[]*/%@0127\u3002\u0430\uff45", max_size=30))
def test_any_text_is_an_entry_or_a_value_error(text: str) -> None:
    try:
        rule = host_rule(text)
    except ValueError:
        return
    assert rule.host.isascii()
    assert host_rule(str(rule)) == rule


@pytest.mark.parametrize(
    ("name", "compared"),
    [
        ("EXAMPLE.com", "example.com"),
        ("exämple.com", "xn--exmple-cua.com"),
        ("XN--EXMPLE-CUA.com", "xn--exmple-cua.com"),
        ("faß.de", "xn--fa-hia.de"),  # not fass.de: somebody else may own that
        ("例え.jp", "xn--r8jz45g.jp"),
    ],
)
def test_names_are_compared_in_punycode(name: str, compared: str) -> None:
    assert host_name(name) == compared


@pytest.mark.parametrize(
    "name",
    [
        "\uff45xample.com",  # wide letters
        "example\u3002com",  # an ideographic full stop
        "exam\u00adple.com",  # a soft hyphen
        "exam\u200bple.com",  # a zero-width space
        "exam\u200dple.com",
        "example.com\u202e",
        "\u212aelvin.com",  # the Kelvin sign, which lower() makes a k
        "exÄmple.com",
        "e\u0301xample.com",  # not composed
        "xn--example-cua.com",
        "xn--xn--a-.com",
        "\ud800.com",
        "①.com",
        "127。0。0。1",
    ],
)
def test_look_alikes_are_no_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        host_name(name)


def test_look_alikes_never_match() -> None:
    for letter, twin in [("a", "\u0430"), ("e", "\u0435"), ("o", "\u03bf"), ("p", "\u0440"), ("i", "\u0131")]:
        name = "apple-pie.io".replace(letter, twin, 1)
        assert name != "apple-pie.io"
        try:
            compared = host_name(name)
        except ValueError:
            continue
        assert not allows("apple-pie.io", compared)


@pytest.mark.parametrize(
    "text", ["0x7f.1", "127.1", "0177.0.0.1", "2130706433", "1.2.3.4.5", "1.2.3.4 ", "::1%lo", "a"]
)
def test_what_is_no_address(text: str) -> None:
    assert host_address(text) is None
