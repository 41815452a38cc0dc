"""Reading the log on LMDB, whoever writes to it."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

from perdure.store.blobs import FileBlobs
from perdure.store.commit_plan import StreamEnd
from perdure.store.errors import CorruptLog, UnknownJob, refused
from perdure.store.event_store import Head, JobPage, JobQuery, LogMoment, RawFrame, StoredEvent
from perdure.store.events import job_stream, stream_key
from perdure.store.family import children_of
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status
from perdure.store.lmdb_environment import LmdbEnvironment
from perdure.store.lmdb_frames import LmdbFrames
from perdure.store.lmdb_jobs import LmdbJobs
from perdure.store.lmdb_layout import NUMBER, end_of, head_of, kept_end, row_of
from perdure.store.projection import State
from perdure.store.reading import (
    count_by_status,
    events_gone,
    expand,
    fold_of,
    folded,
    matches,
    needs_states,
    read_stream,
    rebuild_from,
)
from perdure.store.rows import MAX_KEY_BYTES, Row

_KNOWN_NAMES: Final = 1_024  # 200 bytes each; more than that many streams are hardly written side by side
_BREATH: Final = 128  # streams; with what is asked of each, some 0.3 ms
_CHUNK: Final = 4096  # names that one transaction copies out at most
_POLL: Final = (0.0005, 0.02)  # seconds between looks for another process's commits: at first, and at most


class LmdbReader:
    """What `EventStore` reads, out of an environment; and what the integrity check and a backup ask."""

    def __init__(self, path: Path, env: LmdbEnvironment) -> None:
        self.path = path
        self.blobs = FileBlobs(path / "blobs")
        self._env = env
        self._frames = LmdbFrames(env)
        self._jobs = LmdbJobs(env)
        self._known_names: dict[int, str] = {}

    # --- positions ---------------------------------------------------------------------------------------------------

    def position_in_file(self) -> int:
        """The last event's position as the file has it.

        In the writer's process `position` follows the commit: for a moment the file is ahead of it.
        """
        with self._env.transaction() as txn:
            return self._frames.last_position(txn)

    def _seen_position(self) -> tuple[int, int]:
        """The last event's position, and the number of the transaction that is seen."""
        with self._env.transaction() as txn:
            return self._frames.last_position(txn), int(txn.id())

    def position(self) -> int:
        """See `EventStore.position`."""
        return self.position_in_file()

    def wait(self, after: int, timeout: float | None = None) -> int:
        """See `EventStore.wait`. Another process's commits are seen within 20 ms."""
        self._env.check()
        deadline = None if timeout is None else time.monotonic() + timeout
        pause, seen = _POLL[0], -1
        while True:
            # The last transaction's id is a read of mapped memory; the log is looked at only when it moved. What is
            # seen then may be the transaction before: LMDB tells of a new one while it is synced, and shows it after.
            if self._env.last_transaction() != seen:
                position, seen = self._seen_position()
                if position > after:
                    return position
            if deadline is not None and time.monotonic() >= deadline:
                return self.position_in_file()
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL[1])

    # --- streams -----------------------------------------------------------------------------------------------------

    def _stored_end(self, stream: str) -> StreamEnd | None:
        data = self._end_bytes(stream)
        return None if data is None else end_of(stream, data)

    def _end_bytes(self, stream: str) -> bytes | None:
        key = stream_key(stream)
        with self._env.transaction() as txn:
            data: bytes | None = txn.get(key, db=self._env.streams) if key is not None else None
        return data

    def read(
        self, stream: str, *, after: int = 0, until: int | None = None, backward: bool = False
    ) -> Iterator[StoredEvent]:
        """See `EventStore.read`."""
        end = self._stored_end(stream)
        if end is None:
            return
        head, gone = end.head, events_gone(end.state)
        last = head.sequence if until is None else min(until, head.sequence)
        if after < min(gone, last) and (last <= gone or not backward):
            raise folded(end.state)
        low = max(after, gone)
        frames = self._frames.backward(head.number, low, last) if backward else self._frames.of(head, low, last)
        try:
            yield from read_stream(frames, stream, head, after=low, last=last, backward=backward)
        except CorruptLog:
            state = self.state(stream)
            if not gone and events_gone(state):
                raise folded(state) from None  # since this read began: the frames were on their way out
            raise
        if backward and after < gone < last:
            raise folded(end.state)

    def read_all(self, *, after: int = 0, until: int | None = None, containing: bytes = b"") -> Iterator[StoredEvent]:
        """See `EventStore.read_all`."""
        for frame in self._frames.after(after):
            if until is not None and frame.position > until:
                return
            if containing not in frame.data:
                continue
            for event in expand(frame, self.name_of):
                if event.position > after and (until is None or event.position <= until):
                    yield event

    def frames(self) -> Iterator[RawFrame]:
        """See `EventStore.frames`."""
        return self._frames.after(0)

    def name_of(self, number: int) -> str | None:
        """The name of the stream with this number, or None."""
        if (known := self._known_names.get(number)) is not None:
            return known
        if not 0 <= number < 1 << 32:
            return None  # only a damaged frame says so
        with self._env.transaction() as txn:
            found = txn.get(NUMBER.pack(number), db=self._env.names)
            name: str | None = None if found is None else found.decode()
        if name is not None:
            if len(self._known_names) >= _KNOWN_NAMES:
                self._known_names.clear()
            self._known_names[number] = name
        return name

    def head(self, stream: str) -> Head | None:
        """See `EventStore.head`."""
        end = self._stored_end(stream)
        return end.head if end is not None else None

    def heads(self, visit: Callable[[str, Head], object]) -> LogMoment:
        """See `EventStore.heads`. One transaction, which now and then lets a commit have the interpreter."""
        streams = 0
        with self._env.transaction() as txn:
            position = self._frames.last_position(txn)
            for streams, (name, data) in enumerate(txn.cursor(self._env.streams), 1):
                stream = name.decode()
                visit(stream, head_of(stream, data))
                if streams % _BREATH == 0:
                    time.sleep(0)
        return LogMoment(position, streams)

    def streams(self, prefix: str = "") -> Iterator[str]:
        """See `EventStore.streams`."""
        key, start = prefix.encode(), prefix.encode()
        while True:
            chunk: list[str] = []
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.streams)
                found = cursor.set_range(key)
                while found and cursor.key().startswith(start) and len(chunk) < _CHUNK:
                    chunk.append(cursor.key().decode())
                    found = cursor.next()
            if not chunk:
                return
            yield from chunk
            key = chunk[-1].encode() + b"\0"

    def state(self, stream: str) -> State | None:
        """See `EventStore.state`."""
        end = self._stored_end(stream)
        return end.state if end is not None else None

    def rebuild(self, stream: str, until: int | None = None) -> State | None:
        """See `EventStore.rebuild`."""
        head = self.head(stream)
        if head is None:
            return None
        last = self._frames.last_of(head) if stream.startswith("job:") else None
        if last is not None and (gone := fold_of(stream, last)) is not None:
            if until is not None and until <= gone.through:
                raise gone
            return rebuild_from(stream, [last], until)
        return rebuild_from(stream, self._frames.of(head, 0, until if until is not None else head.sequence), until)

    # --- rows --------------------------------------------------------------------------------------------------------

    def row(self, key: bytes) -> Row | None:
        """See `EventStore.row`."""
        with self._env.transaction() as txn:
            data = txn.get(key, db=self._env.rows) if 0 < len(key) <= MAX_KEY_BYTES else None
        return None if data is None else row_of(key, data)

    def rows(self, prefix: bytes, *, after: bytes = b"", limit: int = 1000) -> list[Row]:
        """See `EventStore.rows`."""
        found: list[Row] = []
        with self._env.transaction() as txn:
            cursor = txn.cursor(self._env.rows)
            start = max(prefix, after)
            there = cursor.set_range(start) if start else cursor.first()
            while there and len(found) < limit and cursor.key().startswith(prefix):
                if cursor.key() > after:
                    found.append(row_of(cursor.key(), cursor.value()))
                there = cursor.next()
        return found

    # --- jobs --------------------------------------------------------------------------------------------------------

    def job(self, job_id: UUID) -> JobState:
        """See `EventStore.job`."""
        state = self.state(job_stream(job_id))
        if not isinstance(state, JobState):
            raise UnknownJob(str(job_id))
        return state

    def jobs(self, query: JobQuery) -> JobPage:
        """See `EventStore.jobs`. A query by parent or by status reads those jobs only."""
        states: Iterator[JobState]
        if needs_states(query):
            states = itertools.islice(self._matching(query), query.offset, None)
        else:  # what is passed over is not even read
            states = self._matching(query, itertools.islice(self._jobs.streams(query), query.offset, None))
        found = list(itertools.islice(states, query.limit + 1))
        more = len(found) > query.limit
        return JobPage(found[: query.limit], found[query.limit - 1].job_id if more else None)

    def _matching(self, query: JobQuery, streams: Iterator[str] | None = None) -> Iterator[JobState]:
        """The jobs that match, newest first."""
        # Names are stored as they are, so a job of another extension need not be decoded.
        name = (query.extension or "").encode(errors="surrogatepass")
        states = self._jobs.states(streams if streams is not None else self._candidates(query), name)
        return (state for state in states if matches(query, state))

    def _candidates(self, query: JobQuery) -> Iterator[str]:
        if query.parent is None:
            return self._jobs.streams(query)
        children = list(children_of(self, query.parent))
        return (job_stream(child) for child in reversed(children))

    def count_unfinished(self) -> dict[Status, int]:
        """See `EventStore.count_unfinished`."""
        return self._jobs.count_unfinished()

    def count_jobs(self, query: JobQuery | None = None) -> dict[Status, int]:
        """See `EventStore.count_jobs`."""
        if query is None or not (needs_states(query) or query.before is not None):
            counts = self._jobs.count()
            wanted = query.statuses if query is not None else frozenset()
            return {status: count if not wanted or status in wanted else 0 for status, count in counts.items()}
        return count_by_status(self._matching(query))

    def unfolded(self, *, after: UUID | None = None, until: UUID | None = None, limit: int = 1000) -> list[UUID]:
        """See `EventStore.unfolded`."""
        return self._jobs.unfolded(after, until, limit)

    # --- what the integrity check asks -------------------------------------------------------------------------------

    def first_sequence(self, number: int) -> int:
        """The first sequence of a stream's number that the index has; 0 for none. For the integrity check."""
        return self._frames.first_sequence(number)

    def indexed(self) -> Iterator[tuple[int, int, int]]:
        """Every index entry as ``(stream number, sequence, position)``, for the integrity check."""
        return self._frames.indexed()

    def numbered(self) -> dict[int, str]:
        """The name that is filed under each number, for the integrity check."""
        with self._env.transaction() as txn:
            return {NUMBER.unpack(key)[0]: name.decode() for key, name in txn.cursor(self._env.names)}

    def kept_state(self, stream: str) -> bytes:
        """The bytes that the stream's projection is kept as, for the integrity check; empty if there is none."""
        data = self._end_bytes(stream)
        return b"" if data is None else kept_end(stream, data).state

    def misfiled_jobs(self) -> tuple[list[str], int]:
        """Streams of jobs that the index of statuses lacks, and how many of its entries are too many.

        One look at all jobs in one transaction, for the integrity check.
        """
        return self._jobs.misfiled()

    def damaged_pages(self) -> list[str]:
        """What is wrong with the pages of the file, see `LmdbEnvironment.damaged_pages`."""
        return self._env.damaged_pages()

    # --- the file ----------------------------------------------------------------------------------------------------

    def copy_log(self, descriptor: int, place: Path, *, compact: bool = False) -> None:
        """Copy the log's file as one transaction left it, and sync the copy; see `LmdbEnvironment.copy_to`."""
        self._env.copy_to(descriptor, place, compact=compact)
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise refused(place, error) from error

    def map_usage(self) -> tuple[int, int]:
        """Bytes of the map that hold pages, and the map's size."""
        return self._env.map_usage()

    def reader_pids(self) -> list[int]:
        """The process of each taken slot of the reader table; one that died keeps its slots until the next `open`."""
        return self._env.reader_pids()
