"""From bytes to text, whatever their charset is said to be. Pure; never fails."""

from __future__ import annotations

import codecs
from typing import Final

import charset_normalizer

# What senders write, and what they mean by it. A Latin 1 of the web's is Windows' (WHATWG, Encoding Standard).
_MEANT: Final = {
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "ansi_x3.4-1968": "utf-8",
    "utf8mb4": "utf-8",
    "utf-8mb4": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "ansi": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "big5": "big5hkscs",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
}
# Python has codecs that are no charset of a mail; some take time that grows with the square of their input.
_NO_CHARSET: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_TOO_SHORT: Final = 64  # bytes; a guess about fewer is more often wrong than that it is Western
_GUESSED_BYTES: Final = 64 * 1024  # more does not make a guess better


def decoded(data: bytes, charset: str | None) -> tuple[str, bool]:
    """The text, and whether it is sure: whether all of it is what its charset, or UTF-8, says."""
    codec = _codec(charset)
    for name in dict.fromkeys((codec, "utf-8") if codec else ("utf-8",)):
        try:
            return data.decode(name), codec is not None or charset is None
        except (UnicodeError, ValueError):
            continue
    if codec is not None and codec != "utf-8":
        text = data.decode(codec, "replace")
        if text.count("\ufffd") * 50 <= len(text):
            return text, False
    return _guessed(data), False


def _codec(charset: str | None) -> str | None:
    """Python's codec for a charset, or None if there is none of this name."""
    if not charset:
        return None
    name = charset.strip().strip("\"'").lower()
    name = _MEANT.get(name, name)
    try:
        info = codecs.lookup(name)
        "".encode(info.name)  # not one of those from bytes to bytes
    except (LookupError, UnicodeError, ValueError):
        return _codec_of_number(name)
    return None if info.name.replace("-", "_") in _NO_CHARSET else info.name


def _codec_of_number(name: str) -> str | None:
    """``cp-850``, ``windows1252``, ``x-cp1250`` and the like."""
    digits = "".join(character for character in name if character.isdigit())
    if len(digits) not in (3, 4) or not ("cp" in name or "win" in name or "ibm" in name):
        return None
    try:
        return codecs.lookup(f"cp{digits}").name
    except LookupError:
        return None


def _guessed(data: bytes) -> str:
    if len(data) < _TOO_SHORT:
        return data.decode("cp1252", "replace")
    best = charset_normalizer.from_bytes(data[:_GUESSED_BYTES]).best()
    encoding = best.encoding if best is not None else "cp1252"
    return data.decode(encoding, "replace")
