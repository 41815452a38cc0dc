"""The event store on LMDB.

Layout (measured in ADR 0002), seven databases in one environment:

    log       position of the first event (u64 BE) -> frame
    index     stream number (u32 BE) + sequence of the frame's first event (u64 BE) -> position
    streams   stream name -> [number, last sequence, last hash, projection]
    names     stream number (u32 BE) -> stream name
    statuses  status + NUL + job id -> nothing, or "folded"
    rows      key -> version (u64 BE) + value
    meta      "format" -> "3"; "upgrading" -> the stream that an upgrade has come to;
              "folding" + NUL + stream name -> stream number, last sequence of the frames that are to be removed
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import msgspec

from perdure.store.blobs import FileBlobs, sync_folders
from perdure.store.commit_plan import CommitPlan, StreamEnd
from perdure.store.errors import (
    CorruptLog,
    ReadOnlyStore,
    StoreError,
    StoreFailed,
    StoreMissing,
    UnknownJob,
    refused,
)
from perdure.store.event_store import (
    Appended,
    AppendRequest,
    Head,
    Heads,
    JobPage,
    JobQuery,
    RawFrame,
    Removed,
    StoredEvent,
)
from perdure.store.events import UNREADABLE, Event, RowWrite, encode, job_stream, stream_key
from perdure.store.failpoints import hit
from perdure.store.family import children_of
from perdure.store.frame import read_frame
from perdure.store.job_state import JobState
from perdure.store.lifecycle import TERMINAL, UNFINISHED, Status
from perdure.store.lmdb_environment import LmdbEnvironment
from perdure.store.log_upgrade import upgrade
from perdure.store.projection import State, decode_state, encode_state
from perdure.store.reading import events_gone, expand, fold_of, folded, matches, read_stream, rebuild_from
from perdure.store.rows import MAX_KEY_BYTES, Row, RowOverlay
from perdure.store.writer_lock import WriterLock

LOCK_FILE: Final = "perdure.lock"
COMPACTED: Final = "compacted"  # beside the log's file: a copy of it that is being made (`perdure.store.compaction`)
_U32: Final = struct.Struct(">I")
_U64: Final = struct.Struct(">Q")
_INDEX: Final = struct.Struct(">IQ")
_CHUNK_BYTES: Final = 4 << 20  # what one read transaction copies out at most, so that none stays open for long
_CACHED_ENDS: Final = 16_384
_BREATH: Final = 512  # streams, some 0.3 ms
_POLL: Final = (0.0005, 0.02)  # seconds between looks for another process's commits: at first, and at most


class _StoredEnd(msgspec.Struct, array_like=True):
    number: int
    sequence: int
    hash: bytes
    state: bytes


class _StoredHead(msgspec.Struct, array_like=True):
    """The first three items of a `_StoredEnd`; the projection behind them is skipped, not decoded."""

    number: int
    sequence: int
    hash: bytes


_FOLDING: Final = b"folding\0"  # keys in `meta`
_FOLDED: Final = b"folded"  # what `statuses` has of a folded job
_STEPS: Final = 4_096  # of a cursor in one transaction

_encode = msgspec.msgpack.Encoder().encode
_decode_end = msgspec.msgpack.Decoder(_StoredEnd).decode
_decode_head = msgspec.msgpack.Decoder(_StoredHead).decode


class LmdbEventStore:
    """`EventStore` in a folder. Open it with `open` (one writer a folder) or `open_readonly` (any number)."""

    def __init__(
        self,
        path: Path,
        lock: WriterLock | None,
        *,
        clock: Callable[[], int],
        map_size: int,
        max_map_size: int,
    ) -> None:
        self.path = path
        self.blobs = FileBlobs(path / "blobs")
        self._lock = lock
        self._pid = os.getpid()
        self._clock = clock
        self._writing = threading.Lock()
        self._moved = threading.Condition()  # told of each commit, and of the end
        self._ended = False
        self._ends: dict[str, StreamEnd] = {}
        self._known_names: dict[int, str] = {}
        self._env = LmdbEnvironment(path, writable=lock is not None, map_size=map_size, max_map_size=max_map_size)
        try:
            self._position = self.position_in_file()
            self._next_number = 1 + self._stream_count()
        except BaseException:
            self._env.close()
            raise

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        map_size: int = 64 << 20,
        max_map_size: int = 1 << 40,
    ) -> Self:
        """Open a folder for writing, made if need be.

        Args:
            path: the data folder.
            clock: the time for `append`, in microseconds since 1970.
            map_size: the log's first size in bytes; it doubles by itself up to ``max_map_size``.
            max_map_size: the largest size in bytes.

        Raises:
            StoreLocked: another process writes to this folder.
            CorruptLog, UnsupportedFormat, DiskFull, StoreFailed: as they say.

        A log in an older format is brought to the present one (`perdure.store.log_upgrade`).
        """
        folder = Path(path)
        new = not _has_bytes(folder / "log" / "data.mdb")
        try:
            (folder / "log").mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / "blobs").mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise refused(folder, error) from error
        lock = WriterLock(folder / LOCK_FILE)
        shutil.rmtree(folder / "log" / COMPACTED, ignore_errors=True)  # what a crash left
        try:
            if new and next(FileBlobs(folder / "blobs").digests(), None) is not None:
                # LMDB would begin an empty log there, and nobody would notice that one is lost.
                reason = "it is gone or empty, but the blobs of a log are there; to begin anew, move them away"
                raise CorruptLog(str(folder / "log" / "data.mdb"), reason)
            store = cls(folder, lock, clock=clock, map_size=map_size, max_map_size=max_map_size)
        except BaseException:
            lock.release()
            raise
        if new:
            try:
                sync_folders(folder / "log", folder)
                with contextlib.suppress(PermissionError):  # its place may be in a folder that is not ours to read
                    sync_folders(folder.parent)
            except OSError as error:
                store.close()
                raise refused(folder, error) from error
        try:
            upgrade(store)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open_readonly(cls, path: str | os.PathLike[str]) -> Self:
        """Open a folder for reading, while another process may write to it.

        Raises:
            StoreMissing: there is no log in the folder.
            CorruptLog, UnsupportedFormat, TooManyReaders, StoreFailed: as they say.
        """
        folder = Path(path)
        if not _has_bytes(folder / "log" / "data.mdb"):
            raise StoreMissing(folder)
        return cls(folder, None, clock=lambda: 0, map_size=0, max_map_size=0)

    # --- writing -----------------------------------------------------------------------------------------------------

    def append(self, stream: str, events: Sequence[Event], expected: int | None = None) -> Appended:
        """See `EventStore.append`."""
        now = self._clock()
        request = AppendRequest(stream, [encode(event) for event in events], [now] * len(events), expected)
        answer = self.append_batch([request])[0]
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def append_batch(
        self, requests: Sequence[AppendRequest], riders: Sequence[RowWrite] = ()
    ) -> list[Appended | StoreError]:
        """See `EventStore.append_batch`."""
        self._env.check()  # before the lock, see `LmdbEnvironment`
        with self._writing:
            self._env.check()
            if self._lock is None:
                raise ReadOnlyStore
            hit("commit.before_plan")
            overlay = RowOverlay(self.row, lambda prefix, after, limit: self.rows(prefix, after=after, limit=limit))
            plan = CommitPlan(self._position, self._next_number, self._end_of, overlay)
            answers = plan.add_all(requests)
            plan.ride(riders)
            hit("commit.after_plan")
            if plan.frames or overlay.changed:
                self._commit(plan)
                self._adopt(plan)
            return answers

    def _commit(self, plan: CommitPlan) -> None:
        def work(txn: Any) -> None:
            hit("commit.before_write")
            self._write(txn, plan)
            hit("commit.after_write")
            hit("commit.before_sync")

        self._env.write(work, synced=lambda: hit("commit.after_sync"))

    def _write(self, txn: Any, plan: CommitPlan) -> None:
        pack, key = _U64.pack, _INDEX.pack
        frames = [(pack(frame.position), frame.data) for frame in plan.frames]
        index = [(key(entry.number, entry.sequence), pack(entry.position)) for entry in plan.index]
        _, logged = txn.cursor(self._env.log).putmulti(frames, append=True)
        _, indexed = txn.cursor(self._env.index).putmulti(index, overwrite=False)
        if logged != len(frames) or indexed != len(index):
            # putmulti passes over what is there already. Somebody wrote beside the lock; do not build upon it.
            raise StoreFailed(self.path, "the log was changed by another writer; open it again")
        streams = txn.cursor(self._env.streams)
        for name, end in plan.ends.items():
            head = end.head
            value = _encode(_StoredEnd(head.number, head.sequence, head.hash, encode_state(end.state)))
            streams.put(name.encode(), value)
            if head.number >= self._next_number:
                txn.put(_U32.pack(head.number), name.encode(), db=self._env.names)
        for row_key, row in plan.rows.changed.items():
            if row is None:
                txn.delete(row_key, db=self._env.rows)
            else:
                txn.put(row_key, pack(row.version) + row.value, db=self._env.rows)
        for before, after in plan.statuses:
            if before is not None:
                txn.delete(_status_key(before), db=self._env.statuses)
            txn.put(_status_key(after), _status_value(after), db=self._env.statuses)
        for stream, (number, through) in plan.folded.items():
            txn.put(_FOLDING + stream.encode(), _INDEX.pack(number, through), db=self._env.meta)

    def upgraded_through(self) -> str | None:
        """See `LmdbEnvironment.upgraded_through`."""
        return self._env.upgraded_through()

    def refold(self, states: Mapping[str, State | None], through: str) -> None:
        """Put these projections in the place of what the streams have. Durable, all or none.

        For the upgrade of an old format, which has come to the stream ``through`` with that.
        """

        def work(txn: Any) -> None:
            for name, state in states.items():
                end = self._decode_end(name, txn.get(name.encode(), db=self._env.streams))
                before = decode_state(name, end.state)
                value = _encode(_StoredEnd(end.number, end.sequence, end.hash, encode_state(state)))
                txn.put(name.encode(), value, db=self._env.streams)
                if isinstance(before, JobState):
                    txn.delete(_status_key(before), db=self._env.statuses)
                if isinstance(state, JobState):
                    txn.put(_status_key(state), _status_value(state), db=self._env.statuses)
            self._env.note_upgraded(txn, through)

        with self._writing:
            hit("upgrade.before_write")
            self._env.write(work, synced=lambda: hit("upgrade.after_sync"))
            self._ends.clear()

    def end_upgrade(self) -> None:
        """See `LmdbEnvironment.end_upgrade`."""
        with self._writing:
            hit("upgrade.before_end")
            self._env.end_upgrade()

    def _adopt(self, plan: CommitPlan) -> None:
        if len(self._ends) + len(plan.ends) > _CACHED_ENDS:
            self._ends.clear()
        self._ends.update(plan.ends)
        self._next_number = plan.next_number
        with self._moved:
            self._position = plan.position
            self._moved.notify_all()

    def _end_of(self, stream: str) -> StreamEnd | None:
        end = self._ends.get(stream)
        return end if end is not None else self._stored_end(stream)

    # --- reading -----------------------------------------------------------------------------------------------------

    def _stored_end(self, stream: str) -> StreamEnd | None:
        key = stream_key(stream)
        with self._env.transaction() as txn:
            data = txn.get(key, db=self._env.streams) if key is not None else None
        if data is None:
            return None
        end = self._decode_end(stream, data)
        return StreamEnd(Head(end.number, end.sequence, end.hash), decode_state(stream, end.state))

    @staticmethod
    def _decode_end(stream: str, data: bytes) -> _StoredEnd:
        try:
            return _decode_end(data)
        except UNREADABLE as error:
            raise CorruptLog(f"the end of {stream}", str(error)) from None

    def position_in_file(self) -> int:
        """The last event's position as the file has it.

        In the writer's process `position` follows the commit: for a moment the file is ahead of it.
        """
        with self._env.transaction() as txn:
            return self._last_position(txn)

    def _last_position(self, txn: Any) -> int:
        cursor = txn.cursor(self._env.log)
        if not cursor.last():
            return 0
        position: int = _U64.unpack(cursor.key())[0]
        return position + len(read_frame(cursor.value(), position).bodies) - 1

    def _stream_count(self) -> int:
        with self._env.transaction() as txn:
            count: int = txn.stat(self._env.streams)["entries"]
            return count

    def position(self) -> int:
        """See `EventStore.position`."""
        self._env.check()
        return self._position if self._lock is not None else self.position_in_file()

    def wait(self, after: int, timeout: float | None = None) -> int:
        """See `EventStore.wait`. Another process's commits are seen within 20 ms."""
        self._env.check()
        if self._lock is not None:
            with self._moved:
                self._moved.wait_for(lambda: self._position > after or self._ended, timeout)
            self._env.check()
            return self._position
        deadline = None if timeout is None else time.monotonic() + timeout
        pause, seen = _POLL[0], -1
        while True:
            # The last transaction's id is a read of mapped memory; the log is looked at only when it moved.
            if (latest := self._env.last_transaction()) != seen:
                seen = latest
                if (position := self.position_in_file()) > after:
                    return position
            if deadline is not None and time.monotonic() >= deadline:
                return self.position_in_file()
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL[1])

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
        frames = self._frames_backward(head.number, low, last) if backward else self._frames_of(head, low, last)
        try:
            yield from read_stream(frames, stream, head, after=low, last=last, backward=backward)
        except CorruptLog:
            state = self.state(stream)
            if not gone and events_gone(state):
                raise folded(state) from None  # since this read began: the frames were on their way out
            raise
        if backward and after < gone < last:
            raise folded(end.state)

    def _frames_of(self, head: Head, after: int, last: int) -> Iterator[RawFrame]:
        """The stream's frames that hold sequences in ``(after, last]``, in order, some megabytes a transaction."""
        key: bytes | None = _INDEX.pack(head.number, after + 1)
        lowest, stop = _INDEX.pack(head.number, 0), _INDEX.pack(head.number, last)
        while key is not None and key <= stop:
            chunk: list[RawFrame] = []
            size = 0
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.index)
                # The frame that holds `key` begins at it or before it; a stream's first frame begins at sequence 1.
                found = cursor.set_range(key)
                if not found or cursor.key() != key:
                    found = cursor.prev() if found else cursor.last()
                if not found or cursor.key() < lowest:
                    raise CorruptLog(f"stream {head.number}", "its index is not there")
                key = None
                while found and cursor.key() <= stop:
                    if size >= _CHUNK_BYTES:
                        key = cursor.key()
                        break
                    position: bytes = cursor.value()
                    data = txn.get(position, db=self._env.log)
                    chunk.append(RawFrame(_U64.unpack(position)[0], self._present(data, position)))
                    size += len(data)
                    found = cursor.next()
            yield from chunk

    def _frames_backward(self, number: int, after: int, last: int) -> Iterator[RawFrame]:
        key: bytes | None = _INDEX.pack(number, last)
        lowest = _INDEX.pack(number, 0)
        while key is not None:
            chunk: list[RawFrame] = []
            size = 0
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.index)
                found = cursor.set_range(key)
                if not found or cursor.key() != key:
                    found = cursor.prev() if found else cursor.last()
                key = None
                while found and cursor.key() > lowest:
                    if size >= _CHUNK_BYTES:
                        key = cursor.key()
                        break
                    position: bytes = cursor.value()
                    data = txn.get(position, db=self._env.log)
                    chunk.append(RawFrame(_U64.unpack(position)[0], self._present(data, position)))
                    size += len(data)
                    if _INDEX.unpack(cursor.key())[1] <= after + 1:
                        break
                    found = cursor.prev()
            yield from chunk

    @staticmethod
    def _present(data: bytes | None, position: bytes) -> bytes:
        if data is None:
            raise CorruptLog(f"position {_U64.unpack(position)[0]}", "the index names a frame that is not there")
        return data

    def _frames_after(self, after: int) -> Iterator[RawFrame]:
        key: bytes | None = _U64.pack(after + 1)
        while key is not None:
            chunk: list[RawFrame] = []
            size = 0
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.log)
                found = cursor.set_range(key)
                if not found or cursor.key() != key:
                    # The frame before may reach beyond `after`.
                    found = (cursor.prev() or cursor.first()) if found else cursor.last()
                key = None
                while found:
                    if size >= _CHUNK_BYTES:
                        key = cursor.key()
                        break
                    data: bytes = cursor.value()
                    chunk.append(RawFrame(_U64.unpack(cursor.key())[0], data))
                    size += len(data)
                    found = cursor.next()
            yield from chunk

    def read_all(self, *, after: int = 0, until: int | None = None) -> Iterator[StoredEvent]:
        """See `EventStore.read_all`."""
        for frame in self._frames_after(after):
            if until is not None and frame.position > until:
                return
            for event in expand(frame, self.name_of):
                if event.position > after and (until is None or event.position <= until):
                    yield event

    def name_of(self, number: int) -> str | None:
        """The name of the stream with this number, or None."""
        if (known := self._known_names.get(number)) is not None:
            return known
        if not 0 <= number < 1 << 32:
            return None  # only a damaged frame says so
        with self._env.transaction() as txn:
            found = txn.get(_U32.pack(number), db=self._env.names)
            name: str | None = None if found is None else found.decode()
        if name is not None:
            if len(self._known_names) >= _CACHED_ENDS:
                self._known_names.clear()
            self._known_names[number] = name
        return name

    def frames(self) -> Iterator[RawFrame]:
        """See `EventStore.frames`."""
        return self._frames_after(0)

    def head(self, stream: str) -> Head | None:
        """See `EventStore.head`."""
        end = self._stored_end(stream)
        return end.head if end is not None else None

    def heads(self) -> Heads:
        """See `EventStore.heads`. One transaction, which now and then lets a commit have the interpreter."""
        heads: dict[str, Head] = {}
        with self._env.transaction() as txn:
            position = self._last_position(txn)
            for name, data in txn.cursor(self._env.streams):
                stream = name.decode()
                try:
                    head = _decode_head(data)
                except UNREADABLE as error:
                    raise CorruptLog(f"the end of {stream}", str(error)) from None
                heads[stream] = Head(head.number, head.sequence, head.hash)
                if len(heads) % _BREATH == 0:
                    time.sleep(0)
        return Heads(position, heads)

    def streams(self, prefix: str = "") -> Iterator[str]:
        """See `EventStore.streams`."""
        key, start = prefix.encode(), prefix.encode()
        while True:
            chunk: list[str] = []
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.streams)
                found = cursor.set_range(key)
                while found and cursor.key().startswith(start) and len(chunk) < 4096:
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
        last = self._last_frame(head) if stream.startswith("job:") else None
        if last is not None and (gone := fold_of(stream, last)) is not None:
            if until is not None and until <= gone.through:
                raise gone
            return rebuild_from(stream, [last], until)
        return rebuild_from(stream, self._frames_of(head, 0, until if until is not None else head.sequence), until)

    def _last_frame(self, head: Head) -> RawFrame | None:
        """The stream's last frame, if it holds one event."""
        with self._env.transaction() as txn:
            position = txn.get(_INDEX.pack(head.number, head.sequence), db=self._env.index)
            if position is None:
                return None
            data = self._present(txn.get(position, db=self._env.log), position)
        return RawFrame(_U64.unpack(position)[0], data)

    def row(self, key: bytes) -> Row | None:
        """See `EventStore.row`."""
        with self._env.transaction() as txn:
            data = txn.get(key, db=self._env.rows) if 0 < len(key) <= MAX_KEY_BYTES else None
        return None if data is None else _row(key, data)

    def rows(self, prefix: bytes, *, after: bytes = b"", limit: int = 1000) -> list[Row]:
        """See `EventStore.rows`."""
        found: list[Row] = []
        with self._env.transaction() as txn:
            cursor = txn.cursor(self._env.rows)
            start = max(prefix, after)
            there = cursor.set_range(start) if start else cursor.first()
            while there and len(found) < limit and cursor.key().startswith(prefix):
                if cursor.key() > after:
                    found.append(_row(cursor.key(), cursor.value()))
                there = cursor.next()
        return found

    def job(self, job_id: UUID) -> JobState:
        """See `EventStore.job`."""
        state = self.state(job_stream(job_id))
        if not isinstance(state, JobState):
            raise UnknownJob(str(job_id))
        return state

    def jobs(self, query: JobQuery) -> JobPage:
        """See `EventStore.jobs`. A query by parent or by status reads those jobs only."""
        found: list[JobState] = []
        for stream in self._candidates(query):
            state = self.state(stream)
            if not isinstance(state, JobState) or not matches(query, state):
                continue
            if len(found) == query.limit:
                return JobPage(found, found[-1].job_id)
            found.append(state)
        return JobPage(found, None)

    def _candidates(self, query: JobQuery) -> Iterator[str]:
        if query.parent is not None:
            children = list(children_of(self, query.parent))
            yield from (job_stream(child) for child in reversed(children))
            return
        if not query.statuses:
            yield from self._keys_backward(self._env.streams, b"job:", query)
            return
        ids: list[str] = []
        for status in query.statuses:
            ids.extend(self._keys_backward(self._env.statuses, f"{status}\0".encode(), query))
        yield from (job_stream(job_id) for job_id in sorted(ids, reverse=True))

    def _keys_backward(self, database: Any, prefix: bytes, query: JobQuery) -> Iterator[str]:
        """Keys that begin with ``prefix``, last first; the prefix is kept only for stream names."""
        upper = prefix + (str(query.before).encode() if query.before is not None else b"\xff")
        cut = 0 if database is self._env.streams else len(prefix)
        while True:
            chunk: list[str] = []
            with self._env.transaction() as txn:
                cursor = txn.cursor(database)
                found = cursor.prev() if cursor.set_range(upper) else cursor.last()
                while found and cursor.key().startswith(prefix) and len(chunk) < 1024:
                    upper = cursor.key()
                    chunk.append(upper[cut:].decode())
                    found = cursor.prev()
            if not chunk:
                return
            yield from chunk

    def count_unfinished(self) -> dict[Status, int]:
        """See `EventStore.count_unfinished`."""
        query = JobQuery()
        return {
            status: sum(1 for _ in self._keys_backward(self._env.statuses, f"{status}\0".encode(), query))
            for status in sorted(UNFINISHED)
        }

    # --- folded jobs -------------------------------------------------------------------------------------------------

    def first_sequence(self, number: int) -> int:
        """The first sequence of a stream's number that the index has; 0 for none. For the integrity check."""
        with self._env.transaction() as txn:
            cursor = txn.cursor(self._env.index)
            if not cursor.set_range(_INDEX.pack(number, 0)):
                return 0
            found, first = _INDEX.unpack(cursor.key())
        return int(first) if found == number else 0

    def unfolded(self, *, after: UUID | None = None, until: UUID | None = None, limit: int = 1000) -> list[UUID]:
        """See `EventStore.unfolded`."""
        found: list[str] = []
        for status in TERMINAL:
            found += self._unfolded_with(status, after, until, limit)
        return [UUID(job_id) for job_id in sorted(found)[:limit]]

    def _unfolded_with(self, status: Status, after: UUID | None, until: UUID | None, limit: int) -> list[str]:
        prefix, found = f"{status}\0".encode(), list[str]()
        stop = prefix + (str(until).encode() if until is not None else b"\xff")
        key = prefix + (str(after).encode() + b"\0" if after is not None else b"")
        there = True
        while there and len(found) < limit:
            steps = 0
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.statuses)
                there = cursor.set_range(key)
                while there and steps < _STEPS and len(found) < limit:
                    key = cursor.key()
                    if key >= stop:
                        there = False
                        break
                    if cursor.value() != _FOLDED:
                        found.append(key[len(prefix) :].decode())
                    there = cursor.next()
                    steps += 1
                if there:
                    key = cursor.key()
        return found

    def remove_folded(self, limit: int) -> Removed:
        """See `EventStore.remove_folded`."""
        removed = Removed(0, 0, 0, left=False)

        def work(txn: Any) -> None:
            nonlocal removed
            removed = self._remove_folded(txn, limit)
            hit("fold.after_remove")

        self._env.check()
        with self._writing:
            self._env.check()
            if self._lock is None:
                raise ReadOnlyStore
            hit("fold.before_remove")
            if self._is_folding():
                self._env.write(work, synced=lambda: hit("fold.after_sync"))
        return removed

    def _is_folding(self) -> bool:
        with self._env.transaction() as txn:
            cursor = txn.cursor(self._env.meta)
            return bool(cursor.set_range(_FOLDING)) and cursor.key().startswith(_FOLDING)

    def _remove_folded(self, txn: Any, limit: int) -> Removed:
        frames = events = size = 0
        jobs = txn.cursor(self._env.meta)
        index = txn.cursor(self._env.index)
        there = jobs.set_range(_FOLDING)
        while there and jobs.key().startswith(_FOLDING):
            stop = jobs.value()
            number, through = _INDEX.unpack(stop)
            found = index.set_range(_INDEX.pack(number, 0))
            while found and index.key() <= stop:
                if frames >= limit:
                    return Removed(frames, events, size, left=True)
                _, first = _INDEX.unpack(index.key())
                size += len(self._present(txn.pop(index.value(), db=self._env.log), index.value()))
                index.delete()  # which goes on to the next one
                found = bool(index.key())
                behind = _INDEX.unpack(index.key())[1] if found and index.key() <= stop else through + 1
                frames, events = frames + 1, events + behind - first
            jobs.delete()
            there = bool(jobs.key())
        return Removed(frames, events, size, left=False)

    def indexed(self) -> Iterator[tuple[int, int, int]]:
        """Every index entry as ``(stream number, sequence, position)``, for the integrity check."""
        key = b""
        while True:
            chunk: list[tuple[int, int, int]] = []
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.index)
                found = cursor.set_range(key) if key else cursor.first()
                while found and len(chunk) < 16_384:
                    key = cursor.key()
                    chunk.append((*_INDEX.unpack(key), *_U64.unpack(cursor.value())))
                    found = cursor.next()
            if not chunk:
                return
            yield from chunk
            key += b"\0"

    def numbered(self) -> dict[int, str]:
        """The name that is filed under each number, for the integrity check."""
        with self._env.transaction() as txn:
            return {_U32.unpack(key)[0]: name.decode() for key, name in txn.cursor(self._env.names)}

    def kept_state(self, stream: str) -> bytes:
        """The bytes that the stream's projection is kept as, for the integrity check; empty if there is none."""
        key = stream_key(stream)
        with self._env.transaction() as txn:
            data = txn.get(key, db=self._env.streams) if key is not None else None
        return b"" if data is None else self._decode_end(stream, data).state

    def misfiled_jobs(self) -> tuple[list[str], int]:
        """Streams of jobs that the index of statuses lacks, and how many of its entries are too many.

        One look at all jobs in one transaction, for the integrity check.
        """
        missing: list[str] = []
        jobs = 0
        with self._env.transaction() as txn:
            cursor = txn.cursor(self._env.streams)
            found = cursor.set_range(b"job:")
            while found and cursor.key().startswith(b"job:"):
                stream = cursor.key().decode()
                state = decode_state(stream, self._decode_end(stream, cursor.value()).state)
                jobs += 1
                filed = txn.get(_status_key(state), db=self._env.statuses) if isinstance(state, JobState) else None
                if not isinstance(state, JobState) or filed != _status_value(state):
                    missing.append(stream)
                found = cursor.next()
            entries: int = txn.stat(self._env.statuses)["entries"]
        return missing, entries - (jobs - len(missing))

    def copy_log(self, descriptor: int, place: Path, *, compact: bool = False) -> None:
        """Copy the log's file as one transaction left it, and sync the copy; see `LmdbEnvironment.copy_to`."""
        self._env.copy_to(descriptor, place, compact=compact)
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise refused(place, error) from error

    def damaged_pages(self) -> list[str]:
        """What is wrong with the pages of the file, see `LmdbEnvironment.damaged_pages`."""
        return self._env.damaged_pages()

    def map_usage(self) -> tuple[int, int]:
        """Bytes of the map that hold pages, and the map's size."""
        return self._env.map_usage()

    def reader_pids(self) -> list[int]:
        """The process of each taken slot of the reader table; one that died keeps its slots until the next `open`."""
        return self._env.reader_pids()

    # --- closing -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """See `EventStore.close`."""
        if os.getpid() != self._pid:
            return  # a fork's copy: the handles and the lock are the parent's
        with self._writing, self._moved:
            if self._ended:
                return
            self._ended = True
            self._moved.notify_all()
            self._env.close()
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _row(key: bytes, data: bytes) -> Row:
    if len(data) < _U64.size:
        raise CorruptLog(f"the row {key!r}", "it is too short")
    return Row(key, data[_U64.size :], _U64.unpack_from(data)[0])


def _status_key(state: JobState) -> bytes:
    return f"{state.status}\0{state.job_id}".encode()


def _status_value(state: JobState) -> bytes:
    return _FOLDED if state.folded_at is not None else b""


def _has_bytes(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except OSError:
        return False
