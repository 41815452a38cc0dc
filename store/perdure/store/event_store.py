"""The contract of every event store, on one page.

An event before it is stored (`Event`) and after (`StoredEvent`) are two types. `LmdbEventStore` keeps events on disk,
`MemoryEventStore` in memory; ``tests/contract/event_store_contract.py`` is the test that both pass, and that a third
one binds in a few lines.

Threads: every method may be called from any thread. Order: the log is one sequence of positions 1, 2, 3 …; each stream
is a sequence 1, 2, 3 … of its own. An append is all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

import msgspec

from perdure.store.blobs import SweptBlobs
from perdure.store.errors import StoreError
from perdure.store.events import AnyEvent, Event, RowWrite
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status
from perdure.store.projection import State
from perdure.store.rows import RangeRead, Row, RowRead


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place and its links. ``time`` is in microseconds since 1970.

    ``position`` is its place in the whole log, ``sequence`` in its stream, both from 1. ``previous`` is the hash of the
    stream's event before it, ``hash`` its own. ``body`` holds the bytes that are stored.
    """

    position: int
    stream: str
    sequence: int
    time: int
    event: AnyEvent
    body: bytes
    previous: bytes
    hash: bytes


class SideAppend(msgspec.Struct, array_like=True, frozen=True):
    """Events, encoded, for another stream than the request's own; ``expected`` as in `AppendRequest`."""

    stream: str
    bodies: tuple[bytes, ...]
    expected: int | None = None


class Effects(msgspec.Struct, array_like=True, frozen=True):
    """What an append depends on and brings along: all of it happens in one transaction, or nothing.

    ``reads`` and ``ranges`` are what its events' writes were computed from; ``appends`` go to other streams, with the
    time of the request's last event.
    """

    reads: tuple[RowRead, ...] = ()
    ranges: tuple[RangeRead, ...] = ()
    appends: tuple[SideAppend, ...] = ()


class AppendRequest(msgspec.Struct, frozen=True):
    """Events for one stream, encoded, each with its time (microseconds since 1970).

    ``expected`` is the sequence the stream must be at (0: it must not exist), or None for wherever it is. ``events``
    are what the bodies hold, from whoever encoded them and has not changed them since; None for: decode them.
    """

    stream: str
    bodies: Sequence[bytes]
    times: Sequence[int]
    expected: int | None = None
    effects: Effects | None = None
    events: Sequence[Event] | None = None


class Appended(msgspec.Struct, frozen=True):
    """Where the events of a request went: sequences ``first`` to ``last``; ``position`` is that of the last.

    ``state`` is the stream's projection after them, not to be changed. ``side`` has the same of its `Effects.appends`.
    """

    stream: str
    first: int
    last: int
    position: int
    state: State | None
    side: tuple[Appended, ...] = ()


class Removed(msgspec.Struct, frozen=True):
    """What a step of `EventStore.remove_folded` removed; ``size`` in bytes. ``left``: there is more."""

    frames: int
    events: int
    size: int
    left: bool


class Head(msgspec.Struct, frozen=True):
    """A stream's number in this store, its last sequence and that event's hash."""

    number: int
    sequence: int
    hash: bytes


class LogMoment(msgspec.Struct, frozen=True):
    """A moment of a log: when it was at ``position``, and had so many ``streams``."""

    position: int
    streams: int


class RawFrame(msgspec.Struct, frozen=True):
    """One stored frame as bytes, with the position of its first event."""

    position: int
    data: bytes


class JobQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs to list, newest first. ``before`` is the `JobPage.next` of the page before; empty sets match all.

    ``parent`` is the job that dispatched them; ``forked_from`` the job that they were forked from; ``library_id`` the
    library they run in. ``extensions`` and ``libraries`` are the only ones they may be of, empty for none; None is all.
    ``text`` stands somewhere in their id, type, message or idempotency key, in whatever case. Of those that match, the
    newest ``offset`` are passed over.

    Raises:
        ValueError: ``limit`` is less than 1, or ``offset`` less than 0.
    """

    statuses: frozenset[Status] = frozenset()
    extension: str | None = None
    job_type: str | None = None
    parent: UUID | None = None
    forked_from: UUID | None = None
    library_id: UUID | None = None
    extensions: frozenset[str] | None = None
    libraries: frozenset[UUID] | None = None
    text: str = ""
    before: UUID | None = None
    offset: int = 0
    limit: int = 100

    def __post_init__(self) -> None:
        if self.offset < 0:
            raise ValueError(f"offset is {self.offset}; it counts jobs that are passed over")
        if self.limit < 1:
            raise ValueError(f"limit is {self.limit}; a page holds at least one job")


class JobPage(msgspec.Struct, frozen=True):
    """Some jobs, newest first; ``next`` is None when there are no more."""

    jobs: list[JobState]
    next: UUID | None


class EventStore(Protocol):
    """A log of events with a projection beside each stream, and a blob store."""

    @property
    def blobs(self) -> SweptBlobs:
        """Where payloads over 64 KiB and modules are kept."""

    def append(self, stream: str, events: Sequence[Event], expected: int | None = None) -> Appended:
        """Append events to one stream, in one transaction. Durable when it returns.

        Raises:
            SequenceConflict: the stream is not at ``expected``.
            IllegalTransition: the job's status does not allow one of the events.
            StoreError: the commit failed; nothing was changed.
        """

    def append_batch(
        self, requests: Sequence[AppendRequest], riders: Sequence[RowWrite] = ()
    ) -> list[Appended | StoreError]:
        """Append many requests in one transaction with one sync. Durable when it returns.

        A request that is refused (conflict, illegal transition, bad event) is answered with its error and leaves no
        trace; the others are appended. ``riders`` are changes of rows that no event carries.

        Raises:
            StoreError: the commit failed; nothing was changed.
        """

    def read(
        self, stream: str, *, after: int = 0, until: int | None = None, backward: bool = False
    ) -> Iterator[StoredEvent]:
        """The stream's events with ``after < sequence <= until``, oldest first, or newest first if ``backward``.

        Raises:
            JobIsFolded: one of them was removed when the job was folded.
        """

    def read_all(self, *, after: int = 0, until: int | None = None, containing: bytes = b"") -> Iterator[StoredEvent]:
        """The log's events with ``after < position <= until``, in order.

        ``containing`` passes over frames, which hold some events of one stream, without these bytes: those are looked
        for before anything is decoded, some gigabytes a second.
        """

    def frames(self) -> Iterator[RawFrame]:
        """The log as it is stored, for the integrity check."""

    def position(self) -> int:
        """The last event's position; 0 for an empty log."""

    def wait(self, after: int, timeout: float | None = None) -> int:
        """Block until the log is beyond ``after``, or ``timeout`` seconds have passed; returns `position`."""

    def head(self, stream: str) -> Head | None:
        """The stream's end, or None if there is no such stream."""

    def heads(self, visit: Callable[[str, Head], object]) -> LogMoment:
        """Show ``visit`` the ends of all streams at one moment, which lasts until it has seen them; says which it was.

        Nothing is kept, and the log goes on meanwhile.
        """

    def streams(self, prefix: str = "") -> Iterator[str]:
        """The names of all streams that begin with ``prefix``, in order."""

    def state(self, stream: str) -> State | None:
        """The stream's projection, or None."""

    def rebuild(self, stream: str, until: int | None = None) -> State | None:
        """The stream's state folded anew from its events (up to sequence ``until``), not read from the projection.

        Raises:
            JobIsFolded: ``until`` is before the job was folded.
        """

    def row(self, key: bytes) -> Row | None:
        """The row with this key, or None."""

    def rows(self, prefix: bytes, *, after: bytes = b"", limit: int = 1000) -> list[Row]:
        """The first ``limit`` rows whose keys begin with ``prefix`` and are behind ``after``, in the order of keys."""

    def job(self, job_id: UUID) -> JobState:
        """The job's projection.

        Raises:
            UnknownJob: there is no such job.
        """

    def jobs(self, query: JobQuery) -> JobPage:
        """A page of jobs, newest first."""

    def count_unfinished(self) -> dict[Status, int]:
        """How many jobs have not ended, by status; statuses without jobs are 0."""

    def count_jobs(self, query: JobQuery | None = None) -> dict[Status, int]:
        """How many jobs there are, by status; statuses without jobs are 0.

        With a ``query`` those that match it, whatever its ``offset`` and ``limit``: unless it names statuses alone, all
        jobs are looked at, some 100,000 in a second.
        """

    def unfolded(self, *, after: UUID | None = None, until: UUID | None = None, limit: int = 1000) -> list[UUID]:
        """The first ``limit`` jobs that have ended and are not folded, with ``after < id < until``, oldest first."""

    def remove_folded(self, limit: int) -> Removed:
        """Remove at most ``limit`` frames that folded jobs have left, in one transaction. Durable.

        Raises:
            StoreError: the commit failed; nothing was removed.
        """

    def close(self) -> None:
        """Close the store; a second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
