"""Making a data folder of a backup.

Everything is copied into a folder beside the new one, checked there, and gets its name only then: what is checked is
what will be used, whoever changes the backup meanwhile.
"""

from __future__ import annotations

import contextlib
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from perdure.store.backups.backup import refuse_damage
from perdure.store.backups.copying import copy_blob, copy_file, is_empty, make_folder, remove_folder
from perdure.store.backups.errors import FolderNotEmpty, NotABackup
from perdure.store.backups.manifest import BLOBS, KEYS, LOG, Manifest, read_manifest
from perdure.store.blobs import is_digest, sync_folders
from perdure.store.errors import StoreFailed, refused
from perdure.store.event_store import JobQuery
from perdure.store.events import RUNTIME_STREAM, JobPaused, LogRestored, job_stream
from perdure.store.failpoints import hit
from perdure.store.integrity import Report
from perdure.store.lifecycle import TRANSITIONS, Status
from perdure.store.lmdb_store import LmdbEventStore

_PAGE: Final = 1_000


class RestoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored. ``saved_at`` in microseconds since 1970; ``position`` is the last of the ``events``.

    ``unfinished`` jobs had no end when the backup was made; ``held`` of them were paused. ``keys``: whether they were
    in the backup.
    """

    path: str
    position: int
    saved_at: int
    perdure: str
    events: int
    blobs: int
    keys: bool
    unfinished: int
    held: int


def restore_backup(
    backup: Path, target: Path, *, check: Callable[[Path], Report], clock: Callable[[], int], hold: bool = False
) -> RestoreReport:
    """Make the data folder ``target`` of a backup. Durable.

    Args:
        backup: the backup's folder.
        target: the new data folder: one that is not there, or is empty.
        check: checks the log in a folder (`perdure.store.integrity.check`), best in a process of its own: reading a log
            that somebody made up can end the process.
        clock: the time, in microseconds since 1970.
        hold: pause every unfinished job, so that none goes on before a person has looked at it.

    Raises:
        NotABackup: it holds none that was finished.
        FolderNotEmpty: ``target`` holds something.
        BackupDamaged, CorruptBlob: the backup does not pass the check.
        DiskFull, StoreFailed: as they say.

    Whatever it raises, there is no data folder then.
    """
    backup, target = backup.absolute(), target.absolute()
    if not is_empty(target):
        raise FolderNotEmpty(target, "is there, and is not empty")
    manifest = read_manifest(backup)
    if not manifest.state:
        raise NotABackup(backup, "it was begun, and never finished")
    make_folder(target.parent)
    try:
        staged = Path(tempfile.mkdtemp(prefix=f".{target.name}.restoring-", dir=target.parent))  # 0700
    except OSError as error:
        raise refused(target.parent, error) from error
    try:
        blobs = _copy(backup, manifest, staged)
        hit("restore.after_copy")
        report = check(staged)
        refuse_damage(backup, report)
        unfinished, held = _mark(staged, manifest, clock, hold=hold)
        (staged / LOG / "lock.mdb").unlink(missing_ok=True)
        try:
            sync_folders(staged / LOG, staged)
            hit("restore.before_name")
            staged.replace(target)  # which takes the place of an empty folder, and of nothing else
            hit("restore.after_name")
            sync_folders(target.parent)
        except OSError as error:
            raise refused(target, error) from error
    except BaseException:
        remove_folder(staged)
        raise
    return RestoreReport(
        path=str(target),
        position=manifest.position,
        saved_at=manifest.saved_at,
        perdure=manifest.perdure,
        events=report.events,
        blobs=blobs,
        keys=(target / KEYS).exists(),
        unfinished=unfinished,
        held=held,
    )


def _copy(backup: Path, manifest: Manifest, staged: Path) -> int:
    state = backup / manifest.state
    for folder in (state, state / LOG):
        _require_folder(backup, folder)
    make_folder(staged / LOG)
    make_folder(staged / BLOBS)
    try:
        copy_file(state / LOG / "data.mdb", staged / LOG / "data.mdb")
    except FileNotFoundError:
        raise NotABackup(backup, f"there is no log in its {manifest.state}") from None
    if manifest.keys:
        _require_folder(backup, state / KEYS)
        make_folder(staged / KEYS)
        for path in _entries(backup, state / KEYS):
            copy_file(path, staged / KEYS / path.name)
        sync_folders(staged / KEYS)
    return _copy_blobs(backup, staged)


def _copy_blobs(backup: Path, staged: Path) -> int:
    blobs = 0
    if not _is_folder(backup / BLOBS):
        return blobs  # if the log names one, the check will say so
    for folder in _entries(backup, backup / BLOBS):
        for source in _entries(backup, folder) if _is_folder(folder) else []:
            if is_digest(source.name):
                target = staged / BLOBS / source.name[:2] / source.name
                make_folder(target.parent)
                with contextlib.suppress(FileNotFoundError):  # a newer backup is being made there
                    copy_blob(source, target)
                    blobs += 1
    sync_folders(*sorted((staged / BLOBS).iterdir()), staged / BLOBS)
    return blobs


def _mark(staged: Path, manifest: Manifest, clock: Callable[[], int], *, hold: bool) -> tuple[int, int]:
    """Write down where the log comes from; returns how many jobs are unfinished, and how many were paused."""
    with LmdbEventStore.open(staged, clock=clock) as store:
        if store.position() < manifest.position:
            raise NotABackup(staged, "its log is shorter than its manifest says")
        store.append(RUNTIME_STREAM, [LogRestored(manifest.position, manifest.saved_at)])
        unfinished = sum(store.count_unfinished().values())
        return unfinished, _hold(store) if hold else 0


def _hold(store: LmdbEventStore) -> int:
    """Pause every job that would go on; what was paused before is not counted."""
    statuses = frozenset(status for status in TRANSITIONS[JobPaused] if status is not None)
    held = 0
    query = JobQuery(statuses=statuses, limit=_PAGE)
    while page := store.jobs(query).jobs:
        for state in page:
            store.append(job_stream(state.job_id), [JobPaused(forced=state.status is Status.RUNNING, fuel=0)])
            held += 1
    return held


def _require_folder(backup: Path, folder: Path) -> None:
    if not _is_folder(folder):
        raise NotABackup(backup, f"{folder.relative_to(backup)} is not a folder")


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _entries(backup: Path, folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise StoreFailed(backup, str(error)) from error
