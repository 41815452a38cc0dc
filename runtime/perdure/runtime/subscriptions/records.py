"""Subscriptions as rows: what was asked for, how far each has come, and the jobs that it woke.

| key | value |
| --- | --- |
| ``events.subscription``, library, extension, subscription | `SubscriptionRow` |
| ``events.cursor``, subscription | the sequence of the library's event that was seen last |
| ``events.woken``, subscription, job | nothing; gone some time after the job has ended |
| ``events.depth``, job | how many wake-ups led to this job |
| ``events.changed`` | nothing; written with every change of the first kind, so that its version tells of it |
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import msgspec

from perdure.store.errors import CorruptLog
from perdure.store.event_store import EventStore
from perdure.store.events import UNREADABLE
from perdure.store.rows import SEPARATOR, Row, row_key

CHANGED: Final = row_key("events.changed")
_SUBSCRIPTION: Final = "events.subscription"
_PAGE: Final = 1000
_RANDOM_BITS: Final = (1 << 62) - 1


class SubscriptionRow(msgspec.Struct, array_like=True, frozen=True):
    """What was asked for. ``created`` is in microseconds since 1970, ``first`` the event before the first it gets."""

    topics: tuple[str, ...]
    job_type: str
    created: int
    first: int


class Subscriber(msgspec.Struct, frozen=True):
    """Whose subscription it is, and where."""

    library_id: UUID
    extension: str
    subscription_id: str

    @property
    def key(self) -> bytes:
        """The key of its row."""
        return row_key(_SUBSCRIPTION, str(self.library_id), self.extension, self.subscription_id)

    @property
    def cursor_key(self) -> bytes:
        """The key of its cursor."""
        return row_key("events.cursor", self.subscription_id)

    def woken_key(self, job_id: UUID) -> bytes:
        """The key of the row of a job that it woke."""
        return row_key("events.woken", self.subscription_id, str(job_id))

    @property
    def woken_prefix(self) -> bytes:
        """What those keys begin with."""
        return row_key("events.woken", self.subscription_id) + SEPARATOR

    def job_id(self, sequence: int, time: int) -> UUID:
        """The id of the job that an event wakes: always the same, so that it is dispatched once.

        ``time`` is the event's, in microseconds since 1970: jobs are listed by the time in their ids.
        """
        digest = hashlib.blake2b(f"{self.subscription_id}\0{sequence}".encode(), digest_size=8).digest()
        milliseconds, micro = divmod(time, 1000)
        value = (milliseconds & ((1 << 48) - 1)) << 80 | 7 << 76 | (micro * 4096 // 1000) << 64 | 0b10 << 62
        return UUID(int=value | (int.from_bytes(digest, "big") & _RANDOM_BITS))


def subscriber_of(library_id: UUID, extension: str, job_type: str, topics: tuple[str, ...]) -> Subscriber:
    """The subscriber with an id that says what it asks for, so that to subscribe again changes nothing."""
    text = "\0".join((str(library_id), extension, job_type, *topics))
    return Subscriber(library_id, extension, hashlib.blake2b(text.encode(), digest_size=16).hexdigest())


def subscriber_of_key(key: bytes) -> Subscriber:
    """The subscriber that a row's key names."""
    _, library_id, extension, subscription_id = key.decode().split("\0")
    return Subscriber(UUID(library_id), extension, subscription_id)


def subscriptions_prefix(library_id: UUID | None = None, extension: str | None = None) -> bytes:
    """What the keys of subscriptions begin with: of all, of a library, of an extension there."""
    parts = [_SUBSCRIPTION]
    if library_id is not None:
        parts.append(str(library_id))
        if extension is not None:
            parts.append(extension)
    return row_key(*parts) + SEPARATOR


def depth_key(job_id: UUID) -> bytes:
    """The key of the row that says how many wake-ups led to a job."""
    return row_key("events.depth", str(job_id))


def decode_subscription(value: bytes) -> SubscriptionRow:
    """The row that ``value`` holds.

    Raises:
        CorruptLog: it holds something else.
    """
    try:
        return msgspec.msgpack.decode(value, type=SubscriptionRow)
    except UNREADABLE as error:
        raise CorruptLog("the row of a subscription", str(error)) from None


def encode_subscription(row: SubscriptionRow) -> bytes:
    """The bytes that are stored."""
    return msgspec.msgpack.encode(row)


def stored_subscriptions(store: EventStore, library_id: UUID | None = None) -> Iterator[Row]:
    """The rows of all subscriptions, or of those of a library."""
    prefix, after = subscriptions_prefix(library_id), b""
    while rows := store.rows(prefix, after=after, limit=_PAGE):
        yield from rows
        after = rows[-1].key
