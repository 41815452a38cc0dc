"""One step of a subscription: its next events become jobs, and its cursor moves, in one commit."""

from __future__ import annotations

import itertools
import logging
from typing import Final
from uuid import UUID

import msgspec

from perdure.runtime.dispatching import Dispatching
from perdure.runtime.errors import BudgetExceeded, PerdureError
from perdure.runtime.extensions import Extensions
from perdure.runtime.operations.context import CallContext
from perdure.runtime.permissions import OperationName
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.subscriptions.messages import Woken
from perdure.runtime.subscriptions.records import Subscriber, SubscriptionRow, decode_subscription, depth_key
from perdure.runtime.subscriptions.topics import matches
from perdure.store.blobs import load_payload
from perdure.store.errors import UnknownJob
from perdure.store.event_store import EventStore, StoredEvent
from perdure.store.events import LibraryEventPublished, job_stream, library_stream
from perdure.store.family import ancestors_of
from perdure.store.rows import SEPARATOR

logger = logging.getLogger(__name__)

SUBSCRIBE: Final = OperationName("action", "events.subscribe")
ROOM: Final = "room"
_AGAIN: Final = "another step"
_EVENTS: Final = 500  # of the library that a step looks at


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """The first state of a job that an event woke. ``job_id`` published it, if that is the same extension's."""

    subscription_id: str
    library_id: UUID
    sequence: int
    time: int
    topic: str
    data: msgspec.Raw
    extension: str | None
    job_id: UUID | None


class Waking:
    """Makes steps. What it reads of jobs and permissions is of the moment; what it writes are rows and dispatches."""

    def __init__(
        self, store: EventStore, extensions: Extensions, dispatching: Dispatching, settings: RuntimeSettings
    ) -> None:
        self._store = store
        self._extensions = extensions
        self._dispatching = dispatching
        self._chain = settings.event_chain
        self._most = settings.queued_wakeups

    def step(self, context: CallContext, subscriber: Subscriber) -> Woken:
        """The next step; nothing for a subscription that is gone."""
        found = context.data.get(subscriber.key)
        if found is None:
            return Woken(jobs=[], dropped=[], cursor=0, more=False)
        row = decode_subscription(found)
        kept = context.data.get(subscriber.cursor_key)
        start = cursor = int(kept) if kept is not None else row.first
        room = self._most - self._unfinished(context, subscriber)
        jobs: list[UUID] = []
        dropped: list[int] = []
        waits = ""
        seen = 0
        stream = library_stream(subscriber.library_id)
        for stored in itertools.islice(self._store.read(stream, after=cursor), _EVENTS):
            event = stored.event
            if isinstance(event, LibraryEventPublished) and matches(row.topics, event.topic):
                depth = 1 + self.depth_of(event.job_id)
                if depth > self._chain:
                    dropped.append(stored.sequence)
                elif len(jobs) >= room:
                    waits = ROOM
                    break
                elif waits := self._wake(context, subscriber, row, stored, event, depth, jobs):
                    break
            cursor = stored.sequence
            seen += 1
        if cursor != start:
            context.data.put(subscriber.cursor_key, b"%d" % cursor)
        for sequence in dropped:
            logger.warning(
                "event %d of library %s wakes %s no more: %d wake-ups led to it",
                sequence,
                subscriber.library_id,
                subscriber.extension,
                self._chain,
            )
        if waits == _AGAIN:
            return Woken(jobs=jobs, dropped=dropped, cursor=cursor, more=True)
        return Woken(jobs=jobs, dropped=dropped, cursor=cursor, more=seen == _EVENTS, waits=waits)

    def _wake(
        self,
        context: CallContext,
        subscriber: Subscriber,
        row: SubscriptionRow,
        stored: StoredEvent,
        event: LibraryEventPublished,
        depth: int,
        jobs: list[UUID],
    ) -> str:
        """Dispatch the job of one event; returns what that waits for, if it cannot be."""
        state = _State(
            subscription_id=subscriber.subscription_id,
            library_id=subscriber.library_id,
            sequence=stored.sequence,
            time=stored.time,
            topic=event.topic,
            data=msgspec.Raw(load_payload(self._store.blobs, event.data)),
            extension=event.extension,
            job_id=event.job_id if event.extension == subscriber.extension else None,
        )
        try:
            if not self._extensions.effective(subscriber.extension).permissions.allows(SUBSCRIBE):
                return f"{SUBSCRIBE} is not granted any more"
            prepared = self._dispatching.prepare(
                f"{subscriber.extension}:{row.job_type}",
                msgspec.json.encode(state),
                library_id=subscriber.library_id,
                job_id=subscriber.job_id(stored.sequence, stored.time),
            )
            if self._dispatching.refuses(prepared):
                if jobs:
                    return _AGAIN  # one a step, so that each is counted before the next
                self._dispatching.check_room(prepared)
        except BudgetExceeded:
            return ROOM
        except PerdureError as error:
            return str(error)
        job_id = prepared.dispatched.job_id
        context.append(job_stream(job_id), [prepared.dispatched], 0)
        context.data.put(subscriber.woken_key(job_id), b"")
        context.data.put(depth_key(job_id), b"%d" % depth)
        jobs.append(job_id)
        return ""

    def _unfinished(self, context: CallContext, subscriber: Subscriber) -> int:
        """How many of the jobs that it woke have not ended; those that have are forgotten."""
        left = 0
        for key, _ in context.data.scan(subscriber.woken_prefix):
            if self._store.job(UUID(key.rpartition(SEPARATOR)[2].decode())).finished:
                context.data.delete(key)
            else:
                left += 1
        return left

    def depth_of(self, job_id: UUID | None) -> int:
        """How many wake-ups led to a job, or to one that it descends from."""
        if job_id is None:
            return 0
        try:
            job = self._store.job(job_id)
        except UnknownJob:
            return 0
        for one in (job, *ancestors_of(self._store, job)):
            row = self._store.row(depth_key(one.job_id))
            if row is not None:
                return int(row.value)
        return 0
