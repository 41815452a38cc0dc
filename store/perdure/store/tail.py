"""The live end of the log, in this process or from another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from perdure.store.event_store import EventStore, StoredEvent


def follow(
    store: EventStore,
    *,
    after: int = 0,
    stop: Callable[[], bool] = lambda: False,
    interval: float = 0.25,
) -> Iterator[StoredEvent]:
    """Every event after position ``after``, then each new one as it is committed, until ``stop()`` is true.

    ``stop`` is asked between batches, and at least every ``interval`` seconds while nothing happens. What was in the
    log when it turned true is still handed out; what is appended later is not, so a busy log ends too. In the writer's
    process an event is seen when its commit returns; from another process within 20 ms of it.
    """
    seen = after
    while True:
        stopping = stop()
        latest = store.position() if stopping else store.wait(seen, interval)
        if latest > seen:
            yield from store.read_all(after=seen, until=latest)
            seen = latest
        if stopping:
            return


def follow_stream(
    store: EventStore,
    stream: str,
    *,
    after: int = 0,
    stop: Callable[[], bool] = lambda: False,
    interval: float = 0.25,
) -> Iterator[StoredEvent]:
    """The same for one stream, where ``after`` is a sequence."""
    sequence, position = after, -1
    while True:
        stopping = stop()
        # The position is taken before the stream is read: an event in between ends the next wait at once.
        position = store.position() if stopping or position < 0 else store.wait(position, interval)
        for event in store.read(stream, after=sequence):
            sequence = event.sequence
            yield event
        if stopping:
            return
