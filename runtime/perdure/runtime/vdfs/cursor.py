"""Where a list goes on: an opaque text for the caller, checked when it comes back. Pure.

It says after which key of the caller's own list the next page begins, so a forged one can only begin elsewhere in what
its caller may list anyway; that is why it needs no seal. It belongs to the list that gave it: with another order or
other filters it is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

import msgspec

from perdure.runtime.vdfs.errors import BadCursor
from perdure.store.rows import MAX_KEY_BYTES

MAX_CURSOR_LENGTH: Final = 800


class _Cursor(msgspec.Struct, array_like=True, frozen=True):
    list: bytes
    after: bytes


_decoder: Final = msgspec.msgpack.Decoder(_Cursor)


def make_cursor(after: bytes, *list_of: object) -> str:
    """The cursor behind the key ``after``, without its prefix, of the list that ``list_of`` describes."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(_Cursor(_digest(list_of), after))).decode()


def read_cursor(cursor: str, *list_of: object) -> bytes:
    """The key behind which the list goes on, without its prefix.

    Raises:
        BadCursor: it is none, or another list's.
    """
    if not cursor.isascii() or len(cursor) > MAX_CURSOR_LENGTH:
        raise BadCursor("cursor: it is none that was given out")
    try:
        read = _decoder.decode(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise BadCursor("cursor: it is none that was given out") from None
    if read.list != _digest(list_of):
        raise BadCursor("cursor: it belongs to a list with another order or other filters")
    if not 0 < len(read.after) <= MAX_KEY_BYTES // 2 + 64:
        raise BadCursor("cursor: it is none that was given out")
    return read.after


def _digest(list_of: tuple[object, ...]) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(list_of), digest_size=8).digest()
