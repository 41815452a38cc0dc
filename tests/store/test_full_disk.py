"""A full disk: a named error, nothing acknowledged is lost, and the store goes on when there is room again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.job_events import Ticks, put_module, run_of, start_job
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.store_process import StoreProcess

from perdure.store import AppendRequest, DiskFull, FileBlobs, LmdbEventStore, check
from perdure.store import events as ev


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


def open_store(disk: SmallDisk) -> LmdbEventStore:
    return LmdbEventStore.open(disk.path / "data", clock=Ticks(), map_size=64 << 20)


def large(number: int) -> ev.Event:
    return ev.RuntimeOpened(pid=number, perdure="x" * 20_000, wasmtime="")


def append_until_full(store: LmdbEventStore) -> int:
    """How many events were acknowledged before the disk was full."""
    for number in range(10_000):
        try:
            store.append(ev.RUNTIME_STREAM, [large(number)])
        except DiskFull:
            return number
    raise AssertionError("the disk never became full")


def test_a_full_disk_is_a_named_error_and_loses_nothing(disk: SmallDisk) -> None:
    with open_store(disk) as store:
        put_module(store)
        stream = start_job(store, 1, run_of(10))
        acknowledged = append_until_full(store)
        assert acknowledged > 10
        for _ in range(3):
            with pytest.raises(DiskFull) as caught:
                store.append(ev.RUNTIME_STREAM, [large(-1)] * 50)
            assert caught.value.path == disk.path / "data"
        assert store.position() == 12 + acknowledged
        assert [e.event for e in store.read(ev.RUNTIME_STREAM)] == [large(number) for number in range(acknowledged)]
        assert len(list(store.read(stream))) == 12
        assert check(store).problems == []


def test_the_store_goes_on_when_there_is_room_again(disk: SmallDisk) -> None:
    with open_store(disk) as store:
        put_module(store)
        stream = start_job(store, 1)
        disk.fill()
        with pytest.raises(DiskFull):
            store.append(ev.RUNTIME_STREAM, [large(0)] * 10)
        before = store.position()
        disk.free()
        assert store.append(ev.RUNTIME_STREAM, [large(0)] * 10).position == before + 10
        assert store.append(stream, run_of(3)).position == before + 13
        assert store.rebuild(stream) == store.state(stream)
        assert check(store).problems == []
        written = list(store.read_all())
    with open_store(disk) as store:
        assert list(store.read_all()) == written
        assert check(store).problems == []


def test_a_batch_on_a_full_disk_changes_nothing(disk: SmallDisk) -> None:
    with open_store(disk) as store:
        stream = start_job(store, 1)
        disk.fill()
        batch = [
            AppendRequest(stream, [ev.encode(event) for event in run_of(3)], [0] * 3),
            AppendRequest(ev.RUNTIME_STREAM, [ev.encode(large(0))] * 20, [0] * 20),
        ]
        with pytest.raises(DiskFull):
            store.append_batch(batch)
        assert (store.position(), store.head(ev.RUNTIME_STREAM)) == (2, None)
        assert store.rebuild(stream) == store.state(stream)
        disk.free()
        answers = store.append_batch(batch)
        assert [answer.first for answer in answers] == [3, 1]  # type: ignore[union-attr]  # none was refused


def test_a_log_can_be_read_and_checked_on_a_full_disk(disk: SmallDisk) -> None:
    with open_store(disk) as store:
        put_module(store)
        start_job(store, 1, run_of(10))
    disk.fill()
    with LmdbEventStore.open_readonly(disk.path / "data") as reader:
        assert reader.position() == 12
        assert check(reader).problems == []
    with open_store(disk) as store:
        assert store.position() == 12


def test_a_new_store_on_a_full_disk_is_refused_by_name(disk: SmallDisk) -> None:
    """Wherever in the opening it becomes full. In another process: LMDB alone would end it with SIGBUS."""
    answers: list[str] = []
    for blocks in (0, 1, 2, 3, 9, 16, 17, 18, 19, 20, 22, 24, 26, 28, 60):
        folder = disk.path / f"data-{blocks}"
        disk.fill(leave=blocks * 4096)
        with StoreProcess("append_once", folder) as process:
            answers.append(process.line())
            assert process.end() == 0
        disk.free()
        shutil.rmtree(folder, ignore_errors=True)
    assert set(answers) == {"DiskFull", "done"}
    assert answers == sorted(answers), "with more room it did worse"
    assert answers.count("DiskFull") > 5


def test_a_blob_on_a_full_disk_leaves_nothing_behind(disk: SmallDisk) -> None:
    folder = disk.path / "blobs"
    blobs = FileBlobs(folder)
    kept = blobs.put(b"kept" * 1000)
    disk.fill(leave=256 << 10)
    with pytest.raises(DiskFull) as caught:
        blobs.put(b"x" * (1 << 20))
    assert caught.value.path == folder
    assert list(blobs.digests()) == [kept]
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [kept]
    assert blobs.get(kept) == b"kept" * 1000
    disk.free()
    assert blobs.has(blobs.put(b"x" * (1 << 20)))
