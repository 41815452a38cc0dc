"""What each blob of a library begins with: 32 bytes that make it a file of its own, and tell whose it is.

Without a mark a guest could make the log name the same bytes (a checkpoint, a payload), and the blob would be removed
from under it. With one nobody else can make, a blob that no row names is known to be what a crash left: a call put it,
and died before its commit.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import secrets
from typing import Final

from perdure.store.rows import row_key

MARK_BYTES: Final = 32
KEY_ROW: Final = row_key("vdfs", "m")  # of the data folder; made by the first call that puts a blob
_KEY_BYTES: Final = 32
_PROCESS: Final = slice(0, 8)
_SIGNED: Final = slice(0, 24)
_SEAL: Final = slice(24, MARK_BYTES)


@functools.cache
def process_of_marks() -> bytes:
    """This process, in its marks: what it has put may be about to be named."""
    return secrets.token_bytes(8)


def new_key() -> bytes:
    """A data folder's key."""
    return secrets.token_bytes(_KEY_BYTES)


class Marks:
    """Makes marks. Within a process a call that runs again marks its blobs as before, so that it puts them once."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def of(self, key: bytes, call: str, digest: bytes, attempt: int) -> bytes:
        """The mark of these bytes in this call."""
        what = f"{attempt} {call}".encode() + b"\0" + digest
        return _sealed(key, hashlib.blake2b(what, digest_size=16, key=self._secret).digest())


def fresh_mark(key: bytes) -> bytes:
    """A mark that there is only once."""
    return _sealed(key, secrets.token_bytes(16))


def is_left_behind(key: bytes, blob: bytes) -> bool:
    """Whether a process that is gone put this blob for a library. If no row names it, none ever will."""
    mark = blob[:MARK_BYTES]
    if len(mark) < MARK_BYTES or not hmac.compare_digest(mark[_SEAL], _seal(key, mark[_SIGNED])):
        return False
    return mark[_PROCESS] != process_of_marks()


def _sealed(key: bytes, unique: bytes) -> bytes:
    signed = process_of_marks() + unique
    return signed + _seal(key, signed)


def _seal(key: bytes, signed: bytes) -> bytes:
    return hashlib.blake2b(signed, digest_size=8, key=key).digest()
