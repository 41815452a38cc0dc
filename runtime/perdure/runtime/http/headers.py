"""Headers that guests may send, and what they get to see: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from perdure.runtime.http.errors import InvalidRequest

Headers = tuple[tuple[str, str], ...]

MAX_HEADERS: Final = 100
MAX_HEADER_BYTES: Final = 32 * 1024  # names and values together

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE: Final = re.compile(r"[\x20-\x7e\t]*")
# They are of the connection, or say what the URL and the body say: two answers to one question are how requests are
# smuggled past a check. Accept-Encoding is ours because we undo what it asks for, within limits.
_OURS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OURS_PREFIX: Final = "proxy-"  # also Proxy-Authorization: there is no proxy that a guest could know of
# What is meant for one origin only.
_CREDENTIALS: Final = frozenset({"authorization", "cookie"})
_OF_THE_BODY: Final = "content-"
# What no longer fits a body that was decoded, and what is about the connection, which is not the guest's.
_UNSEEN: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "trailer"})


def checked_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """The headers of a guest, in order, values without blanks around them.

    Raises:
        InvalidRequest: there are too many, one is malformed, or one is not the guest's to set. Values are not repeated.
    """
    checked = tuple((name, value.strip(" \t")) for name, value in headers)
    if len(checked) > MAX_HEADERS:
        raise InvalidRequest("headers", f"there are {len(checked)}, there may be at most {MAX_HEADERS}")
    for name, value in checked:
        if not _NAME.fullmatch(name):
            raise InvalidRequest("headers", f"{name[:80]!a} is no name of a header")
        if name.lower() in _OURS or name.lower().startswith(_OURS_PREFIX):
            raise InvalidRequest("headers", f"{name} is set by the host, leave it out")
        if not _VALUE.fullmatch(value):
            raise InvalidRequest("headers", f"the value of {name} must be printable ASCII")
    if sum(len(name) + len(value) + 4 for name, value in checked) > MAX_HEADER_BYTES:
        raise InvalidRequest("headers", f"they have more than {MAX_HEADER_BYTES} bytes")
    return checked


def without_credentials(headers: Headers) -> Headers:
    """Without what was meant for one origin only."""
    return tuple(header for header in headers if header[0].lower() not in _CREDENTIALS)


def without_body_headers(headers: Headers) -> Headers:
    """Without what describes a body that is not sent."""
    return tuple(header for header in headers if not header[0].lower().startswith(_OF_THE_BODY))


def has(headers: Headers, name: str) -> bool:
    """Whether a header of this name, in lowercase, is among them."""
    return any(key.lower() == name for key, _ in headers)


def answer_headers(raw: Iterable[tuple[bytes, bytes]], *, decoded: bool) -> Headers:
    """What a guest sees of an answer's headers, names in lowercase, in order, repeated ones too.

    Those of the connection are left out, and those that a decoded body made untrue.
    """
    untrue = {"content-encoding", "content-length"} if decoded else set()
    seen = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw)
    return tuple((name, value) for name, value in seen if name not in _UNSEEN and name not in untrue)
