"""Readers in other processes, beside a writer or without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.job_events import Ticks, items, job_id, runtime_opened, start_job
from tests.support.store_process import StoreProcess

from perdure.store import (
    JobQuery,
    LmdbEventStore,
    ReadOnlyStore,
    Status,
    StoreMissing,
    TooManyReaders,
    check,
    lmdb_layout,
)
from perdure.store import events as ev


def open_store(folder: Path, map_size: int = 1 << 20) -> LmdbEventStore:
    return LmdbEventStore.open(folder, clock=Ticks(), map_size=map_size)


def test_a_closed_log_can_be_opened_for_reading(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        stream = start_job(store, 1, [items(1)])
        written = list(store.read_all())
    with LmdbEventStore.open_readonly(tmp_path) as reader:
        assert list(reader.read_all()) == written
        assert list(reader.read(stream)) == written
        assert reader.position() == 3
        assert len(reader.jobs(JobQuery(statuses=frozenset({Status.RUNNING}))).jobs) == 1


def test_a_reader_does_not_write(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with LmdbEventStore.open_readonly(tmp_path) as reader:
        with pytest.raises(ReadOnlyStore):
            reader.append(ev.RUNTIME_STREAM, [runtime_opened()])
        assert reader.position() == 0


def test_there_must_be_a_log_to_read(tmp_path: Path) -> None:
    (tmp_path / "begun" / "log").mkdir(parents=True)
    (tmp_path / "begun" / "log" / "data.mdb").touch()  # as a writer leaves it that is about to fill it
    for folder in (tmp_path / "nowhere", tmp_path, tmp_path / "begun"):
        with pytest.raises(StoreMissing) as caught:
            LmdbEventStore.open_readonly(folder)
        assert caught.value.path == folder
    assert not (tmp_path / "nowhere").exists()


def test_a_reader_sees_each_commit_of_a_writer(tmp_path: Path) -> None:
    with StoreProcess("write", tmp_path) as writer:
        writer.expect("ready")
        with LmdbEventStore.open_readonly(tmp_path) as reader:
            for number in range(1, 30):
                assert writer.ask("1") == str(number)
                assert reader.position() == number
                assert reader.wait(number - 1) == number
                assert [stored.position for stored in reader.read_all()] == list(range(1, number + 1))
            assert check(reader).clean


def test_a_reader_waits_for_another_process(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, StoreProcess("tail", tmp_path) as tail:
        tail.expect("ready")
        for number in range(1, 30):
            store.append(ev.RUNTIME_STREAM, [runtime_opened(number)])
            tail.expect(f"{number} opened")


def test_a_transaction_that_is_told_of_before_it_can_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LMDB writes a transaction's number before it is synced, and shows the transaction after."""
    with StoreProcess("write", tmp_path) as writer:
        writer.expect("ready")
        assert writer.ask("1") == "1"
        with LmdbEventStore.open_readonly(tmp_path) as reader:
            real = reader._env.last_transaction
            told: list[int] = []

            def last_transaction() -> int:
                assert len(told) < 20, "it waits for a transaction that is there"
                if len(told) == 1:
                    writer.ask("1")  # now it can be seen
                told.append(real() + (not told))
                return told[-1]

            monkeypatch.setattr(reader._env, "last_transaction", last_transaction)
            assert reader.wait(1) == 2
            assert told[0] == told[1]


def test_a_readers_wait_ends_at_its_timeout(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with LmdbEventStore.open_readonly(tmp_path) as reader:
        assert reader.wait(0, timeout=0) == 0
        assert reader.wait(5, timeout=0.01) == 0


def test_a_log_that_is_being_written_to_can_be_checked(tmp_path: Path) -> None:
    with StoreProcess("write", tmp_path) as writer:
        writer.expect("ready")
        assert writer.process.stdin is not None
        writer.process.stdin.write("1\n" * 300)
        assert writer.line() == "1"
        with LmdbEventStore.open_readonly(tmp_path) as reader:
            for _ in range(5):
                assert check(reader).problems == []
        for number in range(2, 301):
            assert writer.line() == str(number)


def test_a_new_streams_name_is_found_without_a_look_at_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tail meets a new job's stream now and then, and there may be a million old ones."""
    with open_store(tmp_path) as store:
        for number in range(1, 20):
            start_job(store, number)
    for name in ("_decode_end", "_decode_head"):
        monkeypatch.setattr(lmdb_layout, name, lambda _: pytest.fail("it looked at a stream's end"))
    with LmdbEventStore.open_readonly(tmp_path) as reader:
        assert next(reader.read_all(after=37)).stream == ev.job_stream(job_id(19))


# --- slots -----------------------------------------------------------------------------------------------------------


def test_the_slot_of_a_reader_that_was_killed_is_freed_at_the_next_open(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with StoreProcess("hold_transaction", tmp_path) as living, StoreProcess("hold_transaction", tmp_path) as reader:
        living.expect("ready")  # the table of readers is made anew only when nobody uses it
        reader.expect("ready")
        with open_store(tmp_path) as store:
            assert f"{reader.pid} " in store._env._env.readers()
        reader.kill()
        with open_store(tmp_path) as store:
            assert f"{reader.pid} " not in store._env._env.readers()
            assert f"{living.pid} " in store._env._env.readers()


def test_a_reader_that_was_killed_does_not_make_the_log_grow(tmp_path: Path) -> None:
    """Its transaction keeps every page from being used again, until the map is full and somebody looks."""
    with open_store(tmp_path, map_size=512 << 10) as store:
        store.append(ev.RUNTIME_STREAM, [runtime_opened()])
        with StoreProcess("hold_transaction", tmp_path) as reader:
            reader.expect("ready")
            reader.kill()
            # Each commit takes some new pages and frees as many: without that reader the map would never fill.
            for number in range(100):
                store.append(ev.RUNTIME_STREAM, [runtime_opened(number)])
            assert f"{reader.pid} " not in store._env._env.readers()
            assert store.map_usage()[1] == 512 << 10


def test_too_many_readers_are_told_so(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        stream = start_job(store, 1)
        with StoreProcess("hold_all_readers", tmp_path) as crowd:
            assert int(crowd.line()) > 1000
            crowd.expect("ready")
            with StoreProcess("inspect", tmp_path) as late:
                late.expect("TooManyReaders StoreLocked")
            store.append(stream, [items(1)])  # writing needs no slot
            with pytest.raises(TooManyReaders) as caught:
                list(store.read(stream))
            assert caught.value.slots > 1000
            crowd.kill()
            assert len(list(store.read(stream))) == 3
        with StoreProcess("read", tmp_path) as reader:
            reader.expect("ready")
            assert reader.ask("read") == "3"


def two_at_once(reader: LmdbEventStore) -> None:
    """One slot it may have kept; two it has not."""
    with reader._env.transaction(), reader._env.transaction():
        assert reader.position() == 0


def test_slots_of_the_dead_are_freed_for_the_living(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with LmdbEventStore.open_readonly(tmp_path) as reader:
        with StoreProcess("hold_all_readers", tmp_path) as crowd:
            crowd.line()
            crowd.expect("ready")
            with pytest.raises(TooManyReaders):
                two_at_once(reader)
            crowd.kill()
        two_at_once(reader)
