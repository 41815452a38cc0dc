"""The thread that sees to it that subscriptions move: it looks at the log, and has steps made where there is something.

All it knows is in the log. Each step is an operation, ``events.wake``, which is recorded like any other; a process that
dies before, in or after one leaves a cursor and its jobs that belong together. Steps run on a thread for each
extension, so that none waits while another's module is compiled. Nothing runs while there is no subscription.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from perdure.actors.clock import Clock
from perdure.actors.errors import SystemStopped
from perdure.actors.workers import Workers
from perdure.runtime.errors import ExtensionDisabled, PerdureError, RuntimeClosedError, UnknownExtension
from perdure.runtime.subscriptions.messages import ForgetSubscriber, WakeSubscriber, Woken
from perdure.runtime.subscriptions.records import (
    CHANGED,
    Subscriber,
    SubscriptionRow,
    decode_subscription,
    stored_subscriptions,
    subscriber_of_key,
)
from perdure.runtime.subscriptions.topics import matches
from perdure.runtime.subscriptions.waking import ROOM
from perdure.runtime.wasm.errors import ModuleError
from perdure.store.errors import StoreClosed, StoreError
from perdure.store.event_store import EventStore
from perdure.store.events import LibraryEventPublished, extension_stream, library_stream
from perdure.store.job_state import JobState

logger = logging.getLogger(__name__)

CALLER: Final = "events"  # in the log, of the steps
_PAUSE: Final = 0.01  # seconds between looks at a log that moves: a busy one is not looked at after each commit
_IDLE: Final = 0.25  # seconds after which a log that does not move is looked at all the same
_RETRY: Final = 2.0  # seconds until a step that failed is tried again
# What a subscription waits for, as so many items of `_Watched.looked`.
_EXTENSION: Final = 1  # a change of its extension: what it may do, whether it is switched on
_JOBS: Final = 2  # … or the end of one of that one's jobs
_ALL: Final = 3  # … or an event
_LAG: Final = 1_000  # events that concern nobody, after which the cursor moves all the same


class _Watched(msgspec.Struct):
    """A subscription, and what was seen of its extension, that one's jobs and its library before its last step.

    ``relevant``: one of the first so many of these has to change before there is another step.
    """

    subscriber: Subscriber
    row: SubscriptionRow
    looked: tuple[int, int, int] | None = None
    relevant: int = _ALL
    scanned: int = 0
    busy: bool = False
    retry_at: float | None = None


class Dispatcher:
    """Keeps subscriptions moving.

    Args:
        store: the log.
        call: `Runtime.call`.
        ensure_loaded: loads an extension, if it is not.
        clock: the time.
    """

    def __init__(
        self,
        store: EventStore,
        call: Callable[..., Any],
        ensure_loaded: Callable[[str], object],
        clock: Clock,
    ) -> None:
        self._store = store
        self._call = call
        self._ensure_loaded = ensure_loaded
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._workers = Workers(1)
        self._watched: dict[Subscriber, _Watched] = {}
        self._version: int | None = None
        self._extensions: frozenset[str] = frozenset()
        self._ends: Counter[str] = Counter()  # of jobs, by extension: where a step waits for room, there may be some

    def start(self) -> None:
        """Begin, if that was not done before."""
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="perdure-events", daemon=True)
                self._thread.start()

    def start_if_needed(self) -> None:
        """Begin, if there are subscriptions."""
        if next(stored_subscriptions(self._store), None) is not None:
            self.start()

    def job_ended(self, state: JobState) -> None:
        """A job has ended; called on the log writer's thread."""
        if state.extension in self._extensions:
            self._ends[state.extension] += 1

    def stop(self) -> None:
        """Begin no more steps."""
        self._stopping.set()
        self._workers.close()

    def join(self) -> None:
        """Wait for the thread; the log has moved since `stop`, or its end is noticed soon."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(4 * _IDLE)

    # --- looking -----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                position = self._store.position()
                self._look()
                self._store.wait(position, _IDLE)
            except StoreClosed:
                return
            except Exception:
                if self._stopping.is_set():
                    return
                logger.exception("the events of libraries could not be looked at")
                self._stopping.wait(_RETRY)
            self._stopping.wait(_PAUSE)

    def _look(self) -> None:
        changed = self._store.row(CHANGED)
        version = changed.version if changed is not None else 0
        if version != self._version:
            self._learn()
            self._version = version
        heads: dict[str, int] = {}
        for watched in list(self._watched.values()):
            subscriber = watched.subscriber
            now = (
                self._head(extension_stream(subscriber.extension), heads),
                self._ends[subscriber.extension],
                self._head(library_stream(subscriber.library_id), heads),
            )
            moved = watched.looked is None or watched.looked[: watched.relevant] != now[: watched.relevant]
            due = watched.retry_at is not None and self._clock.monotonic() >= watched.retry_at
            if watched.busy or not (moved or due):
                continue
            watched.looked, watched.busy, watched.retry_at, watched.relevant = now, True, None, _ALL
            try:
                self._workers.pool(subscriber.extension).submit(partial(self._move, watched))
            except RuntimeError:  # it closes, or there are no more threads
                watched.busy, watched.retry_at = False, self._clock.monotonic() + _RETRY

    def _head(self, stream: str, heads: dict[str, int]) -> int:
        if stream not in heads:
            head = self._store.head(stream)
            heads[stream] = head.sequence if head is not None else 0
        return heads[stream]

    def _learn(self) -> None:
        """What subscriptions there are."""
        known, self._watched = self._watched, {}
        for row in stored_subscriptions(self._store):
            subscriber, wanted = subscriber_of_key(row.key), decode_subscription(row.value)
            before = known.get(subscriber)
            # One that was ended and begun again has another beginning.
            same = before is not None and before.row == wanted
            self._watched[subscriber] = before if before is not None and same else _Watched(subscriber, wanted)
        self._extensions = frozenset(subscriber.extension for subscriber in self._watched)

    # --- moving ------------------------------------------------------------------------------------------------------

    def _move(self, watched: _Watched) -> None:
        """Make steps of one subscription; on a thread of its extension."""
        subscriber = watched.subscriber
        try:
            if self._has_something(watched):
                self._ensure_loaded(subscriber.extension)
                while not self._stopping.is_set():
                    woken = self._step(subscriber)
                    if woken.waits:
                        watched.relevant = _JOBS if woken.waits == ROOM else _EXTENSION
                        logger.info("%s is not woken now, its events wait: %s", subscriber.extension, woken.waits)
                    if not woken.more:
                        break
        except (SystemStopped, RuntimeClosedError, StoreClosed):
            pass  # the next process goes on
        except UnknownExtension:  # uninstalled by a process that died before it could do this
            self.forget(subscriber.extension)
        except (ExtensionDisabled, ModuleError) as error:
            watched.relevant = _EXTENSION
            logger.warning("%s cannot be woken, its events wait: %s", subscriber.extension, error)
        except (PerdureError, StoreError, TimeoutError) as error:
            logger.warning("%s is not woken now, its events wait: %s", subscriber.extension, error)
            watched.retry_at = self._clock.monotonic() + _RETRY
        finally:
            watched.busy = False

    def _has_something(self, watched: _Watched) -> bool:
        """Whether there is an event for it, so that a step is due; what concerns others is not recorded each time."""
        subscriber = watched.subscriber
        row = self._store.row(subscriber.cursor_key)
        cursor = int(row.value) if row is not None else watched.row.first
        start = max(cursor, watched.scanned)
        for stored in self._store.read(library_stream(subscriber.library_id), after=start):
            event = stored.event
            if isinstance(event, LibraryEventPublished) and matches(watched.row.topics, event.topic):
                return True
            watched.scanned = stored.sequence
        return watched.scanned - cursor > _LAG

    def _step(self, subscriber: Subscriber) -> Woken:
        request = WakeSubscriber(extension=subscriber.extension, subscription_id=subscriber.subscription_id)
        woken: Woken = self._call("action:events.wake", request, library_id=subscriber.library_id, caller=CALLER)
        return woken

    def forget(self, extension: str) -> None:
        """End the subscriptions of an extension that is uninstalled, if it has any. What fails is done by the next."""
        if all(subscriber_of_key(row.key).extension != extension for row in stored_subscriptions(self._store)):
            return
        try:
            self._call("action:events.forget", ForgetSubscriber(extension=extension), caller=CALLER)
        except (PerdureError, SystemStopped, StoreError, TimeoutError) as error:
            logger.warning("the subscriptions of %s could not be ended: %s", extension, error)
