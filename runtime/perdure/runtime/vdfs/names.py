"""Which names entries and sidecars may have: pure.

A name is normalised to NFC, so that the two ways to write "é" are one name. What cannot be seen, or turns the text
around, is refused. Names that only look alike are different names (a Latin and a Cyrillic a, a ligature and its
letters, upper and lower case): no spelling ever reaches another name's bytes. A name is never a path: it is a part of a
row's key.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from perdure.runtime.vdfs.errors import BadName

MAX_NAME_BYTES: Final = 255
# Joiners are what Persian, Indic scripts and emoji are spelled with.
_JOINERS: Final = "\u200c\u200d"
# Control, format (bidirectional, zero-width, tags), half a surrogate pair, private, unassigned, ends of lines.
_REFUSED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_KIND: Final = re.compile(r"[a-z0-9_]+(?:[.-][a-z0-9_]+)*")
_WORD: Final = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
_MEDIA_TYPE: Final = re.compile(rf"{_WORD}/{_WORD}(?:; ?{_WORD}={_WORD}){{0,4}}")


def checked_name(name: str, what: str = "name") -> str:
    """The name, normalised.

    Raises:
        BadName: it is empty or longer than 255 bytes of UTF-8, ``.`` or ``..``, begins or ends with white space, or has
            a slash, a backslash, NUL, or a character that is invisible, private or unassigned.
    """
    if len(name) > MAX_NAME_BYTES:  # before normalising, which may make it longer
        raise BadName(what, f"it has more than {MAX_NAME_BYTES} bytes")
    name = _normalised(name, what)
    if not name:
        raise BadName(what, "it is empty")
    if name in {".", ".."}:
        raise BadName(what, "it is a place in a file system, not a name")
    if name != name.strip():
        raise BadName(what, "it begins or ends with white space")
    return name


def checked_prefix(prefix: str) -> str:
    """The beginning of names, normalised.

    Raises:
        BadName: no name can begin so.
    """
    return _normalised(prefix, "name_prefix")


def _normalised(name: str, what: str) -> str:
    for character in name:
        if character in "/\\" or (unicodedata.category(character) in _REFUSED and character not in _JOINERS):
            raise BadName(what, f"it has the character U+{ord(character):04X}, which a name must not have")
    name = unicodedata.normalize("NFC", name)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise BadName(what, f"it has more than {MAX_NAME_BYTES} bytes")
    return name


def checked_kind(kind: str) -> str:
    """The kind of an entry, like ``file`` or ``photo.raw``.

    Raises:
        BadName: it is not 1 to 64 of ``[a-z0-9_.-]``.
    """
    if len(kind) > 64 or not _KIND.fullmatch(kind):
        raise BadName("kind", "it must be up to 64 of a-z, 0-9 and _, with single dots or hyphens in between")
    return kind


def checked_media_type(media_type: str) -> str:
    """A media type, like ``text/plain; charset=utf-8``.

    Raises:
        BadName: it is none, or longer than 255 characters.
    """
    if len(media_type) > 255 or not _MEDIA_TYPE.fullmatch(media_type):
        raise BadName("media_type", "it must be like image/png, up to 255 characters")
    return media_type
