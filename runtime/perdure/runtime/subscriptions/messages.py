"""Requests and answers of the ``events`` operations, as they are on the wire. Times are microseconds since 1970."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec

from perdure.runtime.subscriptions.topics import MAX_TOPIC

MAX_TOPICS: Final = 32

Topic = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TOPIC)]
SubscriptionId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class PublishEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``topic`` is like ``invoice.read``; ``data`` is any JSON, at most 64 KiB of it."""

    topic: Topic
    data: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))  # a schema can say no Raw


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The event is in the log."""


class Subscribe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``topics`` are exact, or beginnings like ``entry.*``, or ``*``. ``job_type`` is one of the extension itself."""

    topics: Annotated[list[Topic], msgspec.Meta(min_length=1, max_length=MAX_TOPICS)]
    job_type: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class Subscribed(msgspec.Struct, frozen=True, kw_only=True):
    """Its id: the same for the same topics and job type."""

    subscription_id: str


class Unsubscribe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which subscription."""

    subscription_id: SubscriptionId


class Unsubscribed(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there was one."""

    removed: bool


class ListSubscriptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those of the extension in this library; for the host those of all extensions."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription. ``cursor`` is the library's event that it has come to, ``latest`` the library's last."""

    subscription_id: str
    extension: str
    topics: tuple[str, ...]
    job_type: str
    created: int
    cursor: int
    latest: int


class SubscriptionList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    subscriptions: list[Subscription]


class WakeSubscriber(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which subscription, of which extension."""

    extension: str
    subscription_id: SubscriptionId


class Woken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the next events of a subscription.

    ``jobs`` were dispatched. ``dropped`` are the sequences of events that woke nobody, because too many wake-ups had
    led to them. ``cursor`` is how far it came; with ``more`` there is more to do at once. ``waits`` says what the next
    event waits for, empty if there is none: ``room``, or why the extension cannot be woken.
    """

    jobs: list[UUID]
    dropped: list[int]
    cursor: int
    more: bool
    waits: str = ""


class ForgetSubscriber(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which extension."""

    extension: str


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """How many subscriptions it had."""

    removed: int
