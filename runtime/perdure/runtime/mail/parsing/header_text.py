"""The text of a header's value: encoded words (RFC 2047), raw bytes of any charset, folded lines. Pure; never fails."""

from __future__ import annotations

import binascii
import re
from email.message import Message
from typing import Final

from perdure.runtime.mail.parsing.charsets import decoded
from perdure.runtime.mail.parsing.transfer import from_base64

MAX_HEADER: Final = 64 * 1024  # characters of one value; more is cut off

# Laxer than the RFC: spaces in it are met, and a charset may have a language (RFC 2231).
_WORD: Final = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,4000})\?=")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]+")
_HEX: Final = re.compile(rb"=([0-9A-Fa-f]{2})")


def header_values(message: Message, name: str) -> list[str]:
    """All values of the headers of this name, as text that may still have encoded words in it."""
    wanted = name.lower()
    charset = message.get_content_charset()
    return [_raw(str(value), charset) for key, value in message.raw_items() if key.lower() == wanted]


def header_text(message: Message, name: str) -> str:
    """The text of the first header of this name, in one line; empty if there is none."""
    values = header_values(message, name)
    return decoded_words(values[0]) if values else ""


def decoded_words(value: str) -> str:
    """The value with its encoded words decoded, in one line."""
    pieces: list[str] = []
    held: list[bytes] = []  # of words of one charset that follow each other: a character may be cut between two
    charset, end = "", 0

    def flush() -> None:
        if held:
            pieces.append(decoded(b"".join(held), charset)[0])
            held.clear()

    for match in _WORD.finditer(value):
        between = value[end : match.start()]
        if between.strip() or not held:
            flush()
            pieces.append(between)
        named = match[1].partition("*")[0].lower()
        if named != charset:
            flush()
        charset = named
        held.append(_word_bytes(match[2], match[3]))
        end = match.end()
    flush()
    pieces.append(value[end:])
    return one_line("".join(pieces))


def one_line(text: str) -> str:
    """Without control characters and folding, and of characters that every encoder takes."""
    text = text.encode("utf-8", "replace").decode("utf-8")  # no half of a surrogate pair
    return " ".join(_CONTROL.sub(" ", text.replace("\n", " ").replace("\t", " ")).split())


def _word_bytes(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    if encoding in "bB":
        return from_base64(data)
    return _HEX.sub(lambda match: binascii.unhexlify(match[1]), data.replace(b"_", b" "))


def _raw(value: str, charset: str | None) -> str:
    """The stdlib's parser keeps bytes that are no ASCII as halves of surrogate pairs.

    They are UTF-8 (RFC 6532), or else, as their sender knew no better, in the charset of the body.
    """
    value = value[:MAX_HEADER]
    if value.isascii():
        return value
    data = value.encode("utf-8", "surrogateescape")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return decoded(data, charset)[0]
