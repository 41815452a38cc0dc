"""``events.publish``, ``subscribe``, ``unsubscribe`` and ``list``; for the host, ``events.wake`` and ``forget``.

All but the last work in the library of the call: an event is seen by the extensions that subscribed there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from perdure.actors.clock import Clock
from perdure.actors.operations import OperationFailed
from perdure.runtime.extensions import Extensions
from perdure.runtime.guests.describe import resolve_job
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.runtime.subscriptions.messages import (
    ForgetSubscriber,
    Forgotten,
    ListSubscriptions,
    Published,
    PublishEvent,
    Subscribe,
    Subscribed,
    Subscription,
    SubscriptionList,
    Unsubscribe,
    Unsubscribed,
    WakeSubscriber,
    Woken,
)
from perdure.runtime.subscriptions.records import (
    CHANGED,
    Subscriber,
    SubscriptionRow,
    decode_subscription,
    encode_subscription,
    stored_subscriptions,
    subscriber_of,
    subscriber_of_key,
    subscriptions_prefix,
)
from perdure.runtime.subscriptions.topics import is_pattern, is_reserved, is_topic
from perdure.runtime.subscriptions.waking import Waking
from perdure.store.event_store import EventStore
from perdure.store.events import INLINE_LIMIT, library_stream

MAX_SUBSCRIPTIONS: Final = 100  # of one extension in one library


class EventOperations:
    """The operations.

    Args:
        store, extensions, clock: the runtime's.
        waking: makes the steps of subscriptions.
        started: called when there is a subscription, before its commit.
    """

    def __init__(
        self, store: EventStore, extensions: Extensions, clock: Clock, waking: Waking, started: Callable[[], None]
    ) -> None:
        self._store = store
        self._extensions = extensions
        self._clock = clock
        self._waking = waking
        self._started = started

    @action("events.publish", effect=Effect.TRANSACTIONAL)
    def publish(self, context: CallContext, request: PublishEvent) -> Published:
        """Tell the extensions of this library that something happened.

        Topics that begin with ``entry``, ``sidecar``, ``job`` and the like are the host's.
        """
        if not is_topic(request.topic):
            raise OperationFailed("invalid_payload", "topic: it must be segments of [a-z0-9_] with dots in between")
        if context.extension is not None and is_reserved(request.topic):
            raise OperationFailed("permission_denied", f"topics like {request.topic} are told by the host only")
        if len(bytes(request.data)) > INLINE_LIMIT:
            raise OperationFailed("invalid_payload", f"data: it may have {INLINE_LIMIT} bytes")
        context.publish(request.topic, request.data)
        return Published()

    @action("events.subscribe", effect=Effect.TRANSACTIONAL)
    def subscribe(self, context: CallContext, request: Subscribe) -> Subscribed:
        """Have a job dispatched for each event of this library, from now on, whose topic matches.

        The job's first state says what happened. Each event leads to one job, also over crashes.
        """
        extension = self._extension(context)
        for topic in request.topics:
            if not is_pattern(topic):
                raise OperationFailed("invalid_payload", "topics: each must be a topic, a beginning like entry.*, or *")
        found = resolve_job(self._extensions.state(extension).job_types, request.job_type)
        if found is None:
            raise OperationFailed("not_found", f"extension {extension} has no job {request.job_type}")
        library_id = _library(context)
        topics = tuple(sorted(set(request.topics)))
        subscriber = subscriber_of(library_id, extension, found.name, topics)
        if context.data.get(subscriber.key) is None:
            prefix = subscriptions_prefix(library_id, extension)
            if len(context.data.scan(prefix, limit=MAX_SUBSCRIPTIONS)) >= MAX_SUBSCRIPTIONS:
                raise OperationFailed("failed", f"an extension may have {MAX_SUBSCRIPTIONS} subscriptions in a library")
            head = self._store.head(library_stream(library_id))
            row = SubscriptionRow(topics, found.name, self._clock.now(), head.sequence if head is not None else 0)
            context.data.put(subscriber.key, encode_subscription(row))
            context.data.delete(subscriber.cursor_key)
            context.data.put(CHANGED, b"")
            self._started()
        return Subscribed(subscription_id=subscriber.subscription_id)

    @action("events.unsubscribe", effect=Effect.TRANSACTIONAL)
    def unsubscribe(self, context: CallContext, request: Unsubscribe) -> Unsubscribed:
        """End a subscription; jobs that it woke go on."""
        subscriber = Subscriber(_library(context), self._extension(context), request.subscription_id)
        if context.data.get(subscriber.key) is None:
            return Unsubscribed(removed=False)
        self._remove(context, subscriber)
        return Unsubscribed(removed=True)

    @query("events.list")
    def list(self, context: CallContext, request: ListSubscriptions) -> SubscriptionList:
        """The extension's subscriptions in this library, and how far each has come."""
        library_id = _library(context)
        head = self._store.head(library_stream(library_id))
        found = []
        for key, value in context.data.scan(subscriptions_prefix(library_id, context.extension)):
            subscriber, row = subscriber_of_key(key), decode_subscription(value)
            cursor = self._store.row(subscriber.cursor_key)  # of the moment: it moves all the time
            found.append(
                Subscription(
                    subscription_id=subscriber.subscription_id,
                    extension=subscriber.extension,
                    topics=row.topics,
                    job_type=row.job_type,
                    created=row.created,
                    cursor=int(cursor.value) if cursor is not None else row.first,
                    latest=head.sequence if head is not None else 0,
                )
            )
        return SubscriptionList(subscriptions=found)

    # --- for the host ------------------------------------------------------------------------------------------------

    @action("events.wake", effect=Effect.TRANSACTIONAL, callers="host")
    def wake(self, context: CallContext, request: WakeSubscriber) -> Woken:
        """Dispatch the jobs of a subscription's next events; the host does so by itself."""
        return self._waking.step(context, Subscriber(_library(context), request.extension, request.subscription_id))

    @action("events.forget", effect=Effect.TRANSACTIONAL, scope="core", callers="host")
    def forget(self, context: CallContext, request: ForgetSubscriber) -> Forgotten:
        """End all subscriptions of an extension, in all libraries, when it is uninstalled."""
        removed = 0
        for stored in stored_subscriptions(self._store):
            subscriber = subscriber_of_key(stored.key)
            if subscriber.extension == request.extension and context.data.get(stored.key) is not None:
                self._remove(context, subscriber)
                removed += 1
        return Forgotten(removed=removed)

    @staticmethod
    def _remove(context: CallContext, subscriber: Subscriber) -> None:
        context.data.delete(subscriber.key)
        context.data.delete(subscriber.cursor_key)
        for key, _ in context.data.scan(subscriber.woken_prefix):
            context.data.delete(key)
        context.data.put(CHANGED, b"")

    @staticmethod
    def _extension(context: CallContext) -> str:
        if context.extension is None:
            raise OperationFailed("invalid_payload", "a subscription is an extension's; call it for one")
        return context.extension


def _library(context: CallContext) -> UUID:
    if context.library_id is None:
        raise AssertionError("unreachable: the operation's scope is a library")
    return context.library_id


def event_operations(
    store: EventStore, extensions: Extensions, clock: Clock, waking: Waking, started: Callable[[], None]
) -> tuple[Callable[..., Any], ...]:
    """The operations, ready to be registered; see `EventOperations`."""
    events = EventOperations(store, extensions, clock, waking, started)
    return events.publish, events.subscribe, events.unsubscribe, events.list, events.wake, events.forget
