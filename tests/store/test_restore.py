"""A backup becomes a data folder, or nothing does: whoever made the backup, and whatever is in it."""

from __future__ import annotations

import json
import os
import random
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.backup_process import BackupProcess, check_folder
from tests.support.job_events import (
    Ticks,
    completed,
    dispatched,
    failure,
    job_id,
    large_checkpoint,
    put_module,
    run_of,
    start_job,
)
from tests.support.small_disk import small_disk

from perdure.store import CorruptBlob, DiskFull, JobQuery, JobState, LmdbEventStore, Status, StoreError, failpoints
from perdure.store import events as ev
from perdure.store.backups.backup import make_backup
from perdure.store.backups.errors import BackupDamaged, FolderNotEmpty, NotABackup
from perdure.store.backups.manifest import read_manifest
from perdure.store.backups.restore import RestoreReport, restore_backup
from perdure.store.runtime_state import RuntimeState

STATE = b"a large state " * 10_000


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Of a folder with a job in each status that a restore may meet."""
    with LmdbEventStore.open(tmp_path / "data", clock=Ticks(), map_size=1 << 20) as store:
        put_module(store)
        store.append(ev.RUNTIME_STREAM, [ev.RuntimeOpened(pid=1, perdure="0.1.0", wasmtime="50.0.1")])
        start_job(store, 1, [*run_of(10), large_checkpoint(store, 11, STATE)])
        start_job(store, 2, [completed()])
        store.append(ev.job_stream(job_id(3)), [dispatched(job_id(3))])
        start_job(store, 4, [ev.JobPaused(forced=False, fuel=0)])
        start_job(store, 5, [ev.JobSuspended(reason="shutdown", forced=True, fuel=0)])
        start_job(store, 6, [ev.RetryScheduled(error=failure(), delay_ms=1000, fuel=0)])
    make_backup(tmp_path / "data", tmp_path / "backup", now=1_000, perdure="0.1.0")
    return tmp_path / "backup"


def restore(backup: Path, target: Path, *, hold: bool = False) -> RestoreReport:
    return restore_backup(backup, target, check=check_folder, clock=Ticks(), hold=hold)


def statuses(folder: Path) -> list[Status]:
    with LmdbEventStore.open_readonly(folder) as store:
        return [job.status for job in reversed(store.jobs(JobQuery()).jobs)]


def refuse(backup: Path, error: type[StoreError], match: str | None = None) -> None:
    """A restore is refused, and leaves nothing."""
    target = backup.parent / "new"
    before = sorted(backup.parent.iterdir())
    with pytest.raises(error, match=match):
        restore(backup, target)
    assert sorted(backup.parent.iterdir()) == before


def state_of(backup: Path) -> Path:
    return backup / read_manifest(backup).state


def test_what_was_saved_is_there_and_says_where_it_comes_from(backup: Path, tmp_path: Path) -> None:
    report = restore(backup, tmp_path / "new")
    assert (report.position, report.saved_at, report.perdure, report.events) == (27, 1_000, "0.1.0", 27)
    assert (report.blobs, report.keys, report.unfinished, report.held) == (2, False, 5, 0)
    with (
        LmdbEventStore.open_readonly(tmp_path / "data") as before,
        LmdbEventStore.open_readonly(tmp_path / "new") as after,
    ):
        events = list(after.read_all())
        assert events[:-1] == list(before.read_all())
        assert events[-1].event == ev.LogRestored(position=27, saved_at=1_000)
        state = after.state(ev.RUNTIME_STREAM)
        assert isinstance(state, RuntimeState)
        assert state.closed, "the process that is at work on the other folder did not die in this one"
    assert check_folder(tmp_path / "new").problems == []
    with LmdbEventStore.open(tmp_path / "new") as store:
        store.append(ev.job_stream(job_id(3)), [ev.JobStarted(1, 1)])


def test_only_its_owner_can_read_it(backup: Path, tmp_path: Path) -> None:
    restore(backup, tmp_path / "new")
    for path in [tmp_path / "new", *(tmp_path / "new").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_jobs_can_be_held(backup: Path, tmp_path: Path) -> None:
    restore(backup, tmp_path / "free")
    started, other = [Status.RUNNING, Status.COMPLETED, Status.QUEUED], [Status.SUSPENDED, Status.BACKOFF]
    assert statuses(tmp_path / "free") == [*started, Status.PAUSED, *other]
    report = restore(backup, tmp_path / "held", hold=True)
    assert (report.unfinished, report.held) == (5, 4)
    assert statuses(tmp_path / "held") == [Status.PAUSED, Status.COMPLETED, *[Status.PAUSED] * 4]
    assert check_folder(tmp_path / "held").problems == []
    with LmdbEventStore.open_readonly(tmp_path / "held") as store:
        broken_off = store.state(ev.job_stream(job_id(1)))
        assert isinstance(broken_off, JobState)
        assert broken_off.is_broken_off, "it can be taken up where it was"


def test_a_folder_that_holds_something_is_left_alone(backup: Path, tmp_path: Path) -> None:
    for target in (tmp_path / "data", backup):
        with pytest.raises(FolderNotEmpty, match="not empty"):
            restore(backup, target)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(FolderNotEmpty):
        restore(backup, tmp_path / "file")
    (tmp_path / "empty").mkdir()
    restore(backup, tmp_path / "empty")
    assert check_folder(tmp_path / "empty").clean


# --- what nobody should believe --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"{}", "never finished"),
        (b'{"backup": 2}', "its layout is 2"),
        (b'{"backup": "1"}', "cannot be read"),
        (b'{"state": "../data"}', "no state's folder"),
        (b'{"state": "/etc"}', "no state's folder"),
        (b'{"state": "state-0123456789abcdef"}', "not a folder"),
        (b'{"state": "state-0123456789abcdef\\u0000"}', "no state's folder"),
        (b'{"state": ""}' + b" " * 100_000, "never finished"),
    ],
)
def test_a_manifest_that_cannot_be_believed(backup: Path, content: bytes, said: str) -> None:
    (backup / "backup.json").write_bytes(content)
    refuse(backup, NotABackup, said)


def test_a_folder_without_a_manifest(backup: Path, tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path / "data"):
        with pytest.raises(NotABackup, match=r"no backup\.json"):
            restore(folder, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_manifest_that_promises_more_than_there_is(backup: Path) -> None:
    manifest = json.loads((backup / "backup.json").read_text())
    (backup / "backup.json").write_text(json.dumps({**manifest, "position": 28}))
    refuse(backup, NotABackup, "shorter than its manifest says")


def _link(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "data" / "perdure.lock"
    path.unlink()
    path.symlink_to(secret)


def _fifo(path: Path, tmp_path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path, tmp_path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [_link, _fifo, _folder])
@pytest.mark.parametrize("what", ["log", "blob"])
def test_what_is_no_plain_file_is_not_followed(
    backup: Path, tmp_path: Path, change: Callable[[Path, Path], None], what: str
) -> None:
    path = state_of(backup) / "log" / "data.mdb" if what == "log" else next((backup / "blobs").glob("??/*"))
    change(path, tmp_path)
    refuse(backup, StoreError)


def test_a_folder_that_is_a_link_is_not_followed(backup: Path, tmp_path: Path) -> None:
    state = state_of(backup)
    state.rename(tmp_path / "elsewhere")
    state.symlink_to(tmp_path / "elsewhere")
    refuse(backup, NotABackup, "not a folder")


def test_a_log_that_is_gone(backup: Path) -> None:
    (state_of(backup) / "log" / "data.mdb").unlink()
    refuse(backup, NotABackup, "no log")


def test_a_blob_that_is_gone_or_another_one(backup: Path) -> None:
    blob = next(path for path in (backup / "blobs").glob("??/*") if path.stat().st_size == len(STATE))
    blob.write_bytes(b"other bytes")
    refuse(backup, CorruptBlob)
    blob.unlink()
    refuse(backup, BackupDamaged, "blob")


def test_files_that_are_none_of_a_backup_stay_where_they_are(backup: Path, tmp_path: Path) -> None:
    (backup / "blobs" / "notes.txt").write_text("mine")
    (backup / "blobs" / "ab").mkdir(exist_ok=True)
    (backup / "blobs" / "ab" / "..evil").write_text("x")
    (backup / "perdure.lock").write_text("x")
    restore(backup, tmp_path / "new")
    names = {path.name for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert not names & {"notes.txt", "..evil"}


def test_bytes_that_were_changed_are_found(backup: Path, tmp_path: Path) -> None:
    """Wherever they are. What LMDB cannot read ends the checking process, which is one of its own."""
    file = state_of(backup) / "log" / "data.mdb"
    whole = file.read_bytes()
    chosen = random.Random(4)
    refused = 0
    for number in range(25):
        damaged = bytearray(whole)
        at = chosen.randrange(len(damaged))
        damaged[at : at + 64] = chosen.randbytes(64)
        file.write_bytes(damaged[: chosen.choice([len(damaged), len(damaged) // 2])])
        target = tmp_path / f"new-{number}"
        with BackupProcess("restore", backup, target, "restore.after_name") as process:
            said = process.process.stdout.readline().strip()  # type: ignore[union-attr]  # it is a pipe
            process.process.wait(60)
        if target.exists():
            assert said == "dying"
            assert check_folder(target).clean, "a page that nothing uses"
        else:
            refused += 1
    assert refused >= 10


# --- the disk, and kills ---------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing(backup: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=2) as disk:
        disk.fill(leave=200_000)
        with pytest.raises(DiskFull) as caught:
            restore(backup, disk.path / "new")
        assert caught.value.path.is_relative_to(disk.path)
        assert [path.name for path in disk.path.iterdir()] == ["ballast"]


@pytest.mark.parametrize("failpoint", [name for name in failpoints.BACKUP_NAMES if name.startswith("restore.")])
def test_a_kill_leaves_a_whole_folder_or_none(backup: Path, tmp_path: Path, failpoint: str) -> None:
    target = tmp_path / "new"
    with BackupProcess("restore", backup, target, failpoint) as dying:
        dying.expect("dying")
        dying.process.wait(60)
    assert target.exists() is (failpoint == "restore.after_name")
    if not target.exists():
        restore(backup, target)
    assert check_folder(target).problems == []
    assert len(statuses(target)) == 6
