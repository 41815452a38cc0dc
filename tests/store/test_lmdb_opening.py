"""Who may open a log, and what they are told."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import lmdb
import pytest
from tests.support.job_events import START, Ticks, put_module, run_of, runtime_opened, start_job
from tests.support.log_file import behind_its_back
from tests.support.store_process import StoreProcess

from perdure.store import LmdbEventStore, StoreClosed, StoreFailed, StoreLocked, UnsupportedFormat, check, writer_lock
from perdure.store import events as ev
from perdure.store.lmdb_store import LOCK_FILE


def open_store(folder: Path) -> LmdbEventStore:
    return LmdbEventStore.open(folder, clock=Ticks(), map_size=1 << 20)


def test_what_was_appended_is_there_after_a_reopening(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        stream = start_job(store, 1, run_of(7))
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
        written, state = list(store.read_all()), store.state(stream)
    with open_store(tmp_path) as store:
        assert list(store.read_all()) == written
        assert store.state(stream) == store.rebuild(stream) == state
        assert store.append(ev.RUNTIME_STREAM, [ev.RuntimeClosed(pid=1)]).position == 11
        assert store.append(ev.extension_stream("a"), [ev.ExtensionUnloaded()]).first == 1
        put_module(store)
        assert check(store).problems == []


def test_the_default_clock_is_the_time_of_day(tmp_path: Path) -> None:
    with LmdbEventStore.open(tmp_path, map_size=1 << 20) as store:
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
        (stored,) = store.read_all()
    assert stored.time > START - 10 * 365 * 86_400 * 1_000_000


def test_opening_makes_a_folder_that_only_its_owner_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with open_store(folder):
        for private in (folder / "log", folder / "blobs"):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
        for private in (folder / LOCK_FILE, folder / "log" / "data.mdb", folder / "log" / "lock.mdb"):
            assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_a_file_in_the_folders_place_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreFailed) as caught:
        LmdbEventStore.open(tmp_path / "file")
    assert caught.value.path == tmp_path / "file"


# --- one writer ------------------------------------------------------------------------------------------------------


def test_a_second_open_in_this_process_names_it(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        with pytest.raises(StoreLocked) as caught:
            open_store(tmp_path)
        assert (caught.value.pid, caught.value.path) == (os.getpid(), tmp_path)
        assert str(os.getpid()) in str(caught.value)
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
    open_store(tmp_path).close()


def test_a_second_open_in_another_process_names_the_first(tmp_path: Path) -> None:
    with open_store(tmp_path), StoreProcess("open_writer", tmp_path) as second:
        second.expect(f"StoreLocked {os.getpid()}")
    with StoreProcess("open_writer", tmp_path) as third:
        third.expect("opened")
    with StoreProcess("write", tmp_path) as first:
        first.expect("ready")
        with pytest.raises(StoreLocked) as caught:
            open_store(tmp_path)
        assert caught.value.pid == first.pid
        assert writer_lock.holder(tmp_path / LOCK_FILE) == first.pid
    assert writer_lock.holder(tmp_path / LOCK_FILE) is None


def test_a_writer_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    with StoreProcess("write", tmp_path) as first:
        first.expect("ready")
        assert first.ask("3") == "3"
        first.kill()
    with open_store(tmp_path) as store:
        assert store.position() == 3
        assert check(store).clean


def test_a_failed_open_leaves_the_folder_free(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    (tmp_path / "log" / "data.mdb").write_bytes(b"garbage" * 1000)
    for _ in range(2):
        with pytest.raises(Exception, match="damaged"):
            open_store(tmp_path)
    (tmp_path / "log" / "data.mdb").unlink()
    open_store(tmp_path).close()


# --- forks -----------------------------------------------------------------------------------------------------------


def test_a_forks_copy_is_not_usable_and_the_parent_goes_on(tmp_path: Path) -> None:
    with StoreProcess("fork", tmp_path) as forking:
        assert set(forking.line().split(" ")[:-1]) == {"UsedAfterFork"}
        forking.expect("done")
        forking.expect("[2]")
        forking.expect("[]")
        assert forking.end() == 0
    with open_store(tmp_path) as store:
        assert store.position() == 3


def test_a_fork_does_not_keep_the_folder_after_its_parents_death(tmp_path: Path) -> None:
    with StoreProcess("fork_and_die", tmp_path) as dying:
        fork = int(dying.line())
        dying.process.wait(60)
        try:
            open_store(tmp_path).close()
        finally:
            os.kill(fork, 9)


def test_a_fork_does_not_keep_the_folder_after_its_parent_closed(tmp_path: Path) -> None:
    """Also for the moment between a fork and what it is to run."""
    lock = writer_lock.WriterLock(tmp_path / LOCK_FILE)
    assert lock._file is not None
    copy = os.dup(lock._file)
    try:
        lock.release()
        lock.release()
        writer_lock.WriterLock(tmp_path / LOCK_FILE).release()
    finally:
        os.close(copy)


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("found", "number"), [(b"4", 4), (b"", 0), (b"one", 0)])
def test_another_format_is_refused(tmp_path: Path, found: bytes, number: int) -> None:
    open_store(tmp_path).close()
    with behind_its_back(tmp_path) as databases:
        databases.put("meta", b"format", found)
    for opened in (LmdbEventStore.open, LmdbEventStore.open_readonly):
        with pytest.raises(UnsupportedFormat) as caught:
            opened(tmp_path)
        assert (caught.value.found, caught.value.known) == (number, 3)
    with behind_its_back(tmp_path) as databases:
        databases.put("meta", b"format", b"3")
    open_store(tmp_path).close()


# --- closing ---------------------------------------------------------------------------------------------------------


def test_closing_is_idempotent_and_frees_the_folder(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.close()
    store.close()
    with open_store(tmp_path):
        store.close()
        with pytest.raises(StoreClosed):
            store.map_usage()
        with pytest.raises(StoreLocked):
            open_store(tmp_path)


def test_another_writer_beside_the_lock_is_noticed(tmp_path: Path) -> None:
    """Where locks do not work (some network file systems), a frame that is there already must not be passed over."""
    with open_store(tmp_path) as store:
        store.append(ev.RUNTIME_STREAM, [runtime_opened(1)])
        with store._env.transaction(write=True) as txn:
            txn.put((2).to_bytes(8, "big"), b"a frame of somebody else", db=store._env.log)
        with pytest.raises(StoreFailed, match="another writer"):
            store.append(ev.RUNTIME_STREAM, [runtime_opened(2)])
        assert store.position() == 1


def test_one_process_opens_a_log_once(tmp_path: Path) -> None:
    """LMDB loses its locks when a process opens one file twice; reading goes through the store that is open."""
    with open_store(tmp_path) as store:
        with pytest.raises(StoreFailed, match="already open in this process"):
            LmdbEventStore.open_readonly(tmp_path)
        assert store.append(ev.RUNTIME_STREAM, [runtime_opened()]).position == 1
    with LmdbEventStore.open_readonly(tmp_path) as reader:
        assert reader.position() == 1


def test_a_file_that_grows_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between LMDB's look at the file and its first transaction another process can make it larger."""
    with open_store(tmp_path) as store:
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
    file = tmp_path / "log" / "data.mdb"
    small = file.read_bytes()
    with open_store(tmp_path) as store:
        for number in range(200):
            start_job(store, number, run_of(50))
        position = store.position()
    large = file.read_bytes()
    file.write_bytes(small)
    really, calls = lmdb.open, []

    def open_early(*words: Any, **options: Any) -> Any:
        calls.append(options["map_size"])
        if len(calls) == 1:
            file.write_bytes(large)
            raise lmdb.MapResizedError("mdb_txn_begin: MDB_MAP_RESIZED")
        return really(*words, **options)

    monkeypatch.setattr(lmdb, "open", open_early)
    with LmdbEventStore.open_readonly(tmp_path) as reader:
        assert reader.position() == position
    assert len(calls) == 2


def test_a_file_that_is_too_large_for_another_reason_is_a_named_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(tmp_path).close()

    def refuse(*words: Any, **options: Any) -> Any:
        raise lmdb.MapResizedError("mdb_txn_begin: MDB_MAP_RESIZED")

    monkeypatch.setattr(lmdb, "open", refuse)
    with pytest.raises(StoreFailed, match="MDB_MAP_RESIZED"):
        LmdbEventStore.open_readonly(tmp_path)
