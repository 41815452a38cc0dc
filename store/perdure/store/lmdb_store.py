"""The event store on LMDB. This is the one file that imports ``lmdb``.

Layout (measured in ADR 0002), six databases in one environment:

    log       position of the first event (u64 BE) -> frame
    index     stream number (u32 BE) + sequence of the frame's first event (u64 BE) -> position
    streams   stream name -> [number, last sequence, last hash, projection]
    names     stream number (u32 BE) -> stream name
    statuses  status + NUL + job id -> nothing
    meta      "format" -> "1"

Durability: LMDB writes the changed pages, syncs, writes a meta page, syncs again; a crash at any point leaves the
transaction before or the one after. ``sync`` and ``metasync`` stay on and ``writemap`` off, so a commit that returned
survives a power cut.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

import lmdb
import msgspec
from lmdb.verify import VerifyError, verify

from perdure.store.blobs import FileBlobs, sync_folders
from perdure.store.commit_plan import CommitPlan, StreamEnd
from perdure.store.errors import (
    CorruptLog,
    DiskFull,
    LogFull,
    ReadOnlyStore,
    StoreClosed,
    StoreError,
    StoreFailed,
    StoreMissing,
    TooManyReaders,
    UnknownJob,
    UnsupportedFormat,
    UsedAfterFork,
    refused,
)
from perdure.store.event_store import (
    Appended,
    AppendRequest,
    Head,
    JobPage,
    JobQuery,
    RawFrame,
    StoredEvent,
)
from perdure.store.events import UNREADABLE, Event, encode, job_stream, stream_key
from perdure.store.failpoints import hit
from perdure.store.frame import read_frame
from perdure.store.job_state import JobState
from perdure.store.lifecycle import UNFINISHED, Status
from perdure.store.projection import State, decode_state, encode_state
from perdure.store.reading import expand, matches, read_stream, rebuild_from
from perdure.store.writer_lock import WriterLock

FORMAT: Final = 1
LOCK_FILE: Final = "perdure.lock"
_DATABASES: Final = (b"log", b"index", b"streams", b"names", b"statuses", b"meta")
_READERS: Final = 1022
_READER_TABLE_BYTES: Final = 65_536  # what LMDB makes of that many slots of 64 bytes and a header
_U32: Final = struct.Struct(">I")
_U64: Final = struct.Struct(">Q")
_INDEX: Final = struct.Struct(">IQ")
_CHUNK_BYTES: Final = 4 << 20  # what one read transaction copies out at most, so that none stays open for long
_CACHED_ENDS: Final = 16_384
_LITTLE_SPACE: Final = 1 << 20  # bytes free on a disk where a short write means that it is full
_LOOKS: Final = 5  # at a file that another process writes to
_POLL: Final = (0.0005, 0.02)  # seconds between looks for another process's commits: at first, and at most


class _StoredEnd(msgspec.Struct, array_like=True):
    number: int
    sequence: int
    hash: bytes
    state: bytes


# What LMDB calls pages that are not what it wrote; a bad transaction is one that met such a page before.
_DAMAGE: Final = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.BadTxnError,
    lmdb.CursorFullError,
    lmdb.IncompatibleError,
)

_encode = msgspec.msgpack.Encoder().encode
_decode_end = msgspec.msgpack.Decoder(_StoredEnd).decode


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
        self._clock = clock
        self._max_map_size = max_map_size
        self._pid = os.getpid()
        self._writing = threading.Lock()
        # Guards the map: transactions enter, a change of the map's size or the end waits until all have left.
        self._gate = threading.Condition()
        self._inside = 0
        self._exclusive = False
        self._closed = False
        self._ends: dict[str, StreamEnd] = {}
        self._known_names: dict[int, str] = {}
        self._env = self._open_env(map_size)
        try:
            self._check_size()
            self._open_databases()
            self._position = self._last_position()
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
        """
        folder = Path(path)
        new = not _has_bytes(folder / "log" / "data.mdb")
        try:
            (folder / "log").mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / "blobs").mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise refused(folder, error) from error
        lock = WriterLock(folder / LOCK_FILE)
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

    # --- opening -----------------------------------------------------------------------------------------------------

    def _open_env(self, map_size: int) -> Any:
        file = self.path / "log" / "data.mdb"
        size = max(min(map_size, self._max_map_size), file.stat().st_size if file.exists() else 0)
        try:
            if self._lock is not None:
                self._allocate_reader_table()
            env = lmdb.open(
                str(self.path / "log"),
                map_size=size or (1 << 20),
                max_dbs=8,
                max_readers=_READERS,
                readonly=self._lock is None,
                meminit=False,
                mode=0o600,
            )
            if self._lock is not None:
                env.reader_check()  # free the slots of readers that died
        except lmdb.Error as error:
            raise self._translate(error) from error
        except OSError as error:
            raise refused(self.path, error) from error
        return env

    def _allocate_reader_table(self) -> None:
        # LMDB makes this file sparse and writes to it through a map: on a full disk that ends the process with SIGBUS.
        file = os.open(self.path / "log" / "lock.mdb", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(file).st_size
            while size < _READER_TABLE_BYTES:
                size += os.pwrite(file, bytes(_READER_TABLE_BYTES - size), size)
        finally:
            os.close(file)

    def _check_size(self) -> None:
        # A page beyond the end of the file would end the process with SIGBUS when it is touched.
        info, page = self._env.info(), self._env.stat()["psize"]
        found, need = (self.path / "log" / "data.mdb").stat().st_size, (info["last_pgno"] + 1) * page
        if info["last_txnid"] and found < need:
            raise CorruptLog("the end of data.mdb", f"the file has {found} bytes, its pages need {need}")

    def _open_databases(self) -> None:
        # Made only in an environment that nothing was ever written to: in any other one, what is not there was lost.
        info = self._env.info()
        new = info["last_txnid"] == 0 and info["last_pgno"] < 2
        try:
            if new and self._lock is not None:
                # All at once, so that no reader ever finds some of them.
                with self._env.begin(write=True) as txn:
                    handles = [self._env.open_db(name, txn=txn) for name in _DATABASES]
                    txn.put(b"format", str(FORMAT).encode(), db=handles[-1])
            else:
                handles = [self._open_database(name) for name in _DATABASES]
            self._log, self._index, self._streams, self._names, self._statuses, self._meta = handles
            with self._begin(write=False) as txn:
                found = txn.get(b"format", db=self._meta)
        except lmdb.NotFoundError:
            if new:
                raise StoreMissing(self.path) from None
            raise CorruptLog("data.mdb", "one of its databases is gone") from None
        except lmdb.Error as error:
            raise self._translate(error) from error
        if found is None:
            raise CorruptLog("data.mdb", "it does not say which format it has")
        if found != str(FORMAT).encode():
            raise UnsupportedFormat(self.path, int(found) if found.isdigit() else 0, FORMAT)

    def _open_database(self, name: bytes) -> Any:
        while True:
            try:
                # Without a transaction of ours: py-lmdb drops a handle that was made in a read transaction with it.
                return self._env.open_db(name, create=False)
            except lmdb.MapResizedError:
                self._resize(0, inside=0)

    def _translate(self, error: lmdb.Error) -> StoreError:
        text = str(error)
        if "No space left" in text or "quota" in text.lower():
            return DiskFull(self.path)
        if "Input/output error" in text and self._disk_is_full():
            return DiskFull(self.path)  # LMDB's name for a write of which only a part found room
        if isinstance(error, lmdb.MapFullError):
            return LogFull(self.path, self._max_map_size)
        if isinstance(error, lmdb.ReadersFullError):
            return TooManyReaders(self.path, _READERS)
        if isinstance(error, _DAMAGE):
            return CorruptLog("data.mdb", text)
        return StoreFailed(self.path, text)

    def _disk_is_full(self) -> bool:
        disk = os.statvfs(self.path)
        return disk.f_bavail * disk.f_frsize < _LITTLE_SPACE

    # --- transactions ------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._closed:
            raise StoreClosed
        if os.getpid() != self._pid:
            raise UsedAfterFork(self._pid, os.getpid())

    @contextlib.contextmanager
    def _transaction(self, *, write: bool = False) -> Iterator[Any]:
        self._check()  # before the lock: in a fork's copy its owner may be a thread that is not there
        with self._gate:
            self._check()
            self._gate.wait_for(lambda: not self._exclusive)
            self._check()
            self._inside += 1
        try:
            with self._begin(write) as txn:
                yield txn
        except lmdb.MapFullError:
            raise  # the writer grows the map and tries again
        except (struct.error, UnicodeDecodeError) as error:
            raise CorruptLog("data.mdb", f"not what was written there: {error}") from None
        except lmdb.Error as error:
            raise self._translate(error) from error
        finally:
            with self._gate:
                self._inside -= 1
                self._gate.notify_all()

    def _begin(self, write: bool) -> Any:
        while True:
            try:
                return self._env.begin(write=write)
            except lmdb.MapResizedError:
                # The writer's process made the map larger. Adopt its size, alone: LMDB demands it.
                self._resize(0, inside=1)
            except lmdb.ReadersFullError:
                if not self._env.reader_check():  # frees the slots of readers that died
                    raise

    def _resize(self, size: int, inside: int) -> None:
        with self._gate:
            if self._exclusive:
                # Another thread of this process resizes for the same reason. Step aside and let it.
                self._inside -= inside
                self._gate.notify_all()
                self._gate.wait_for(lambda: not self._exclusive)
                self._inside += inside
                return
            self._exclusive = True
            try:
                self._gate.wait_for(lambda: self._inside <= inside)
                self._env.set_mapsize(size)
            finally:
                self._exclusive = False
                self._gate.notify_all()

    # --- writing -----------------------------------------------------------------------------------------------------

    def append(self, stream: str, events: Sequence[Event], expected: int | None = None) -> Appended:
        """See `EventStore.append`."""
        now = self._clock()
        request = AppendRequest(stream, [encode(event) for event in events], [now] * len(events), expected)
        answer = self.append_batch([request])[0]
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def append_batch(self, requests: Sequence[AppendRequest]) -> list[Appended | StoreError]:
        """See `EventStore.append_batch`."""
        self._check()  # before the lock, see `_transaction`
        with self._writing:
            self._check()
            if self._lock is None:
                raise ReadOnlyStore
            hit("commit.before_plan")
            plan = CommitPlan(self._position, self._next_number, self._end_of)
            answers: list[Appended | StoreError] = []
            for request in requests:
                try:
                    answers.append(plan.add(request))
                except StoreError as error:
                    answers.append(error)
            hit("commit.after_plan")
            if plan.frames:
                self._commit(plan)
                self._adopt(plan)
            return answers

    def _commit(self, plan: CommitPlan) -> None:
        while True:
            try:
                with self._transaction(write=True) as txn:
                    hit("commit.before_write")
                    self._write(txn, plan)
                    hit("commit.after_write")
                    hit("commit.before_sync")
                hit("commit.after_sync")
            except lmdb.MapFullError:
                self._grow()
            else:
                return

    def _write(self, txn: Any, plan: CommitPlan) -> None:
        pack, key = _U64.pack, _INDEX.pack
        frames = [(pack(frame.position), frame.data) for frame in plan.frames]
        index = [(key(entry.number, entry.sequence), pack(entry.position)) for entry in plan.index]
        _, logged = txn.cursor(self._log).putmulti(frames, append=True)
        _, indexed = txn.cursor(self._index).putmulti(index, overwrite=False)
        if logged != len(frames) or indexed != len(index):
            # putmulti passes over what is there already. Somebody wrote beside the lock; do not build upon it.
            raise StoreFailed(self.path, "the log was changed by another writer; open it again")
        streams = txn.cursor(self._streams)
        for name, end in plan.ends.items():
            head = end.head
            value = _encode(_StoredEnd(head.number, head.sequence, head.hash, encode_state(end.state)))
            streams.put(name.encode(), value)
            if head.number >= self._next_number:
                txn.put(_U32.pack(head.number), name.encode(), db=self._names)
        for before, after in plan.statuses:
            if before is not None:
                txn.delete(_status_key(before), db=self._statuses)
            txn.put(_status_key(after), b"", db=self._statuses)

    def _grow(self) -> None:
        # A reader that died in a transaction keeps every page since then from being used again.
        if self._env.reader_check():
            return
        size = self._env.info()["map_size"]
        if size >= self._max_map_size:
            raise LogFull(self.path, self._max_map_size)
        self._resize(min(size * 2, self._max_map_size), inside=0)

    def _adopt(self, plan: CommitPlan) -> None:
        if len(self._ends) + len(plan.ends) > _CACHED_ENDS:
            self._ends.clear()
        self._ends.update(plan.ends)
        self._next_number = plan.next_number
        with self._gate:
            self._position = plan.position
            self._gate.notify_all()

    def _end_of(self, stream: str) -> StreamEnd | None:
        end = self._ends.get(stream)
        return end if end is not None else self._stored_end(stream)

    # --- reading -----------------------------------------------------------------------------------------------------

    def _stored_end(self, stream: str) -> StreamEnd | None:
        key = stream_key(stream)
        with self._transaction() as txn:
            data = txn.get(key, db=self._streams) if key is not None else None
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

    def _last_position(self) -> int:
        with self._transaction() as txn:
            cursor = txn.cursor(self._log)
            last = (_U64.unpack(cursor.key())[0], cursor.value()) if cursor.last() else None
            self._next_number = 1 + txn.stat(self._streams)["entries"]
        if last is None:
            return 0
        position: int = last[0]
        return position + len(read_frame(last[1], position).bodies) - 1

    def position(self) -> int:
        """See `EventStore.position`."""
        self._check()
        return self._position if self._lock is not None else self._last_position()

    def wait(self, after: int, timeout: float | None = None) -> int:
        """See `EventStore.wait`. Another process's commits are seen within 20 ms."""
        self._check()
        if self._lock is not None:
            with self._gate:
                self._check()
                self._gate.wait_for(lambda: self._position > after or self._closed, timeout)
                self._check()
                return self._position
        deadline = None if timeout is None else time.monotonic() + timeout
        pause, seen = _POLL[0], -1
        while True:
            # The last transaction's id is a read of mapped memory; the log is looked at only when it moved.
            if (latest := self._last_transaction()) != seen:
                seen = latest
                if (position := self._last_position()) > after:
                    return position
            if deadline is not None and time.monotonic() >= deadline:
                return self._last_position()
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL[1])

    def _last_transaction(self) -> int:
        self._check()
        with self._gate:  # nobody may replace the map or close it meanwhile
            self._check()
            latest: int = self._env.info()["last_txnid"]
            return latest

    def read(
        self, stream: str, *, after: int = 0, until: int | None = None, backward: bool = False
    ) -> Iterator[StoredEvent]:
        """See `EventStore.read`."""
        head = self.head(stream)
        if head is None:
            return
        last = head.sequence if until is None else min(until, head.sequence)
        frames = self._frames_backward(head.number, after, last) if backward else self._frames_of(head, after, last)
        yield from read_stream(frames, stream, head, after=after, last=last, backward=backward)

    def _frames_of(self, head: Head, after: int, last: int) -> Iterator[RawFrame]:
        """The stream's frames that hold sequences in ``(after, last]``, in order, some megabytes a transaction."""
        key: bytes | None = _INDEX.pack(head.number, after + 1)
        lowest, stop = _INDEX.pack(head.number, 0), _INDEX.pack(head.number, last)
        while key is not None and key <= stop:
            chunk: list[RawFrame] = []
            size = 0
            with self._transaction() as txn:
                cursor = txn.cursor(self._index)
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
                    data = txn.get(position, db=self._log)
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
            with self._transaction() as txn:
                cursor = txn.cursor(self._index)
                found = cursor.set_range(key)
                if not found or cursor.key() != key:
                    found = cursor.prev() if found else cursor.last()
                key = None
                while found and cursor.key() > lowest:
                    if size >= _CHUNK_BYTES:
                        key = cursor.key()
                        break
                    position: bytes = cursor.value()
                    data = txn.get(position, db=self._log)
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
            with self._transaction() as txn:
                cursor = txn.cursor(self._log)
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
        with self._transaction() as txn:
            found = txn.get(_U32.pack(number), db=self._names)
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

    def streams(self, prefix: str = "") -> Iterator[str]:
        """See `EventStore.streams`."""
        key, start = prefix.encode(), prefix.encode()
        while True:
            chunk: list[str] = []
            with self._transaction() as txn:
                cursor = txn.cursor(self._streams)
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
        return rebuild_from(stream, self._frames_of(head, 0, until if until is not None else head.sequence), until)

    def job(self, job_id: UUID) -> JobState:
        """See `EventStore.job`."""
        state = self.state(job_stream(job_id))
        if not isinstance(state, JobState):
            raise UnknownJob(str(job_id))
        return state

    def jobs(self, query: JobQuery) -> JobPage:
        """See `EventStore.jobs`. A query by status reads those jobs only."""
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
        if not query.statuses:
            yield from self._keys_backward(self._streams, b"job:", query)
            return
        ids: list[str] = []
        for status in query.statuses:
            ids.extend(self._keys_backward(self._statuses, f"{status}\0".encode(), query))
        yield from (job_stream(job_id) for job_id in sorted(ids, reverse=True))

    def _keys_backward(self, database: Any, prefix: bytes, query: JobQuery) -> Iterator[str]:
        """Keys that begin with ``prefix``, last first; the prefix is kept only for stream names."""
        upper = prefix + (str(query.before).encode() if query.before is not None else b"\xff")
        cut = 0 if database is self._streams else len(prefix)
        while True:
            chunk: list[str] = []
            with self._transaction() as txn:
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
            status: sum(1 for _ in self._keys_backward(self._statuses, f"{status}\0".encode(), query))
            for status in sorted(UNFINISHED)
        }

    def indexed(self) -> Iterator[tuple[int, int, int]]:
        """Every index entry as ``(stream number, sequence, position)``, for the integrity check."""
        key = b""
        while True:
            chunk: list[tuple[int, int, int]] = []
            with self._transaction() as txn:
                cursor = txn.cursor(self._index)
                found = cursor.set_range(key) if key else cursor.first()
                while found and len(chunk) < 16_384:
                    key = cursor.key()
                    chunk.append((*_INDEX.unpack(key), *_U64.unpack(cursor.value())))
                    found = cursor.next()
            if not chunk:
                return
            yield from chunk
            key += b"\0"

    def misfiled_jobs(self) -> tuple[list[str], int]:
        """Streams of jobs that the index of statuses lacks, and how many of its entries are too many.

        One look at all jobs in one transaction, for the integrity check.
        """
        missing: list[str] = []
        jobs = 0
        with self._transaction() as txn:
            cursor = txn.cursor(self._streams)
            found = cursor.set_range(b"job:")
            while found and cursor.key().startswith(b"job:"):
                stream = cursor.key().decode()
                state = decode_state(stream, self._decode_end(stream, cursor.value()).state)
                jobs += 1
                if not isinstance(state, JobState) or txn.get(_status_key(state), db=self._statuses) is None:
                    missing.append(stream)
                found = cursor.next()
            entries: int = txn.stat(self._statuses)["entries"]
        return missing, entries - (jobs - len(missing))

    def damaged_pages(self) -> list[str]:
        """What is wrong with the pages of the file, looked at without LMDB, which aborts the process on some damage."""
        problems: list[str] = []
        for _ in range(_LOOKS):
            # Pages that this transaction sees are not used again while it lasts.
            with self._transaction() as txn:
                before = txn.id()
                try:
                    problems = verify(str(self.path / "log"))  # type: ignore[no-untyped-call]  # it has no types
                except VerifyError as error:
                    problems = [str(error)]
            if not problems or self._last_transaction() == before:
                break  # else the file grew between looking at its size and at its last page
        return problems

    def map_usage(self) -> tuple[int, int]:
        """Bytes of the map that hold pages, and the map's size."""
        self._check()
        with self._gate:
            self._check()
            info, page = self._env.info(), self._env.stat()["psize"]
        return (info["last_pgno"] + 1) * page, info["map_size"]

    def reader_pids(self) -> list[int]:
        """The process of each taken slot of the reader table; one that died keeps its slots until the next `open`."""
        with self._gate:
            self._check()
            table: str = self._env.readers()
        return [int(line.split()[0]) for line in table.splitlines()[1:]]  # below a line of headers, or of "none"

    # --- closing -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """See `EventStore.close`."""
        if os.getpid() != self._pid:
            return  # a fork's copy: the handles and the lock are the parent's
        with self._writing, self._gate:
            if self._closed:
                return
            self._closed = True
            self._gate.notify_all()
            self._gate.wait_for(lambda: self._inside == 0)
            self._env.close()
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _has_bytes(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except OSError:
        return False


def _status_key(state: JobState) -> bytes:
    return f"{state.status}\0{state.job_id}".encode()
