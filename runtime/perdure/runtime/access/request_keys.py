"""Idempotency keys of requests to the server (draft-ietf-httpapi-idempotency-key-header): what is kept under each.

A key is its client's own. The row is written with the event that the request was accepted, and again with what it came
to, so that a process that dies leaves behind whether it was begun, and whether it was answered. It is kept for a day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from perdure.store.event_store import EventStore
from perdure.store.events import RowWrite
from perdure.store.rows import SEPARATOR, row_key

LIFETIME: Final = 24 * 3600 * 1_000_000  # microseconds
PURPOSE: Final = "access.answer"  # what answers are sealed for
_FAMILY: Final = "access.key"
_PAGE: Final = 1000
_DIGEST: Final = 16


class RequestKey(msgspec.Struct, array_like=True, frozen=True):
    """The value of a key's row. Stored: a new field is added at the end, with a default.

    Attributes:
        request: the id of the first request with it, 16 bytes.
        digest: of what was asked for.
        begun: when, in microseconds since 1970.
        status: HTTP's, of the answer; 0 while there is none.
        sealed: the answer; None if it is not kept.
        seal: the id of the key that it is sealed with.
    """

    request: bytes
    digest: bytes
    begun: int
    status: int = 0
    sealed: bytes | None = None
    seal: str = ""

    @property
    def is_answered(self) -> bool:
        """Whether what it came to is known."""
        return self.status != 0

    def has_ended(self, now: int) -> bool:
        """Whether the key can be used anew."""
        return now - self.begun >= LIFETIME


_decode = msgspec.msgpack.Decoder(RequestKey).decode
_encode = msgspec.msgpack.Encoder().encode


def key_of(client: str, key: str) -> bytes:
    """The row's key."""
    return row_key(_FAMILY, digest_of([client, key]).hex())


def digest_of(value: Any) -> bytes:
    """What identifies a value that JSON can say."""
    return hashlib.blake2b(msgspec.json.encode(value, order="deterministic"), digest_size=_DIGEST).digest()


def found(store: EventStore, key: bytes) -> tuple[RequestKey | None, int]:
    """What is kept under a row's key, and the row's version, 0 for none."""
    row = store.row(key)
    return (_decode(row.value), row.version) if row is not None else (None, 0)


def write_of(key: bytes, value: RequestKey | None) -> RowWrite:
    """The change that keeps this, or forgets it."""
    return RowWrite(key, _encode(value) if value is not None else None)


def ended(store: EventStore, now: int) -> Iterator[list[bytes]]:
    """The rows' keys that have had their day, some at a time."""
    prefix = _FAMILY.encode() + SEPARATOR
    after = b""
    while rows := store.rows(prefix, after=after, limit=_PAGE):
        keys = [row.key for row in rows if _decode(row.value).has_ended(now)]
        if keys:
            yield keys
        after = rows[-1].key
