"""What may stand in a request's head: RFC 9112, at its strictest. Pure.

The parser refuses most of what two readers could read in two ways: Content-Length with Transfer-Encoding or twice, line
folding, a line feed alone, blanks before a colon. What it lets pass and a proxy in front may understand otherwise is
refused here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from perdure.api.errors import ApiError, HeadTooLarge, Malformed

MAX_FIELDS: Final = 100
# Of these there is one: with two, whoever reads the first and whoever reads the last are not told the same.
_ONCE: Final = (
    b"host",
    b"authorization",
    b"content-length",
    b"content-type",
    b"idempotency-key",
    b"last-event-id",
    b"origin",
    b"sec-fetch-site",
    b"transfer-encoding",
)
_VERSIONS: Final = ("1.0", "1.1")

Fields = Sequence[tuple[bytes, bytes]]


def fault_of(version: str, verb: bytes, url: bytes, fields: Fields, limit: int) -> ApiError | None:
    """What is wrong with a head, None for nothing.

    Args:
        version: of HTTP, ``1.1``.
        verb, url: of the first line.
        fields: the others, names in small letters.
        limit: bytes.
    """
    if version not in _VERSIONS:
        return Malformed(f"HTTP/{version} is not spoken here, HTTP/1.1 is")
    size = len(verb) + len(url) + sum(len(name) + len(value) + 4 for name, value in fields)
    if size > limit or len(fields) > MAX_FIELDS:
        return HeadTooLarge(limit)
    names = [name for name, _ in fields]
    twice = next((name for name in _ONCE if names.count(name) > 1), None)
    if twice is not None:
        return Malformed(f"there is more than one {twice.decode()}")
    found = dict(fields)
    coding = found.get(b"transfer-encoding")
    if coding is not None and (coding.strip().lower() != b"chunked" or version != "1.1"):
        return Malformed("a body comes as it is, or chunked")
    if not found.get(b"host", b"").strip():
        return Malformed("there is no Host")
    if not url.startswith(b"/"):  # a proxy is asked with whole URLs, and this is none
        return Malformed("ask for a path")
    if b"%00" in url or b"\\" in url:
        return Malformed("the path has characters that no page's has")
    return None
