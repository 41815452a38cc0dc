"""A backup is the folder as it was at one moment, whole or not there at all."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.backup_process import BackupProcess, check_folder
from tests.support.job_events import Ticks, large_checkpoint, put_module, run_of, runtime_opened, start_job
from tests.support.log_file import data_file, flip
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.store_process import StoreProcess

from perdure.store import CorruptBlob, DiskFull, LmdbEventStore, StoreError, StoreMissing, failpoints
from perdure.store import events as ev
from perdure.store.backups.backup import BackupReport, make_backup
from perdure.store.backups.errors import BackupDamaged, BackupFailed, FolderNotEmpty
from perdure.store.backups.manifest import read_manifest
from perdure.store.backups.process import Order, backup_in_child
from perdure.store.backups.restore import restore_backup
from perdure.store.blobs import FileBlobs, digest_of

LARGE = b"a state of many bytes " * 10_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with two jobs, one with a checkpoint among the blobs."""
    with LmdbEventStore.open(tmp_path / "data", clock=Ticks(), map_size=1 << 20) as store:
        put_module(store)
        start_job(store, 1, run_of(10))
        start_job(store, 2, [large_checkpoint(store, 1, LARGE)])
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoints.disarm()


def back_up(data: Path, target: Path, *, now: int = 5, keys: bool = False) -> BackupReport:
    return make_backup(data, target, now=now, perdure="0.1.0", keys=keys)


def events_of(folder: Path) -> list[tuple[str, int, bytes]]:
    with LmdbEventStore.open_readonly(folder) as store:
        return [(stored.stream, stored.sequence, stored.hash) for stored in store.read_all()]


def restored(backup: Path) -> Path:
    """The data folder that is made of it."""
    target = backup.with_name(f"{backup.name}-restored")
    restore_backup(backup, target, check=check_folder, clock=Ticks())
    return target


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_backup_has_all_that_was_there(data: Path, tmp_path: Path) -> None:
    report = back_up(data, tmp_path / "backup")
    assert (report.position, report.events, report.unfinished, report.saved_at) == (15, 15, 2, 5)
    assert (report.blobs, report.new_blobs, report.new_bytes, report.keys) == (2, 2, len(LARGE) + 8, 0)
    assert report.log_bytes == data_file(data).stat().st_size
    manifest = read_manifest(tmp_path / "backup")
    assert (manifest.position, manifest.saved_at, manifest.keys, manifest.perdure) == (15, 5, False, "0.1.0")
    assert events_of(restored(tmp_path / "backup"))[:15] == events_of(data)


def test_only_its_owner_can_read_it(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "backup")
    for path in (tmp_path / "backup").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700


def test_it_is_made_while_another_process_writes(data: Path, tmp_path: Path) -> None:
    with StoreProcess("write", data) as writer:
        writer.expect("ready")
        for number in range(1, 4):
            assert writer.ask("5") == str(15 + 5 * number)
            report = back_up(data, tmp_path / "backup")
            assert report.position == 15 + 5 * number
        assert writer.ask("1") == "31"
    assert events_of(restored(tmp_path / "backup"))[:30] == events_of(data)[:30]


def test_a_copy_is_made_of_a_map_that_has_grown(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the map's size and the transaction that LMDB makes for the copy."""
    file = tmp_path / "copy" / "log" / "data.mdb"
    file.parent.mkdir(parents=True)
    with StoreProcess("write", data) as writer, LmdbEventStore.open_readonly(data) as reader:
        writer.expect("ready")
        transaction, grown = reader._env.transaction, False

        @contextlib.contextmanager
        def growing(**how: bool) -> Iterator[object]:
            nonlocal grown
            with transaction(**how) as opened:
                if not grown:
                    assert writer.ask("100") == "115"  # two megabytes
                    grown = True
                yield opened

        monkeypatch.setattr(reader._env, "transaction", growing)
        with file.open("wb") as copy:
            reader.copy_log(copy.fileno(), tmp_path)
    assert len(events_of(tmp_path / "copy")) == 115


def test_the_next_one_copies_what_is_new_and_drops_what_is_gone(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "backup")
    with LmdbEventStore.open(data) as store:
        idle = store.blobs.put(b"nobody names it")
    assert back_up(data, tmp_path / "backup", now=6).new_blobs == 1
    with LmdbEventStore.open(data) as store:
        store.blobs.remove(idle)
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
    report = back_up(data, tmp_path / "backup", now=7)
    assert (report.new_blobs, report.blobs, report.position) == (0, 2, 16)
    assert sorted(FileBlobs(tmp_path / "backup" / "blobs").digests()) == sorted(FileBlobs(data / "blobs").digests())
    states = [path.name for path in (tmp_path / "backup").glob("state-*")]
    assert states == [read_manifest(tmp_path / "backup").state]
    assert len(events_of(restored(tmp_path / "backup"))) == 16 + 1


def test_a_blob_that_is_removed_meanwhile_is_in_it(data: Path, tmp_path: Path) -> None:
    """The log as the backup has it may name what the log as it is now names no more."""
    with LmdbEventStore.open(data) as store:
        idle = store.blobs.put(b"named until now")
    blobs = FileBlobs(data / "blobs")
    failpoints.arm("backup.after_log", lambda: blobs.remove(idle))
    assert back_up(data, tmp_path / "backup").blobs == 3
    assert FileBlobs(tmp_path / "backup" / "blobs").get(idle) == b"named until now"
    blobs.remove(idle)
    assert not blobs.has(idle), "it is removed once the backup is made"


def test_keys_are_in_it_only_if_asked_for(data: Path, tmp_path: Path) -> None:
    keys = data / "keys"
    keys.mkdir(mode=0o700)
    for name in ("master", "extension-1"):
        (keys / name).write_bytes(name.encode() * 10)
        (keys / name).chmod(0o600)
    (keys / ".new-half").write_bytes(b"half")
    assert back_up(data, tmp_path / "backup", keys=True).keys == 2
    folder = restored(tmp_path / "backup")
    assert files_of(folder / "keys") == {name: name.encode() * 10 for name in ("master", "extension-1")}
    assert stat.S_IMODE((folder / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder / "keys").iterdir()} == {0o600}
    back_up(data, tmp_path / "backup")
    assert not list((tmp_path / "backup").rglob("master")), "keys of an earlier backup stay behind"


# --- what is refused -------------------------------------------------------------------------------------------------


def test_a_folder_of_something_else_is_left_alone(data: Path, tmp_path: Path) -> None:
    with LmdbEventStore.open(tmp_path / "other") as store:
        put_module(store)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"a cat")
    (tmp_path / "file").write_bytes(b"a file")
    for name in ("other", "photos", "file"):
        before = files_of(tmp_path / name)
        with pytest.raises(FolderNotEmpty, match="is not a backup"):
            back_up(data, tmp_path / name)
        assert files_of(tmp_path / name) == before


def test_a_backup_in_the_data_folder_is_refused(data: Path) -> None:
    for target in (data, data / "backup", data / "blobs" / "x"):
        with pytest.raises(FolderNotEmpty, match="lies in the data folder"):
            back_up(data, target)
    with pytest.raises(StoreMissing):
        back_up(data / "nowhere", data.parent / "backup")
    assert not (data.parent / "backup").exists()


def test_two_at_once_are_refused(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "backup")
    caught: list[StoreError] = []

    def another() -> None:
        try:
            back_up(data, tmp_path / "backup")
        except StoreError as error:
            caught.append(error)

    failpoints.arm("backup.after_blobs", another)
    back_up(data, tmp_path / "backup", now=9)
    assert [type(error) for error in caught] == [BackupFailed]
    assert read_manifest(tmp_path / "backup").saved_at == 9


def test_a_damaged_log_is_refused_and_the_last_backup_stays(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "backup")
    before = files_of(tmp_path / "backup")
    flip(data, b"call 2")
    for target in ("backup", "new"):
        with pytest.raises(BackupDamaged, match="does not pass the check") as caught:
            back_up(data, tmp_path / target)
        assert caught.value.count >= 1
    assert files_of(tmp_path / "backup") == before
    assert not (tmp_path / "new").exists()


def test_a_damaged_blob_is_refused(data: Path, tmp_path: Path) -> None:
    digest = digest_of(LARGE)
    (data / "blobs" / digest[:2] / digest).write_bytes(b"other bytes")
    with pytest.raises(CorruptBlob):
        back_up(data, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=2) as made:
        yield made


def test_a_full_disk_is_a_named_error_and_leaves_what_was_there(data: Path, disk: SmallDisk) -> None:
    target = disk.path / "backup"
    back_up(data, target)
    before = files_of(target)
    with LmdbEventStore.open(data) as store:
        put = [store.blobs.put(bytes([number]) * 100_000) for number in range(20)]
    assert len(put) == 20
    with pytest.raises(DiskFull) as caught:
        back_up(data, target)
    assert caught.value.path.is_relative_to(disk.path)
    assert files_of(target) == before
    disk.fill(leave=300_000)  # not even room for the log
    with pytest.raises(DiskFull) as caught:
        back_up(data, target)
    assert caught.value.path.is_relative_to(disk.path)
    assert files_of(target) == before
    with pytest.raises(DiskFull):
        back_up(data, disk.path / "another")
    assert not (disk.path / "another").exists()


# --- kills -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failpoint", [name for name in failpoints.BACKUP_NAMES if name.startswith("backup.")])
@pytest.mark.parametrize("earlier", [False, True], ids=["new", "again"])
def test_a_kill_leaves_the_earlier_backup_or_none(data: Path, tmp_path: Path, failpoint: str, *, earlier: bool) -> None:
    target = tmp_path / "backup"
    if earlier:
        back_up(data, target)
    with LmdbEventStore.open(data) as store:
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
    with BackupProcess("back_up", data, target, failpoint) as dying:
        dying.expect("dying")
        dying.process.wait(60)
    done = failpoint == "backup.after_manifest"
    if earlier or done:
        assert len(events_of(restored(target))) == (16 if done else 15) + 1
    else:
        with pytest.raises(StoreError, match="never finished"):
            restored(target)
    report = back_up(data, target)
    assert report.position == 16
    assert len(list(target.glob("state-*"))) == 1
    assert not list(target.rglob(".new-*"))


# --- from the process that writes ------------------------------------------------------------------------------------


def test_a_child_makes_it_while_this_process_has_the_log_open(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    with LmdbEventStore.open(data) as store:
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
        report = backup_in_child(Order(str(data), str(target), 5, "0.1.0", False))
        assert (report.position, report.saved_at) == (16, 5)
        with pytest.raises(BackupFailed, match="lies in the data folder"):
            backup_in_child(Order(str(data), str(data / "backup"), 5, "0.1.0", False))
    assert len(events_of(restored(target))) == 17


def test_a_child_tells_of_a_full_disk_by_name(data: Path, disk: SmallDisk) -> None:
    disk.fill(leave=100_000)
    with pytest.raises(DiskFull):
        backup_in_child(Order(str(data), str(disk.path / "backup"), 5, "0.1.0", False))


def test_a_child_that_cannot_run_is_said(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command, said in (("/bin/false", "ended with 1"), (str(tmp_path / "nothing"), "cannot be run")):
        monkeypatch.setattr("sys.executable", command)
        with pytest.raises(BackupFailed, match=said):
            backup_in_child(Order(str(data), str(tmp_path / "backup"), 5, "0.1.0", False))
