"""The hub: one thread follows the log for all who watch.

A *tick* is a stretch of the log: the thread reads it once, encodes what somebody watches once, and hands it to the
event loop, which wakes the watchers. Ticks are as long as it takes to keep the hub below a fixed part of this process'
time: with one watcher some milliseconds, with a thousand some hundred. Nobody watches: the thread waits.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from perdure.server.web.live.blocks import Blocks
from perdure.server.web.live.channel import Channel, Piece
from perdure.server.web.live.owners import Owners
from perdure.server.web.live.reading import Block, block_reader
from perdure.server.web.live.selection import JobSelection, ListSelection, LogSelection
from perdure.server.web.live.tick import Channels, Publication, Ticks
from perdure.store.event_store import EventStore
from perdure.store.lifecycle import Status

logger = logging.getLogger(__name__)

Selection = LogSelection | JobSelection | ListSelection

LISTS: Final = 0.25  # seconds between two messages of a list of jobs
KEPT: Final = 32 << 20  # bytes that were sent lately, of all channels; who is further behind reads the log
_SHORTEST, _LONGEST = 0.02, 1.0  # seconds of a tick
_REST: Final = 4  # a tick is so many times what it cost to tell the one before
_STRETCH: Final = 20_000  # events that are read for one tick at most
_LOOK: Final = 0.25  # seconds that the thread waits for the log at most
_FRESH: Final = 1.0  # seconds for which a count of all jobs is good for one who has just come


class Hub:
    """Serves watchers, from the first one until `close`. Everything but `_follow` is called on the event loop."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.owners = Owners(store)
        self._ticks = Ticks(store, self.owners)
        self._lock = threading.Lock()
        self._some = threading.Condition(self._lock)  # somebody watches, or it ends
        self._channels = Channels()
        self._next = 0  # the position behind which a channel that is new is served from
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._blocks = Blocks()
        self._kept: deque[tuple[Channel, Piece]] = deque()
        self._kept_bytes = 0
        self._counts: tuple[float, dict[Status, int]] | None = None
        self._counting: asyncio.Task[dict[Status, int]] | None = None
        self._ends: dict[Callable[[], None], None] = {}

    @property
    def closed(self) -> bool:
        """Whether nobody is served any more."""
        return self._ending.is_set()

    # --- watchers ----------------------------------------------------------------------------------------------------

    def join(self, selection: Selection, wake: Callable[[], None]) -> tuple[Channel, int]:
        """The channel of a selection, and the position behind which it says everything."""
        if self._thread is None and not self._ending.is_set():
            self._loop = asyncio.get_running_loop()
            thread = threading.Thread(target=self._follow, name="perdure-live", daemon=True)
            thread.start()
            self._thread = thread
        with self._lock:
            if not self._channels:
                self._next = self.store.position()
            channel = self._channel(selection)
            self._some.notify()
            begins = self._next
        channel.join(wake)
        return channel, begins

    def leave(self, selection: Selection, channel: Channel, wake: Callable[[], None]) -> None:
        """Somebody watches no more."""
        if not channel.leave(wake):
            return
        with self._lock:
            if isinstance(selection, LogSelection):
                if self._channels.logs.get(selection) is channel:
                    del self._channels.logs[selection]
            elif isinstance(selection, ListSelection):
                if self._channels.lists.get(selection) is channel:
                    del self._channels.lists[selection]
            elif self._channels.jobs.get(selection.stream, {}).get(selection) is channel:
                del self._channels.jobs[selection.stream][selection]
                if not self._channels.jobs[selection.stream]:
                    del self._channels.jobs[selection.stream]

    def _channel(self, selection: Selection) -> Channel:
        if isinstance(selection, LogSelection):
            return self._channels.logs.setdefault(selection, Channel(self._next))
        if isinstance(selection, ListSelection):
            return self._channels.lists.setdefault(selection, Channel(self._next))
        # A job's cursors are sequences: the first tick tells where it begins.
        return self._channels.jobs.setdefault(selection.stream, {}).setdefault(selection, Channel(None))

    async def behind(self, selection: LogSelection | JobSelection, cursor: int, *, cut: bool = False) -> Block:
        """What follows a cursor in the log; what is before it may be in it, too, unless the block before was ``cut``.

        Errors as for `Blocks.get`.
        """
        first, read = block_reader(self.store, selection, self.owners.of, cursor, cut=cut)
        return await self._blocks.get((selection, first), read)

    async def counts(self) -> dict[Status, int]:
        """How many jobs there are by status, at most a second ago."""
        if self._counts is not None and time.monotonic() - self._counts[0] <= _FRESH:
            return self._counts[1]
        if self._counting is None:  # once for all who come while it is done: it takes a look at each job
            self._counting = asyncio.create_task(self._count())
        return await asyncio.shield(self._counting)

    async def _count(self) -> dict[Status, int]:
        began = time.monotonic()
        counts: dict[Status, int] | None = None
        try:
            counts = await asyncio.to_thread(self.store.count_jobs)
            return counts
        finally:
            if self._counting is asyncio.current_task():
                self._counting = None
                self._counts = None if counts is None else (began, counts)

    def when_closed(self, end: Callable[[], None]) -> Callable[[], None]:
        """Have ``end`` called by `close`; returns what takes that back."""
        self._ends[end] = None
        return lambda: self._ends.pop(end, None)

    def close(self) -> None:
        """Serve nobody any more. Idempotent; returns when the log is read no more."""
        self._ending.set()
        with self._lock:
            self._some.notify_all()
        self._blocks.close()
        self._end_all()

    def _end_all(self) -> None:
        for end in list(self._ends):
            end()

    def join_thread(self) -> None:
        """Wait for the thread, which reads the log, and for those that read for somebody. After `close`."""
        if self._thread is not None:
            self._thread.join()
        self._blocks.join()

    # --- the thread --------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        try:
            self._ticks_until_the_end()
        except Exception:  # whoever watches has to be told by the end of their streams, not by silence
            if not self._ending.is_set():
                logger.exception("the log could not be followed: all streams end, and may be asked for again")
                self._ending.wait(_LONGEST)  # if it is so each time, then not at once
        finally:
            self._call(self._followed)

    def _followed(self) -> None:
        """The thread has ended. What it had read and not told is in the log: channels begin anew."""
        self._thread = None
        with self._lock:
            self._channels = Channels()
        self._end_all()

    def _ticks_until_the_end(self) -> None:
        lists_due = 0.0
        while not self._ending.is_set():
            with self._lock:
                while not self._channels and not self._ending.is_set():
                    self._some.wait()
                seen = self._next
            latest = self.store.wait(seen, _LOOK)
            with self._lock:
                channels = self._channels.copy()
                latest = min(latest, seen + _STRETCH)
                self._next = max(seen, latest)
            began = time.monotonic()
            publications: list[Publication] = []
            if latest > seen:
                publications, told = self._ticks.of_events(channels, seen, latest)
                if told < latest:
                    with self._lock:
                        self._next = latest = told
            of_lists: list[Publication] = []
            if began >= lists_due:
                of_lists = self._ticks.of_lists(channels.lists, latest)
                lists_due = began + LISTS
            if publications or of_lists:
                self._tell(publications, of_lists)
            cost = time.monotonic() - began
            self._ending.wait(min(max(_SHORTEST, cost * _REST), _LONGEST))

    def _tell(self, publications: list[Publication], of_lists: list[Publication]) -> None:
        """Hand them to the event loop, and wait until it has told the watchers."""
        told = threading.Event()

        def publish() -> None:
            if of_lists:  # jobs may have been counted anew: whoever comes now must not get an older count
                self._counts = self._counting = None
            for publication in (*publications, *of_lists):
                self._publish(publication)
            # Those who were woken come first in the loop's queue.
            asyncio.get_running_loop().call_soon(told.set)

        if self._call(publish):
            while not told.wait(_LOOK) and not self._ending.is_set():
                pass

    def _call(self, function: Callable[[], None]) -> bool:
        if self._loop is None:
            return False
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop has been closed
            return False
        return True

    def _publish(self, publication: Publication) -> None:
        channel = publication.channel
        if channel.head is None:
            channel.head = publication.head
        channel.publish(publication.pieces, publication.ended)
        for piece in publication.pieces:
            self._kept.append((channel, piece))
            self._kept_bytes += piece.size
        while self._kept_bytes > KEPT:
            old, piece = self._kept.popleft()
            self._kept_bytes -= piece.size
            if old.pieces and old.pieces[0] is piece:
                old.pieces.popleft()
