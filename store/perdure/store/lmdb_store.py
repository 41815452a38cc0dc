"""The event store on LMDB: opening it, appending, and what else changes it.

`perdure.store.lmdb_layout` says how the log lies there, `perdure.store.lmdb_reader` how it is read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from perdure.store.blobs import FileBlobs, sync_folders
from perdure.store.commit_plan import CommitPlan, StreamEnd
from perdure.store.errors import CorruptLog, ReadOnlyStore, StoreError, StoreFailed, StoreMissing, refused
from perdure.store.event_store import Appended, AppendRequest, Removed
from perdure.store.events import Event, RowWrite, encode, job_stream
from perdure.store.failpoints import hit
from perdure.store.job_state import JobState
from perdure.store.lmdb_environment import LmdbEnvironment
from perdure.store.lmdb_folded import FoldedFrames
from perdure.store.lmdb_layout import NUMBER, PLACE, POSITION, end_of, end_value, row_value, status_key, status_value
from perdure.store.lmdb_reader import LmdbReader
from perdure.store.log_upgrade import upgrade
from perdure.store.projection import State
from perdure.store.rows import RowOverlay
from perdure.store.writer_lock import WriterLock

LOCK_FILE: Final = "perdure.lock"
COMPACTED: Final = "compacted"  # beside the log's file: a copy of it that is being made (`perdure.store.compaction`)
_CACHED_ENDS: Final = 16_384


class LmdbEventStore(LmdbReader):
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
        super().__init__(
            path, LmdbEnvironment(path, writable=lock is not None, map_size=map_size, max_map_size=max_map_size)
        )
        self._folded = FoldedFrames(self._env)
        self._lock = lock
        self._pid = os.getpid()
        self._clock = clock
        self._writing = threading.Lock()
        self._moved = threading.Condition()  # told of each commit, and of the end
        self._ended = False
        self._ends: dict[str, StreamEnd] = {}
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
        pack, key = POSITION.pack, PLACE.pack
        frames = [(pack(frame.position), frame.data) for frame in plan.frames]
        index = [(key(entry.number, entry.sequence), pack(entry.position)) for entry in plan.index]
        _, logged = txn.cursor(self._env.log).putmulti(frames, append=True)
        _, indexed = txn.cursor(self._env.index).putmulti(index, overwrite=False)
        if logged != len(frames) or indexed != len(index):
            # putmulti passes over what is there already. Somebody wrote beside the lock; do not build upon it.
            raise StoreFailed(self.path, "the log was changed by another writer; open it again")
        streams = txn.cursor(self._env.streams)
        for name, end in plan.ends.items():
            streams.put(name.encode(), end_value(end))
            if end.head.number >= self._next_number:
                txn.put(NUMBER.pack(end.head.number), name.encode(), db=self._env.names)
        for row_key, row in plan.rows.changed.items():
            if row is None:
                txn.delete(row_key, db=self._env.rows)
            else:
                txn.put(row_key, row_value(row), db=self._env.rows)
        for before, after in plan.statuses:
            if before is not None:
                txn.delete(status_key(before), db=self._env.statuses)
            txn.put(status_key(after), status_value(after), db=self._env.statuses)
        for stream, (number, through) in plan.folded.items():
            self._folded.note(txn, stream, number, through)

    def _stream_count(self) -> int:
        with self._env.transaction() as txn:
            count: int = txn.stat(self._env.streams)["entries"]
            return count

    def _adopt(self, plan: CommitPlan) -> None:
        if len(self._ends) + len(plan.ends) > _CACHED_ENDS:
            self._ends.clear()
        self._ends.update(plan.ends)
        for _, state in plan.statuses:
            if state.finished:
                # It is hardly ever written to again, and its state is kilobytes: 40 MB of `_CACHED_ENDS` jobs.
                self._ends.pop(job_stream(state.job_id), None)
        self._next_number = plan.next_number
        with self._moved:
            self._position = plan.position
            self._moved.notify_all()

    def _end_of(self, stream: str) -> StreamEnd | None:
        end = self._ends.get(stream)
        return end if end is not None else self._stored_end(stream)

    def remove_folded(self, limit: int) -> Removed:
        """See `EventStore.remove_folded`."""
        removed = Removed(0, 0, 0, left=False)

        def work(txn: Any) -> None:
            nonlocal removed
            removed = self._folded.remove(txn, limit)
            hit("fold.after_remove")

        self._env.check()
        with self._writing:
            self._env.check()
            if self._lock is None:
                raise ReadOnlyStore
            hit("fold.before_remove")
            if self._folded.are_left():
                self._env.write(work, synced=lambda: hit("fold.after_sync"))
        return removed

    # --- where it is -------------------------------------------------------------------------------------------------

    def position(self) -> int:
        """See `EventStore.position`."""
        self._env.check()
        return self._position if self._lock is not None else super().position()

    def wait(self, after: int, timeout: float | None = None) -> int:
        """See `EventStore.wait`. Another process's commits are seen within 20 ms."""
        if self._lock is None:
            return super().wait(after, timeout)
        self._env.check()
        with self._moved:
            self._moved.wait_for(lambda: self._position > after or self._ended, timeout)
        self._env.check()
        return self._position

    # --- the upgrade of an old format --------------------------------------------------------------------------------

    def upgraded_through(self) -> str | None:
        """See `LmdbEnvironment.upgraded_through`."""
        return self._env.upgraded_through()

    def refold(self, states: Mapping[str, State | None], through: str) -> None:
        """Put these projections in the place of what the streams have. Durable, all or none.

        For the upgrade of an old format, which has come to the stream ``through`` with that.
        """

        def work(txn: Any) -> None:
            for name, state in states.items():
                end = end_of(name, txn.get(name.encode(), db=self._env.streams))
                txn.put(name.encode(), end_value(StreamEnd(end.head, state)), db=self._env.streams)
                if isinstance(end.state, JobState):
                    txn.delete(status_key(end.state), db=self._env.statuses)
                if isinstance(state, JobState):
                    txn.put(status_key(state), status_value(state), db=self._env.statuses)
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


def _has_bytes(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except OSError:
        return False
