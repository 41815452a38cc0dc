"""An event store around another one, which a test can watch, block, break and cut off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self
from uuid import UUID

from tests.support.waiting import TIMEOUT

from perdure.store import (
    Appended,
    AppendRequest,
    EventStore,
    Head,
    JobPage,
    JobQuery,
    JobState,
    LogMoment,
    RawFrame,
    Removed,
    Row,
    Status,
    StoreClosed,
    StoredEvent,
    StoreError,
)
from perdure.store.blobs import SweptBlobs
from perdure.store.events import Event, RowWrite
from perdure.store.projection import State


class StoreWrapper:
    """`EventStore` that hands everything on to ``inner``.

    ``batches`` has the requests of each `append_batch` that was committed, ``attempts`` counts all of them. ``before``
    is called before each commit, with its requests, and may raise; ``held`` has what `block` holds back.
    """

    def __init__(self, inner: EventStore) -> None:
        self.inner = inner
        self.batches: list[list[AppendRequest]] = []
        self.attempts = 0
        self.held: Sequence[AppendRequest] = ()
        self.before: Callable[[Sequence[AppendRequest]], None] = lambda requests: None
        self._cut = False
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._open.set()
        self.blocked = threading.Semaphore(0)  # released by each commit that `block` holds back

    # --- what a test does to it --------------------------------------------------------------------------------------

    def block(self) -> None:
        """Hold back every commit from now on, until `unblock`."""
        self._open.clear()

    def unblock(self) -> None:
        self._open.set()

    def fail_with(self, error: BaseException | None) -> None:
        """Let every commit from now on fail with ``error``; None: let them succeed again."""

        def fail(requests: Sequence[AppendRequest]) -> None:
            if error is not None:
                raise error

        self.before = fail

    def fail_once_with(self, error: BaseException) -> None:
        """Let the next commit fail with ``error``."""

        def fail(requests: Sequence[AppendRequest]) -> None:
            self.fail_with(None)
            raise error

        self.before = fail

    def cut(self) -> None:
        """What comes through this wrapper from now on never reaches the store: its process died."""
        with self._lock:
            self._cut = True
        self.unblock()

    # --- writing -----------------------------------------------------------------------------------------------------

    def append_batch(
        self, requests: Sequence[AppendRequest], riders: Sequence[RowWrite] = ()
    ) -> list[Appended | StoreError]:
        self.attempts += 1
        if not self._open.is_set():
            self.held = requests
            self.blocked.release()
            assert self._open.wait(TIMEOUT), "nobody unblocked the store"
        self.before(requests)
        with self._lock:
            if self._cut:
                raise StoreClosed
            answers = self.inner.append_batch(requests, riders)
        self.batches.append(list(requests))
        return answers

    def append(self, stream: str, events: Sequence[Event], expected: int | None = None) -> Appended:
        return self.inner.append(stream, events, expected)

    # --- reading -----------------------------------------------------------------------------------------------------

    @property
    def blobs(self) -> SweptBlobs:
        return self.inner.blobs

    def read(
        self, stream: str, *, after: int = 0, until: int | None = None, backward: bool = False
    ) -> Iterator[StoredEvent]:
        return self.inner.read(stream, after=after, until=until, backward=backward)

    def read_all(self, *, after: int = 0, until: int | None = None, containing: bytes = b"") -> Iterator[StoredEvent]:
        return self.inner.read_all(after=after, until=until, containing=containing)

    def frames(self) -> Iterator[RawFrame]:
        return self.inner.frames()

    def position(self) -> int:
        return self.inner.position()

    def wait(self, after: int, timeout: float | None = None) -> int:
        return self.inner.wait(after, timeout)

    def head(self, stream: str) -> Head | None:
        return self.inner.head(stream)

    def heads(self, visit: Callable[[str, Head], object]) -> LogMoment:
        return self.inner.heads(visit)

    def streams(self, prefix: str = "") -> Iterator[str]:
        return self.inner.streams(prefix)

    def state(self, stream: str) -> State | None:
        return self.inner.state(stream)

    def rebuild(self, stream: str, until: int | None = None) -> State | None:
        return self.inner.rebuild(stream, until)

    def row(self, key: bytes) -> Row | None:
        return self.inner.row(key)

    def rows(self, prefix: bytes, *, after: bytes = b"", limit: int = 1000) -> list[Row]:
        return self.inner.rows(prefix, after=after, limit=limit)

    def job(self, job_id: UUID) -> JobState:
        return self.inner.job(job_id)

    def jobs(self, query: JobQuery) -> JobPage:
        return self.inner.jobs(query)

    def count_jobs(self, query: JobQuery | None = None) -> dict[Status, int]:
        return self.inner.count_jobs(query)

    def count_unfinished(self) -> dict[Status, int]:
        return self.inner.count_unfinished()

    def unfolded(self, *, after: UUID | None = None, until: UUID | None = None, limit: int = 1000) -> list[UUID]:
        return self.inner.unfolded(after=after, until=until, limit=limit)

    def remove_folded(self, limit: int) -> Removed:
        return self.inner.remove_folded(limit)

    def close(self) -> None:
        self.inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
