"""Making a backup of a data folder, which another process may go on writing to.

The log is copied first, as one transaction left it; what was put as a blob before that is there, and nothing that it
names is removed while the blobs are copied after it. So the backup is the folder as it was at one moment. It counts
when it has been checked as `perdure.store.integrity` checks a log, and not before.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from perdure.store.backups.copying import copy_blob, copy_file, creating, is_empty, make_folder, remove_folder
from perdure.store.backups.errors import BackupDamaged, BackupFailed, FolderNotEmpty, NotABackup
from perdure.store.backups.manifest import (
    BLOBS,
    KEYS,
    LOG,
    Manifest,
    is_state,
    read_manifest,
    state_name,
    write_manifest,
)
from perdure.store.blobs import FileBlobs, is_digest, sync_folders
from perdure.store.errors import StoreMissing, refused
from perdure.store.failpoints import hit
from perdure.store.integrity import Report, check
from perdure.store.lifecycle import UNFINISHED
from perdure.store.lmdb_store import LmdbEventStore

_NAMED: Final = 5  # problems that an error names
_TRIES: Final = 100  # at keys that change meanwhile


class BackupReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. Sizes in bytes, ``saved_at`` in microseconds since 1970.

    ``position`` is the last of the ``events``; ``unfinished`` jobs have no end by then. Of the ``blobs`` those in
    ``new_blobs`` were not there from an earlier backup. ``keys`` is the number of files in the folder of keys.
    """

    path: str
    position: int
    saved_at: int
    events: int
    unfinished: int
    log_bytes: int
    blobs: int
    new_blobs: int
    new_bytes: int
    keys: int


def make_backup(data: Path, target: Path, *, now: int, perdure: str, keys: bool = False) -> BackupReport:
    """Make a backup of the folder ``data`` in ``target``: a new folder, or one with an earlier backup. Durable.

    Args:
        data: the data folder; this process must not have it open.
        target: where to. An earlier backup there counts until this one does; what both have is kept, not copied again.
        now: microseconds since 1970.
        perdure: the version that makes it, for the manifest.
        keys: whether the keys go with it. Without them nobody can read what was sealed with them.

    Raises:
        StoreMissing, OldFormat: there is nothing to save, or not by this version.
        FolderNotEmpty: ``target`` holds something else, or lies in ``data``.
        BackupDamaged, CorruptBlob: the log is damaged; what was found is in the error.
        DiskFull, BackupFailed, StoreFailed: as they say.

    Whatever it raises, ``target`` holds what it held before.
    """
    data, target = data.absolute(), target.absolute()
    if not (data / LOG / "data.mdb").exists():
        raise StoreMissing(data)
    if target.resolve().is_relative_to(data.resolve()):
        raise FolderNotEmpty(target, "lies in the data folder")
    with _claimed(target):
        return _Making(data, target).run(now, perdure, keys=keys)


@contextlib.contextmanager
def _claimed(target: Path) -> Iterator[None]:
    """``target`` is a backup's folder, of this process alone; if it was made here it is removed again on an error."""
    made = is_empty(target)
    if made:
        make_folder(target)
    else:
        try:
            read_manifest(target)
        except NotABackup as error:
            raise FolderNotEmpty(target, f"is there, and is not a backup ({error.reason})") from None
    folder = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupFailed(target, "another one is being made there") from None
        try:
            if made:
                # Says whose folder this is, also if the process dies: the next backup goes on in it.
                write_manifest(target, Manifest())
                sync_folders(target.parent)
            yield
        except BaseException:
            if made:
                remove_folder(target)
            raise
    finally:
        os.close(folder)


class _Making:
    def __init__(self, data: Path, target: Path) -> None:
        self._data = data
        self._target = target
        self._state = target / state_name()
        self._added: list[Path] = []  # blobs
        self._bytes = 0

    def run(self, now: int, perdure: str, *, keys: bool) -> BackupReport:
        blobs = FileBlobs(self._data / BLOBS)
        try:
            with blobs.pinned():
                self._copy_log()
                hit("backup.after_log")
                kept = self._copy_blobs(blobs.digests())
            hit("backup.after_blobs")
            key_files = self._copy_keys() if keys else 0
            self._sync()
            report = self._checked(now, blobs=len(kept), keys=key_files)
            manifest = Manifest(
                state=self._state.name, position=report.position, saved_at=now, keys=keys, perdure=perdure
            )
            hit("backup.before_manifest")
            write_manifest(self._target, manifest)
        except BaseException:
            remove_folder(self._state)
            for blob in self._added:
                blob.unlink(missing_ok=True)
            raise
        hit("backup.after_manifest")
        self._prune(kept)
        return report

    def _copy_log(self) -> None:
        make_folder(self._state / LOG)
        with (
            LmdbEventStore.open_readonly(self._data) as store,
            creating(self._state / LOG / "data.mdb") as descriptor,
        ):
            store.copy_log(descriptor, self._state / LOG)

    def _copy_blobs(self, digests: Iterable[str]) -> set[str]:
        copied: set[str] = set()
        for digest in digests:
            source = self._data / BLOBS / digest[:2] / digest
            target = self._target / BLOBS / digest[:2] / digest
            copied.add(digest)
            if _same_size(source, target):
                continue
            make_folder(target.parent)
            with contextlib.suppress(FileNotFoundError):  # if something names it, the check will say so
                self._bytes += copy_blob(source, target)
                self._added.append(target)
        return copied

    def _copy_keys(self) -> int:
        """Copy the key files; again, until none of them changed meanwhile (keys are being rotated, or destroyed)."""
        source = self._data / KEYS
        for _ in range(_TRIES):
            before = _key_stamps(source)
            remove_folder(self._state / KEYS)
            make_folder(self._state / KEYS)
            with contextlib.suppress(FileNotFoundError):
                for name in before:
                    copy_file(source / name, self._state / KEYS / name)
                if _key_stamps(source) == before:
                    return len(before)
        raise BackupFailed(self._target, "the keys change all the time; try again")

    def _sync(self) -> None:
        try:
            parents = sorted({blob.parent for blob in self._added})
            above = [self._target / BLOBS] if parents else []
            keys = [self._state / KEYS] if (self._state / KEYS).exists() else []
            sync_folders(*parents, *above, *keys, self._state / LOG, self._state, self._target)
        except OSError as error:
            raise refused(self._target, error) from error

    def _checked(self, now: int, *, blobs: int, keys: int) -> BackupReport:
        with LmdbEventStore.open_readonly(self._state) as store:
            store.blobs = FileBlobs(self._target / BLOBS)
            report = check(store)
            refuse_damage(self._target, report)
            position = store.position()
            unfinished = sum(store.count_unfinished()[status] for status in UNFINISHED)
        (self._state / LOG / "lock.mdb").unlink(missing_ok=True)
        return BackupReport(
            path=str(self._target),
            position=position,
            saved_at=now,
            events=report.events,
            unfinished=unfinished,
            log_bytes=(self._state / LOG / "data.mdb").stat().st_size,
            blobs=blobs,
            new_blobs=len(self._added),
            new_bytes=self._bytes,
            keys=keys,
        )

    def _prune(self, kept: set[str]) -> None:
        """Remove what does not count any more, as far as that is possible: the next backup tries again."""
        for entry in self._target.iterdir():
            if is_state(entry.name) and entry != self._state:
                remove_folder(entry)
        for blob in self._target.glob(f"{BLOBS}/??/*"):
            if blob.name not in kept and (is_digest(blob.name) or blob.name.startswith(".new-")):
                with contextlib.suppress(OSError):
                    blob.unlink()


def refuse_damage(path: Path, report: Report) -> None:
    """Refuse what a check found problems in.

    Raises:
        BackupDamaged: it did.
    """
    if not report.clean:
        first = tuple(f"{problem.where}: {problem.what}" for problem in report.problems[:_NAMED])
        raise BackupDamaged(path, first, len(report.problems))


def _same_size(source: Path, target: Path) -> bool:
    try:
        return target.lstat().st_size == source.stat().st_size
    except FileNotFoundError:
        return False


def _key_stamps(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Each key file with what changes when it does; files that are being written are none."""
    stamps: dict[str, tuple[int, int, int]] = {}
    try:
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(".new-"):
                status = path.lstat()
                stamps[path.name] = (status.st_ino, status.st_size, status.st_mtime_ns)
    except FileNotFoundError:
        return stamps
    except OSError as error:
        raise refused(folder, error) from error
    return stamps
