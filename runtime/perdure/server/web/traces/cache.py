"""The traces of the jobs that people look at, kept up to date with the log."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from perdure.server.web.traces.trace import Trace
from perdure.store.errors import UnknownJob
from perdure.store.event_store import EventStore
from perdure.store.events import job_stream

KEPT: Final = 8  # jobs; one that was looked at longest ago is read anew


class _Kept:
    def __init__(self, job_id: UUID) -> None:
        self.trace = Trace(job_id)
        self.lock = threading.Lock()


class Traces:
    """Traces by job. For any thread: one reads a job's events, others that want it wait."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, store: EventStore, job_id: UUID) -> Iterator[Trace]:
        """The trace of a job up to its last event; it may not be changed, nor used once the block is left.

        Raises:
            UnknownJob, JobIsFolded: there is no such job, or nothing is left of its events.
            StoreError: the log cannot be read.
        """
        stream = job_stream(job_id)
        head = store.head(stream)
        if head is None:
            raise UnknownJob(str(job_id))
        kept = self._find(job_id)
        with kept.lock:
            if head.sequence > kept.trace.sequence:
                try:
                    for stored in store.read(stream, after=kept.trace.sequence, until=head.sequence):
                        kept.trace.feed(stored)
                except BaseException:
                    kept.trace = Trace(job_id)  # it may be half changed
                    raise
            yield kept.trace

    def _find(self, job_id: UUID) -> _Kept:
        with self._lock:
            kept = self._kept.setdefault(job_id, _Kept(job_id))
            self._kept.move_to_end(job_id)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return kept
