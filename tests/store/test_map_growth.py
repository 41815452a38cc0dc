"""The map grows by itself, whoever is looking at it, up to the limit that was set."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.job_events import Ticks, put_module, run_of, runtime_opened, start_job
from tests.support.store_process import StoreProcess

from perdure.store import AppendRequest, LmdbEventStore, LogFull, check
from perdure.store import events as ev
from perdure.store.lmdb_environment import LmdbEnvironment

SMALL = 256 << 10


def large(number: int) -> ev.Event:
    return ev.RuntimeOpened(pid=number, perdure="x" * 20_000, wasmtime="")


def open_store(folder: Path, **sizes: int) -> LmdbEventStore:
    return LmdbEventStore.open(folder, clock=Ticks(), **({"map_size": SMALL} | sizes))


def test_a_map_doubles_as_often_as_it_must(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        assert store.map_usage()[1] == SMALL
        for number in range(100):
            store.append(ev.RUNTIME_STREAM, [large(number)])
        used, size = store.map_usage()
        assert 100 * 20_000 < used <= size
        assert size & (size - 1) == 0
        assert [stored.event for stored in store.read_all()] == [large(number) for number in range(100)]
        assert check(store).clean


def test_one_append_may_be_larger_than_the_map(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.append(ev.RUNTIME_STREAM, [large(number) for number in range(200)])
        assert store.position() == 200
        assert store.map_usage()[1] > 200 * 20_000


def test_the_map_grows_while_threads_read(tmp_path: Path) -> None:
    with open_store(tmp_path) as store, ThreadPoolExecutor(3) as pool:
        stream = start_job(store, 1, run_of(200))
        done = threading.Event()

        def read() -> int:
            rounds = 0
            while not done.is_set():
                assert len(list(store.read(stream))) == 202
                assert store.state(stream) is not None
                positions = [stored.position for stored in store.read_all(after=202)]
                assert positions == list(range(203, 203 + len(positions)))
                rounds += 1
            return rounds

        readers = [pool.submit(read) for _ in range(3)]
        before = store.map_usage()[1]
        try:
            for number in range(100):
                store.append(ev.RUNTIME_STREAM, [large(number)])
        finally:
            done.set()
        assert all(reader.result(60) for reader in readers)
        assert store.map_usage()[1] >= 8 * before


def test_the_map_grows_while_another_process_reads(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.append(ev.RUNTIME_STREAM, [large(0)])
        with StoreProcess("read", tmp_path) as reader, StoreProcess("tail", tmp_path) as tail:
            reader.expect("ready")
            tail.expect("ready")
            for number in range(1, 60):
                store.append(ev.RUNTIME_STREAM, [large(number)])
                tail.expect(f"{number + 1} opened")
                assert reader.ask("read") == str(number + 1)
        assert store.map_usage()[1] >= 4 * SMALL


def test_a_reader_may_open_a_log_at_the_moment_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StoreProcess("write", tmp_path) as writer:
        writer.expect("ready")
        look = LmdbEnvironment._check_size

        def grow_meanwhile(environment: LmdbEnvironment) -> None:
            look(environment)
            assert writer.ask("200") == "200"

        monkeypatch.setattr(LmdbEnvironment, "_check_size", grow_meanwhile)
        with LmdbEventStore.open_readonly(tmp_path) as reader:
            assert len(list(reader.read_all())) == 200


# --- the limit -------------------------------------------------------------------------------------------------------


def fill(store: LmdbEventStore) -> int:
    """Append until the store refuses; returns how many events it acknowledged."""
    for number in range(10_000):
        try:
            store.append(ev.RUNTIME_STREAM, [large(number)])
        except LogFull:
            return number
    raise AssertionError("it never became full")


def test_a_full_log_keeps_what_it_acknowledged_and_goes_on_with_a_larger_limit(tmp_path: Path) -> None:
    with open_store(tmp_path, max_map_size=1 << 20) as store:
        acknowledged = fill(store)
        assert acknowledged > 10
        assert store.map_usage()[1] == 1 << 20
        assert store.position() == acknowledged
        assert [stored.event for stored in store.read_all()] == [large(number) for number in range(acknowledged)]
        with pytest.raises(LogFull) as caught:
            store.append(ev.RUNTIME_STREAM, [large(0)] * 100)
        assert (caught.value.limit, caught.value.path) == (1 << 20, tmp_path)
        assert check(store).clean
    with open_store(tmp_path, max_map_size=4 << 20) as store:
        assert store.position() == acknowledged
        assert store.append(ev.RUNTIME_STREAM, [large(-1)]).position == acknowledged + 1
        assert check(store).clean


def test_a_full_log_refuses_a_batch_as_a_whole(tmp_path: Path) -> None:
    with open_store(tmp_path, max_map_size=1 << 20) as store:
        stream = start_job(store, 1)
        before = store.position()
        batch = [
            AppendRequest(stream, [ev.encode(event) for event in run_of(2)], [0, 0]),
            AppendRequest(ev.RUNTIME_STREAM, [ev.encode(large(number)) for number in range(100)], [0] * 100),
        ]
        with pytest.raises(LogFull):
            store.append_batch(batch)
        assert (store.position(), store.head(ev.RUNTIME_STREAM)) == (before, None)
        assert store.append(stream, run_of(2)).first == 3
        put_module(store)
        assert check(store).problems == []


def test_the_limit_also_holds_for_the_first_size(tmp_path: Path) -> None:
    with LmdbEventStore.open(tmp_path, max_map_size=1 << 20) as store:
        assert store.map_usage()[1] == 1 << 20
        assert 10 < fill(store) < 60


def test_a_log_that_is_larger_than_the_limit_can_still_be_read(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.append(ev.RUNTIME_STREAM, [large(number) for number in range(100)])
    with open_store(tmp_path, max_map_size=SMALL) as store:
        assert len(list(store.read_all())) == 100
        assert fill(store) < 60


def test_a_small_append_may_still_fit_in_a_full_log(tmp_path: Path) -> None:
    with open_store(tmp_path, max_map_size=1 << 20) as store:
        fill(store)
        position = store.position()
        with contextlib.suppress(LogFull):
            store.append(ev.RUNTIME_STREAM, [runtime_opened()])
            position += 1
        assert store.position() == len(list(store.read_all())) == position
