"""Content-Transfer-Encodings (RFC 2045, 6) and uuencode, as they are met: with junk, cut off, wrongly padded. Pure."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from typing import Final

_NO_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/=]+")
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_UU_BEGIN: Final = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} ([^\r\n]{1,255})\r?\n", re.MULTILINE)


def decoded_content(data: bytes, encoding: str) -> tuple[bytes, bool]:
    """The content, and whether its encoding is one that exists."""
    name = encoding.strip().lower().partition(";")[0].strip()
    if name == "base64":
        return from_base64(data), True
    if name == "quoted-printable":
        return quopri.decodestring(data), True
    if name in ("x-uuencode", "uuencode", "x-uue", "uue"):
        found = uuencoded(data)
        return (found[0][1] if found else data), True
    return data, name in ("", "7bit", "8bit", "binary", "none")


def from_base64(data: bytes) -> bytes:
    """What base64 says, without what does not belong to it; several in one another's wake are joined."""
    clean = _NO_BASE64.sub(b"", data.translate(_URL_SAFE) if b"-" in data or b"_" in data else data)
    if b"=" not in clean.rstrip(b"="):
        return _segment(clean.rstrip(b"="))
    return b"".join(_segment(segment) for segment in clean.split(b"=") if segment)


def _segment(segment: bytes) -> bytes:
    usable = len(segment) - (len(segment) % 4 == 1)  # a single character says nothing
    return base64.b64decode(segment[:usable] + b"=" * (-usable % 4))


def uuencoded(data: bytes) -> list[tuple[str, bytes, int, int]]:
    """The files in a text: name, content, and where the block begins and ends in the text."""
    found: list[tuple[str, bytes, int, int]] = []
    at = 0
    while match := _UU_BEGIN.search(data, at):
        content, at = _uu_block(data, match.end())
        if content:
            found.append((match[1].decode("utf-8", "replace").strip(), content, match.start(), at))
    return found


def _uu_block(data: bytes, start: int) -> tuple[bytes, int]:
    pieces: list[bytes] = []
    at = start
    while at < len(data):
        end = data.find(b"\n", at)
        line = data[at : end if end >= 0 else len(data)].rstrip(b"\r")
        after = end + 1 if end >= 0 else len(data)
        if line == b"end" or not line:
            return b"".join(pieces), after if line == b"end" else at
        try:
            pieces.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some encoders add characters at a line's end: the first one says how many there should be.
            length = ((line[0] - 32) & 63) * 4 // 3 + 5
            try:
                pieces.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                return b"".join(pieces), at
        at = after
    return b"".join(pieces), at
