"""Writing the log's file anew, without the pages that hold nothing any more.

LMDB never makes its file smaller: what a deletion frees is used again, and until then it lies there. The copy is
written beside the file, looked through, synced, and takes its name; a process that dies before that leaves the old
file, after it the new one. Other processes must not have the log open: a reader would read the old file for ever.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from perdure.store.backups.copying import creating, make_folder, remove_folder
from perdure.store.errors import CorruptLog, LogInUse, StoreFailed, StoreMissing, refused
from perdure.store.failpoints import hit
from perdure.store.lmdb_environment import LmdbEnvironment, take_its_place
from perdure.store.lmdb_store import COMPACTED, LOCK_FILE, LmdbEventStore
from perdure.store.writer_lock import WriterLock


class CompactionReport(msgspec.Struct, frozen=True):
    """The size of the log's file in bytes, before and after."""

    before: int
    after: int

    @property
    def saved(self) -> int:
        """Bytes that the disk has again; never less than 0."""
        return max(0, self.before - self.after)


def compact(path: Path) -> CompactionReport:
    """Compact the log in the data folder ``path``. Durable, crash-safe.

    Raises:
        StoreMissing: there is none.
        StoreLocked, LogInUse: another process has it open.
        CorruptLog: it is damaged; nothing was changed.
        DiskFull: there is no room for the copy beside it; nothing was changed.
        StoreFailed: the operating system refused.
    """
    file = path / "log" / "data.mdb"
    if not file.exists():
        raise StoreMissing(path)
    LmdbEventStore.open(path).close()  # brings an old format to the present one, and clears what a crash left
    lock = WriterLock(path / LOCK_FILE)
    copy = path / "log" / COMPACTED
    try:
        before = file.stat().st_size
        _copy(path, copy)
        after = (copy / "data.mdb").stat().st_size
        take_its_place(path, copy / "data.mdb")
    except OSError as error:
        raise refused(path, error) from error
    finally:
        remove_folder(copy)
        lock.release()
    return CompactionReport(before, after)


def _copy(path: Path, copy: Path) -> None:
    source = LmdbEnvironment(path, writable=True, map_size=0, max_map_size=1 << 40)
    try:
        if damage := source.damaged_pages():
            # To leave out what holds nothing the copy has to be led by the pages, and LMDB aborts on damaged ones.
            raise CorruptLog("data.mdb", damage[0])
        if others := tuple(sorted({pid for pid in source.reader_pids() if pid != os.getpid()})):
            raise LogInUse(path, others)
        entries = source.entries()
        hit("compact.before_copy")
        make_folder(copy / "log")
        with creating(copy / "log" / "data.mdb") as descriptor:
            source.copy_to(descriptor, copy, compact=True)
            os.fsync(descriptor)
    finally:
        source.close()
    made = LmdbEnvironment(copy, writable=False, map_size=0, max_map_size=0)
    try:
        if (damage := made.damaged_pages()) or made.entries() != entries:
            raise StoreFailed(path, f"the copy is not what was copied: {damage[:1] or made.entries()}")
    finally:
        made.close()
    (copy / "log" / "data.mdb").replace(copy / "data.mdb")
    hit("compact.after_copy")
