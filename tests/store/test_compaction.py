"""The log's file gets smaller and holds the same, also for whoever opens it in the middle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.backup_process import BackupProcess, check_folder
from tests.support.job_events import Ticks, put_module, run_of, runtime_opened, start_job
from tests.support.log_file import Databases, behind_its_back, data_file, flip
from tests.support.old_log import unpack
from tests.support.small_disk import small_disk
from tests.support.store_process import StoreProcess
from tests.support.waiting import eventually

from perdure.store import (
    CorruptLog,
    DiskFull,
    LmdbEventStore,
    LogInUse,
    StoredEvent,
    StoreLocked,
    StoreMissing,
    failpoints,
)
from perdure.store import events as ev
from perdure.store.compaction import CompactionReport, compact
from perdure.store.events import RowWrite


def folder_of(data: Path) -> Path:
    """A log half of whose pages hold nothing any more."""
    with LmdbEventStore.open(data, clock=Ticks(), map_size=1 << 20) as store:
        put_module(store)
        for number in range(1, 20):
            start_job(store, number, run_of(50))
        for _ in range(2):
            for number in range(100):
                store.append_batch([], [RowWrite(b"budget\0%d" % number, os.urandom(5_000))])
        store.append_batch([], [RowWrite(b"budget\0%d" % number, None) for number in range(100)])
    return data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "data")


def events_of(folder: Path) -> list[StoredEvent]:
    with LmdbEventStore.open_readonly(folder) as store:
        return list(store.read_all())


def contents(folder: Path) -> dict[str, list[tuple[bytes, bytes]]]:
    def read(databases: Databases) -> dict[str, list[tuple[bytes, bytes]]]:
        names = ("log", "index", "streams", "names", "statuses", "rows", "meta")
        return {name: databases.items(name) for name in names}

    with behind_its_back(folder) as databases:
        return read(databases)


def test_it_holds_the_same_in_less(data: Path) -> None:
    before = contents(data)
    size = data_file(data).stat().st_size
    report = compact(data)
    assert report == CompactionReport(size, data_file(data).stat().st_size)
    assert report.saved == report.before - report.after > size // 3
    assert contents(data) == before
    assert check_folder(data).problems == []
    assert [path.name for path in (data / "log").iterdir() if path.is_dir()] == []
    with LmdbEventStore.open(data) as store:
        position = store.position()
        assert store.append(ev.RUNTIME_STREAM, [runtime_opened()]).position == position + 1
    assert len(events_of(data)) == position + 1


def test_again_saves_nothing(data: Path) -> None:
    compact(data)
    assert compact(data).saved == 0


def test_an_old_log_is_upgraded_first(tmp_path: Path) -> None:
    data = unpack(tmp_path / "data")
    assert compact(data).after > 0
    assert check_folder(data).problems == []


# --- others ----------------------------------------------------------------------------------------------------------


def test_it_needs_the_log_alone(data: Path) -> None:
    with StoreProcess("write", data) as writer:
        writer.expect("ready")
        with pytest.raises(StoreLocked) as locked:
            compact(data)
        assert locked.value.pid == writer.pid
    with StoreProcess("read", data) as reader:
        reader.expect("ready")
        with pytest.raises(LogInUse, match="end that first"):
            compact(data)
        reader.ask("")
        with pytest.raises(LogInUse):
            compact(data)
    assert compact(data).saved > 0


def test_a_reader_that_comes_in_the_middle_reads_the_new_file(data: Path) -> None:
    count = len(events_of(data))
    with BackupProcess("compact_in_steps", data) as compacting:
        compacting.expect("ready")
        with BackupProcess("follow_positions", data) as reader, BackupProcess("follow_positions", data) as another:
            for process in (reader, another):
                eventually(lambda pid=process.pid: _waits_for_a_lock(pid))  # type: ignore[misc]  # bound now
            assert compacting.ask("") == "done"
            for process in (reader, another):
                process.expect(str(count))
                process.expect("ready")
            with LmdbEventStore.open(data) as store:
                store.append(ev.RUNTIME_STREAM, [runtime_opened()])
            for process in (reader, another):
                assert process.ask("") == str(count + 1)


def _waits_for_a_lock(pid: int) -> bool:
    """Whether the kernel keeps the process waiting for a file lock."""
    locks = Path("/proc/locks").read_text().splitlines()
    return any("->" in line and f" {pid} " in line for line in locks)


# --- damage, the disk, and kills -------------------------------------------------------------------------------------


def test_there_has_to_be_a_log(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        compact(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_left_as_it_is(data: Path) -> None:
    # A page's header: its own number.
    content = bytearray(data_file(data).read_bytes())
    with LmdbEventStore.open(data) as store:
        assert store.damaged_pages() == []
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 4] = b"\xee\xee\xee\xee"
    data_file(data).write_bytes(content)
    with pytest.raises(CorruptLog):
        compact(data)
    assert data_file(data).read_bytes() == content


def test_what_is_altered_is_not_made_better_or_worse(data: Path) -> None:
    flip(data, b"call 2")
    problems = check_folder(data).problems
    compact(data)
    assert check_folder(data).problems == problems != []


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=8) as disk:
        data = folder_of(disk.path / "data")
        before = data_file(data).read_bytes()
        disk.fill(leave=40_000)
        with pytest.raises(DiskFull):
            compact(data)
        assert data_file(data).read_bytes() == before
        disk.free()
        assert compact(data).saved > 0
        assert check_folder(data).problems == []


@pytest.mark.parametrize("failpoint", failpoints.COMPACT_NAMES)
def test_a_kill_leaves_the_old_file_or_the_new_one(data: Path, failpoint: str) -> None:
    events, size = events_of(data), data_file(data).stat().st_size
    with BackupProcess("compact_and_die", data, failpoint) as dying:
        dying.expect("dying")
        dying.process.wait(60)
    assert (data_file(data).stat().st_size < size) is (failpoint == "compact.after_swap")
    assert events_of(data) == events
    assert check_folder(data).problems == []
    with LmdbEventStore.open(data) as store:
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
    assert [path.name for path in (data / "log").iterdir() if path.is_dir()] == []
    assert compact(data).before > 0
    assert events_of(data)[:-1] == events
