"""URLs that other readers read in two ways are refused; all others lead where they say."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.runtime.http.errors import InvalidRequest
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.http.url import MAX_URL, Target, parse_url, resolve_reference


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("https://example.com", Target("https", "example.com", 443, "/")),
        ("https://example.com/", Target("https", "example.com", 443, "/")),
        ("HTTPS://Example.COM/A", Target("https", "example.com", 443, "/A")),
        ("http://example.com?a=b#c", Target("http", "example.com", 80, "/?a=b")),
        ("https://example.com:443/", Target("https", "example.com", 443, "/")),
        ("https://example.com:8443/a%20b?q=%00&r=ä", Target("https", "example.com", 8443, "/a%20b?q=%00&r=%C3%A4")),
        ("https://exämple.com/ü", Target("https", "xn--exmple-cua.com", 443, "/%C3%BC")),
        ("https://192.0.2.1/", Target("https", "192.0.2.1", 443, "/")),
        ("http://[2001:DB8::1]:8080/x", Target("http", "2001:db8::1", 8080, "/x")),
        ("https://example.com//evil.com/@x", Target("https", "example.com", 443, "//evil.com/@x")),
        (
            "https://example.com/?next=https://evil.com/",
            Target("https", "example.com", 443, "/?next=https://evil.com/"),
        ),
        ("https://example.com#@evil.com/", Target("https", "example.com", 443, "/")),
        ("https://example.com?@evil.com/", Target("https", "example.com", 443, "/?@evil.com/")),
    ],
)
def test_where_a_url_leads(text: str, target: Target) -> None:
    assert parse_url(text) == target


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "/",
            "//example.com/",
            "example.com",
            "https:",
            "https:/",
            "https://",
            "https:///x",
            "https://:443/",
        ),
        *("http:/\\evil.com", "http:\\\\evil.com", "https:example.com", "https:/example.com", "https://a\\@evil.com/"),
        *("ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "unix:///run/x.sock", "httpss://a.b/"),
        *(" https://example.com/", "https://example.com/ ", "https://example.com/a b", "ht\ttps://example.com/"),
        *("https://exam\tple.com/", "https://example.com\n/", "https://example.com/\r\nX: y", "https://a.b/\x00"),
        *("https://a.b/\x7f", "https://a.b/\x85", "https://a.b/\xa0", "https://a.b\u3002c/", "https://\uff41.b/"),
        *("https://user@example.com/", "https://user:pw@example.com/", "https://@example.com/", "https://a@b@c.d/"),
        *("https://example.com@evil.com/", "https://%65xample.com/", "https://example.com%2f.evil.com/"),
        *("https://example.com%00.evil.com/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/"),
        *("https://example.com./", "https://example..com/", "https://-a.com/", "https://a_b.com/", "https://*.a.com/"),
        *("https://0x7f.1/", "https://0x7f000001/", "https://2130706433/", "https://127.1/", "https://0177.0.0.1/"),
        *("https://127.0.0.1./", "https://1.2.3.4.5/", "https://0/", "https://256.1.1.1/", "https://①②⑦.0.0.1/"),
        *("https://[::1/", "https://::1/", "https://[127.0.0.1]/", "https://[a.b]/", "https://[]/", "https://[::1]x/"),
        *("https://a.b:/", "https://a.b:0/", "https://a.b:65536/", "https://a.b:0443/", "https://a.b:+443/"),
        *("https://a.b:443:443/", "https://a.b: 443/", "https://a.b:\uff14\uff14\uff13/", "https://a.b:443@evil.com/"),
        *("https://\ud800.com/", "https://a.b/\ud800", "https://a.b/" + "a" * MAX_URL, "https://" + "a" * 300 + ".b/"),
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_url(text)
    assert caught.value.field == "url"
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_a_mapped_address_is_not_the_address() -> None:
    # It is another spelling of 127.0.0.1 and no entry names it; were one to, its address would be judged.
    target = parse_url("https://[::ffff:127.0.0.1]/")
    assert not HostRules.of(["127.0.0.1"]).allows(target.scheme, target.host, target.port)


def test_a_secret_in_a_bad_url_is_not_repeated() -> None:
    with pytest.raises(InvalidRequest, match="user or a password") as caught:
        parse_url("https://user:s3cret@example.com/?token=t0ken")
    assert "s3cret" not in str(caught.value)
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "authority", "origin", "entry"),
    [
        ("https://a.b/x", "a.b", "https://a.b", "a.b"),
        ("https://a.b:8443/x?y", "a.b:8443", "https://a.b:8443", "a.b:8443"),
        ("http://[::1]:80/", "[::1]", "http://[::1]", "http://[::1]"),
        ("http://[::1]:81/", "[::1]:81", "http://[::1]:81", "http://[::1]:81"),
    ],
)
def test_the_parts_of_a_target(text: str, authority: str, origin: str, entry: str) -> None:
    target = parse_url(text)
    assert (target.authority, target.origin, target.entry) == (authority, origin, entry)
    assert HostRules.of([entry]).allows(target.scheme, target.host, target.port)
    assert parse_url(str(target)) == target


@pytest.mark.parametrize(
    ("reference", "leads"),
    [
        ("/y", "https://a.b:8443/y"),
        ("y?z", "https://a.b:8443/d/y?z"),
        ("../y", "https://a.b:8443/y"),
        ("?z", "https://a.b:8443/d/x?z"),
        ("//c.d/y", "https://c.d/y"),
        ("http://c.d", "http://c.d/"),
        ("HTTPS://C.d/ä", "https://c.d/%C3%A4"),
        ("", "https://a.b:8443/d/x?q"),
    ],
)
def test_where_a_redirect_leads(reference: str, leads: str) -> None:
    assert str(resolve_reference(parse_url("https://a.b:8443/d/x?q"), reference)) == leads


@pytest.mark.parametrize(
    "reference",
    [
        *("\\\\evil.com", "/\\evil.com", "ht\ntp://evil.com", "file:///etc/passwd", "//user@evil.com/", "https://[::1"),
        *("data:,x", "//0x7f.1/", " /y", "/y\r\n"),
    ],
)
def test_a_redirect_to_no_place(reference: str) -> None:
    with pytest.raises(ValueError, match="redirect"):
        resolve_reference(parse_url("https://a.b/"), reference)


@given(st.text(max_size=40).map(lambda rest: "https://" + rest) | st.text("htps:/\\.@#?[]%a0x1:\u3002é", max_size=30))
def test_who_sends_a_request_reads_what_was_checked(text: str) -> None:
    try:
        target = parse_url(text)
    except InvalidRequest:
        return
    assert target.host.isascii()
    assert str(target).isascii()
    url = httpx.URL(scheme=target.scheme, host=target.host, port=target.port, raw_path=target.path.encode())
    assert (url.scheme, url.raw_host.decode(), url.port or target.port) == (target.scheme, target.host, target.port)
