"""Headers: what guests may send, what they see, what stays behind at a redirect."""

from __future__ import annotations

import pytest

from perdure.runtime.http.errors import InvalidRequest
from perdure.runtime.http.headers import MAX_HEADERS, answer_headers, checked_headers
from perdure.runtime.http.redirects import Hop, next_hop
from perdure.runtime.http.url import parse_url


def test_headers_are_kept_in_order_also_repeated_ones() -> None:
    headers = [("X-A", "1"), ("Accept", " text/html\t"), ("X-A", "2"), ("X-Empty", "")]
    assert checked_headers(headers) == (("X-A", "1"), ("Accept", "text/html"), ("X-A", "2"), ("X-Empty", ""))


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Host",
            "host",
            "HOST",
            "Connection",
            "Keep-Alive",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "Expect",
        ),
        *("Content-Length", "Proxy-Authorization", "Proxy-Connection", "proxy-anything", "HTTP2-Settings"),
        *(
            "Accept-Encoding",
            "",
            " ",
            "Host ",
            " Host",
            "Host:",
            "X\r\nHost",
            "X\0",
            "Ho\u017ft",
            "é",
            "a" * 257,
            "a b",
        ),
    ],
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        checked_headers([("X-Ok", "1"), (name, "s3cret")])
    assert caught.value.field == "headers"
    assert "s3cret" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\n", "\0", "\x7f", "é", "\u2028", "a\rb"])
def test_values_that_are_refused(value: str) -> None:
    # Blanks around a value are not part of it, a line break is no blank.
    with pytest.raises(InvalidRequest, match="X-A must be printable ASCII"):
        checked_headers([("X-A", value)])


def test_too_many_headers() -> None:
    assert len(checked_headers([("X", "1")] * MAX_HEADERS)) == MAX_HEADERS
    with pytest.raises(InvalidRequest, match="at most"):
        checked_headers([("X", "1")] * (MAX_HEADERS + 1))
    with pytest.raises(InvalidRequest, match="bytes"):
        checked_headers([("X", "a" * 40_000)])


def test_what_a_guest_sees() -> None:
    raw = [
        *((b"Content-Type", b"text/plain"), (b"Set-Cookie", b"a"), (b"Set-Cookie", b"b"), (b"Connection", b"close")),
        *(
            (b"Transfer-Encoding", b"chunked"),
            (b"Content-Encoding", b"gzip"),
            (b"Content-Length", b"9"),
            (b"X", b"\xe9"),
        ),
    ]
    seen = (("content-type", "text/plain"), ("set-cookie", "a"), ("set-cookie", "b"), ("x", "é"))
    assert answer_headers(raw, decoded=True) == seen
    assert ("content-encoding", "gzip") in answer_headers(raw, decoded=False)


HEADERS = (("Authorization", "Bearer t"), ("COOKIE", "c=1"), ("Content-Type", "text/plain"), ("X-A", "1"))


def hop(method: str, body: bytes | None = b"body") -> Hop:
    return Hop(method, parse_url("https://a.b/x"), HEADERS, body)


@pytest.mark.parametrize(
    ("status", "method", "after"),
    [
        *(
            (301, "GET", "GET"),
            (301, "HEAD", "HEAD"),
            (301, "POST", "GET"),
            (301, "PUT", "PUT"),
            (301, "DELETE", "DELETE"),
        ),
        *((302, "GET", "GET"), (302, "POST", "GET"), (302, "PATCH", "PATCH")),
        *(
            (303, "GET", "GET"),
            (303, "HEAD", "HEAD"),
            (303, "POST", "GET"),
            (303, "PUT", "GET"),
            (303, "DELETE", "GET"),
        ),
        *((307, "POST", "POST"), (307, "GET", "GET"), (308, "POST", "POST"), (308, "PUT", "PUT")),
    ],
)
def test_method_and_body_after_a_redirect(status: int, method: str, after: str) -> None:
    following = next_hop(hop(method), status, "/y")
    assert following.method == after
    dropped = after != method or (status == 303 and method != "HEAD")
    assert following.body == (None if dropped else b"body")
    assert ("Content-Type" in dict(following.headers)) is not dropped
    assert dict(following.headers)["Authorization"] == "Bearer t"


@pytest.mark.parametrize("location", ["https://c.d/", "https://a.b:8443/", "http://a.b/", "https://x.a.b/", "//c.d"])
def test_credentials_stay_with_their_origin(location: str) -> None:
    following = next_hop(hop("GET"), 307, location)
    assert following.headers == (("Content-Type", "text/plain"), ("X-A", "1"))


@pytest.mark.parametrize("location", ["https://A.B:443/z", "/z", "z"])
def test_credentials_stay_within_it(location: str) -> None:
    assert next_hop(hop("GET"), 307, location).headers == HEADERS
