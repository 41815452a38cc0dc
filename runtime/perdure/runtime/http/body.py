"""Bodies of answers: undone compression within a limit, and whether the bytes are text. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final, Protocol

ACCEPT_ENCODING: Final = "gzip, deflate"

_PIECE: Final = 64 * 1024  # bytes decoded at once, however small what they were packed into
_MAX_MEMBERS: Final = 1_000  # of a gzip body; empty ones cost time and add no byte to what is counted
_NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")  # not tab, line and page breaks, escape
_TEXTS: Final = frozenset(
    {
        "application/ecmascript",
        "application/javascript",
        "application/json",
        "application/x-ndjson",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/yaml",
    }
)


class BodyDecoder(Protocol):
    """Undoes one content coding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decoded pieces, each of at most 64 KiB; nothing is decoded before it is asked for.

        Raises:
            ValueError: the data are not in this coding.
        """

    def finish(self) -> None:
        """No more will be fed.

        Raises:
            ValueError: the data end too early.
        """


class Identity:
    """No coding at all."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See `BodyDecoder`."""
        if data:
            yield data

    def finish(self) -> None:
        """See `BodyDecoder`."""


class Inflate:
    """``gzip`` (of one or more members) and ``deflate`` (with its header or, as some servers send it, without)."""

    def __init__(self, coding: str) -> None:
        self._gzip = coding != "deflate"
        self._begun: zlib._Decompress | None = None
        self._head = b""
        self._members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See `BodyDecoder`."""
        self._head += data
        if self._begun is None and len(self._head) < 2:
            return
        data, self._head = self._head, b""
        stream = self._begun if self._begun is not None else self._begin(data)
        while True:
            if stream.eof:
                # What follows a gzip member is another one; zeros may pad the last.
                data = data.lstrip(b"\0")
                if not data:
                    return
                stream = self._begin(data)
            try:
                piece = stream.decompress(data, _PIECE)
            except zlib.error as error:
                raise ValueError(f"it is not compressed as it says: {error}") from None
            if piece:
                yield piece
            data = stream.unused_data if stream.eof else stream.unconsumed_tail
            # A full piece may have more behind it that zlib has read already.
            if not data and len(piece) < _PIECE:
                return

    def finish(self) -> None:
        """See `BodyDecoder`."""
        if self._head or (self._begun is not None and not self._begun.eof):
            raise ValueError("the compressed data end too early")

    def _begin(self, data: bytes) -> zlib._Decompress:
        self._members += 1
        if self._members > (_MAX_MEMBERS if self._gzip else 1):
            raise ValueError("more follows the end of the compressed data")
        window = zlib.MAX_WBITS | 16
        if not self._gzip:
            # Two bytes tell zlib's header from none at all (RFC 1950, 2.2).
            headed = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            window = zlib.MAX_WBITS if headed else -zlib.MAX_WBITS
        self._begun = zlib.decompressobj(window)
        return self._begun


def decoder_for(coding: str) -> BodyDecoder | None:
    """What undoes a ``Content-Encoding``; None for one that is left as it is, such as one that nobody asked for."""
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return Identity()
    return Inflate(coding) if coding in {"gzip", "x-gzip", "deflate"} else None


def text_of(body: bytes, content_type: str) -> str | None:
    """The body as text if its type says that it is UTF-8 text, and it is; else None."""
    media, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if not (media.startswith("text/") or media in _TEXTS or media.endswith(("+json", "+xml"))):
        return None
    charsets = [part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")]
    if any(charset not in {"utf-8", "utf8", "us-ascii"} for charset in charsets):
        return None
    if _NO_TEXT.search(body):  # and JSON would write each of them in six bytes
        return None
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None
