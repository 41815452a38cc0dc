"""LMDB, as the event store uses it. This is the one file that imports ``lmdb``.

Opens the environment and its databases, keeps transactions and changes of the map's size apart, grows the map, and
turns what LMDB says into the store's errors.

Durability: LMDB writes the changed pages, syncs, writes a meta page, syncs again; a crash at any point leaves the
transaction before or the one after. ``sync`` and ``metasync`` stay on and ``writemap`` off, so a commit that returned
survives a power cut.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import lmdb
from lmdb.verify import VerifyError, verify

from perdure.store.blobs import sync_folders
from perdure.store.errors import (
    CorruptLog,
    DiskFull,
    LogFull,
    LogInUse,
    OldFormat,
    StoreClosed,
    StoreError,
    StoreFailed,
    StoreMissing,
    TooManyReaders,
    UnsupportedFormat,
    UsedAfterFork,
    refused,
)
from perdure.store.failpoints import hit

FORMAT: Final = 3
_OLD_FORMATS: Final = (b"1", b"2")  # which are upgraded when they are opened for writing
_UPGRADING: Final = b"upgrading"
_DATABASES: Final = (b"log", b"index", b"streams", b"names", b"statuses", b"rows", b"meta")
_READERS: Final = 1022
_READER_TABLE_BYTES: Final = 65_536  # what LMDB makes of that many slots of 64 bytes and a header
_LITTLE_SPACE: Final = 1 << 20  # bytes free on a disk where a short write means that it is full
_LOOKS: Final = 5  # at a file that another process writes to
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


def free_bytes(path: Path) -> int:
    """What the disk of ``path`` has room for."""
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


class LmdbEnvironment:
    """The environment in ``path / "log"`` with the databases of the event store.

    Attributes:
        log, index, streams, names, statuses, rows, meta: the databases' handles, for transactions.

    Args:
        path: the data folder.
        writable: whether this process holds the folder's writer lock.
        map_size, max_map_size: the map's first and largest size in bytes; a reader takes the writer's.

    Raises:
        StoreMissing, CorruptLog, UnsupportedFormat, TooManyReaders, DiskFull, StoreFailed: as they say.
    """

    def __init__(self, path: Path, *, writable: bool, map_size: int, max_map_size: int) -> None:
        self.path = path
        self._writable = writable
        self._max_map_size = max_map_size
        self._pid = os.getpid()
        # Guards the map: transactions enter, a change of the map's size or the end waits until all have left.
        self._gate = threading.Condition()
        self._inside = 0
        self._exclusive = False
        self._closed = False
        self._env = self._open_env(map_size)
        try:
            self._check_size()
            self._open_databases()
            self._check_upgrade()
        except BaseException:
            self._env.close()
            raise

    # --- opening -----------------------------------------------------------------------------------------------------

    def _open_env(self, map_size: int) -> Any:
        file = self.path / "log" / "data.mdb"
        while True:
            before = file.stat() if file.exists() else None
            try:
                env = self._open_file(
                    max(min(map_size, self._max_map_size), before.st_size if before is not None else 0)
                )
            except lmdb.MapResizedError as error:
                if before is not None and file.stat().st_size > before.st_size:
                    continue  # another process made it larger since it was measured
                raise self._translate(error) from error
            if before is None or before.st_ino == file.stat().st_ino:
                return env
            env.close()  # a compacted file took its place meanwhile: this is the old one

    def _open_file(self, size: int) -> Any:
        try:
            if self._writable:
                self._allocate_reader_table()
            env = lmdb.open(
                str(self.path / "log"),
                map_size=size or (1 << 20),
                max_dbs=8,
                max_readers=_READERS,
                readonly=not self._writable,
                # Without it the unused end of a page is whatever was in this process's memory: secrets, on the disk.
                meminit=True,
                mode=0o600,
            )
            if self._writable:
                env.reader_check()  # free the slots of readers that died
        except lmdb.MapResizedError:
            raise
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
            if new and self._writable:
                # All at once, so that no reader ever finds some of them.
                with self._env.begin(write=True) as txn:
                    handles = [self._env.open_db(name, txn=txn) for name in _DATABASES]
                    txn.put(b"format", str(FORMAT).encode(), db=handles[-1])
            else:
                self._check_format()
                handles = [self._open_database(name) for name in _DATABASES]
        except lmdb.NotFoundError:
            if new:
                raise StoreMissing(self.path) from None
            raise CorruptLog("data.mdb", "one of its databases is gone") from None
        except lmdb.Error as error:
            raise self._translate(error) from error
        self.log, self.index, self.streams, self.names, self.statuses, self.rows, self.meta = handles

    def _check_format(self) -> None:
        meta = self._open_database(b"meta")
        with self._begin(write=False) as txn:
            found = txn.get(b"format", db=meta)
        if found is None:
            raise CorruptLog("data.mdb", "it does not say which format it has")
        if found in _OLD_FORMATS:
            if not self._writable:
                raise OldFormat(self.path, int(found), FORMAT)
            self._begin_upgrade(meta)
        elif found != str(FORMAT).encode():
            raise UnsupportedFormat(self.path, int(found) if found.isdigit() else 0, FORMAT)

    def _begin_upgrade(self, meta: Any) -> None:
        def work(txn: Any) -> None:
            self._env.open_db(b"rows", txn=txn)  # which format 1 has not
            # The number goes first: a perdure that knows only the old format must not write to a log in between.
            txn.put(b"format", str(FORMAT).encode(), db=meta)
            txn.put(_UPGRADING, b"", db=meta)

        self.write(work, synced=lambda: None)

    def _check_upgrade(self) -> None:
        if self.upgraded_through() is not None and not self._writable:
            raise OldFormat(self.path, FORMAT - 1, FORMAT)

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
        return free_bytes(self.path) < _LITTLE_SPACE

    # --- transactions ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Refuse to be used after `close` or in a fork's child.

        Raises:
            StoreClosed, UsedAfterFork: as they say.
        """
        if self._closed:
            raise StoreClosed
        if os.getpid() != self._pid:
            raise UsedAfterFork(self._pid, os.getpid())

    @contextlib.contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Any]:
        """A transaction; one that writes is committed and synced when the block ends without an error.

        Raises:
            CorruptLog, DiskFull, TooManyReaders, StoreFailed: as they say; nothing was changed.
        """
        self.check()  # before the lock: in a fork's copy its owner may be a thread that is not there
        with self._gate:
            self.check()
            self._gate.wait_for(lambda: not self._exclusive)
            self.check()
            self._inside += 1
        try:
            with self._begin(write) as txn:
                yield txn
        except (lmdb.MapFullError, lmdb.MapResizedError):
            raise  # the writer grows the map and tries again; who copies adopts its size
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

    def write(self, work: Callable[[Any], None], synced: Callable[[], None]) -> None:
        """Run ``work`` in a transaction and commit it, in a larger map if need be; then call ``synced``.

        ``work`` may be run more than once. Durable.

        Raises:
            LogFull: the map has its largest size; and what `transaction` raises. Nothing was changed.
        """
        while True:
            try:
                with self.transaction(write=True) as txn:
                    work(txn)
                synced()
            except lmdb.MapFullError:
                self._grow()
            else:
                return

    def _grow(self) -> None:
        # A reader that died in a transaction keeps every page since then from being used again.
        if self._env.reader_check():
            return
        size = self._env.info()["map_size"]
        if size >= self._max_map_size:
            raise LogFull(self.path, self._max_map_size)
        self._resize(min(size * 2, self._max_map_size), inside=0)

    # --- the upgrade of an old format --------------------------------------------------------------------------------

    def upgraded_through(self) -> str | None:
        """The last stream whose projection an upgrade has folded anew, empty for none; None: there is none to do."""
        with self.transaction() as txn:
            through = txn.get(_UPGRADING, db=self.meta)
        return None if through is None else through.decode()

    def note_upgraded(self, txn: Any, through: str) -> None:
        """Note, in a transaction, how far an upgrade got."""
        txn.put(_UPGRADING, through.encode(), db=self.meta)

    def end_upgrade(self) -> None:
        """The log has the present format in all its parts. Durable."""
        self.write(lambda txn: txn.delete(_UPGRADING, db=self.meta), synced=lambda: None)

    # --- copying it --------------------------------------------------------------------------------------------------

    def copy_to(self, descriptor: int, place: Path, *, compact: bool) -> None:
        """Write the environment as it is now to a file, while others may go on reading and writing.

        Args:
            descriptor: the file, open for writing; ``place`` is its folder, for errors. Not synced.
            compact: leave the pages out that hold nothing, and put the others in order; else page for page, which reads
                nothing and so stumbles over no damage.

        Raises:
            DiskFull, CorruptLog, StoreFailed: as they say; a part may have been written.
        """
        while True:
            try:
                with self.transaction():  # nobody may replace the map or close it meanwhile
                    self._env.copyfd(descriptor, compact=compact)
            except lmdb.MapResizedError:
                # The copy has a transaction of its own, for which the writer's map has become too large since ours.
                self._resize(0, inside=0)
            except (CorruptLog, DiskFull, StoreFailed) as error:
                full = isinstance(error, DiskFull) or free_bytes(place) < _LITTLE_SPACE
                raise (DiskFull(place) if full else error) from error
            else:
                return

    # --- looking at it -----------------------------------------------------------------------------------------------

    def last_transaction(self) -> int:
        """The number of the last committed transaction, of whatever process: a read of mapped memory."""
        self.check()
        with self._gate:  # nobody may replace the map or close it meanwhile
            self.check()
            latest: int = self._env.info()["last_txnid"]
            return latest

    def damaged_pages(self) -> list[str]:
        """What is wrong with the pages of the file, looked at without LMDB, which aborts the process on some damage."""
        problems: list[str] = []
        for _ in range(_LOOKS):
            # Pages that this transaction sees are not used again while it lasts.
            with self.transaction() as txn:
                before = txn.id()
                try:
                    problems = verify(str(self.path / "log"))  # type: ignore[no-untyped-call]  # it has no types
                except VerifyError as error:
                    problems = [str(error)]
            if not problems or self.last_transaction() == before:
                break  # else the file grew between looking at its size and at its last page
        return problems

    def entries(self) -> dict[str, int]:
        """How many entries each database has."""
        handles = (self.log, self.index, self.streams, self.names, self.statuses, self.rows, self.meta)
        with self.transaction() as txn:
            return {
                name.decode(): txn.stat(handle)["entries"] for name, handle in zip(_DATABASES, handles, strict=True)
            }

    def map_usage(self) -> tuple[int, int]:
        """Bytes of the map that hold pages, and the map's size."""
        self.check()
        with self._gate:
            self.check()
            info, page = self._env.info(), self._env.stat()["psize"]
        return (info["last_pgno"] + 1) * page, info["map_size"]

    def reader_pids(self) -> list[int]:
        """The process of each taken slot of the reader table; one that died keeps its slots until the next `open`."""
        with self._gate:
            self.check()
            table: str = self._env.readers()
        return [int(line.split()[0]) for line in table.splitlines()[1:]]  # below a line of headers, or of "none"

    # --- closing -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close, when the last transaction has ended; a second call, or one in a fork's child, does nothing."""
        if os.getpid() != self._pid:
            return  # a fork's copy: the handles are the parent's
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._gate.wait_for(lambda: self._inside == 0)
            self._env.close()


def take_its_place(path: Path, new: Path) -> None:
    """Put the file ``new`` in the place of the log's in the data folder ``path``. Durable, crash-safe.

    For a file with the same content; this process holds the writer's lock and has the log not open.

    Raises:
        LogInUse: another process has it open; it would go on with the old file.
        DiskFull, StoreFailed: the operating system refused. In either case the old file is there.
    """
    try:
        readers = os.open(path / "log" / "lock.mdb", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise refused(path, error) from error
    try:
        try:
            # Whoever opens the environment holds this byte shared, or waits for it.
            fcntl.lockf(readers, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
        except OSError:
            raise LogInUse(path) from None
        hit("compact.before_swap")
        new.replace(path / "log" / "data.mdb")
        sync_folders(path / "log")
        hit("compact.after_swap")
        # The table of readers has the number of the last transaction, and numbers have begun anew. Opened by the one
        # process that can, LMDB makes the table anew.
        lmdb.open(str(path / "log"), max_readers=_READERS, mode=0o600).close()
    except lmdb.Error as error:
        raise StoreFailed(path, str(error)) from error
    except OSError as error:
        raise refused(path, error) from error
    finally:
        os.close(readers)
