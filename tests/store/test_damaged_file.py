"""Damage below the events: to the file that LMDB keeps. Never a crash, never silence."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.job_events import Ticks, checkpoint, put_module, run_of, runtime_opened, start_job, warning
from tests.support.log_file import data_file, flip
from tests.support.store_process import StoreProcess

from perdure.store import CorruptLog, LmdbEventStore, check
from perdure.store import events as ev

PAGE = 4096
MESSAGE = "a message that a person would want to change"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of a few dozen pages, every database in it deeper than one."""
    folder = tmp_path / "data"
    with LmdbEventStore.open(folder, clock=Ticks(), map_size=1 << 20) as store:
        put_module(store)
        for number in range(1, 40):
            stream = start_job(store, number, [warning(1, MESSAGE if number == 20 else "nothing")])
            for call in range(2, 6):
                store.append(stream, [checkpoint(call, b"s" * 200)])
            store.append(stream, run_of(8, start=6))
        store.append(ev.RUNTIME_STREAM, [ev.RuntimeOpened(pid=1, perdure="x" * 3 * PAGE, wasmtime="")])
    return folder


def inspect_each(folder: Path, tmp_path: Path, damaged: list[bytes]) -> list[str]:
    """What reading and writing processes say to each of these files in the log's place."""
    place = tmp_path / "damaged"
    place.mkdir()
    for number, content in enumerate(damaged):
        (place / f"{number:05}").write_bytes(content)
    with StoreProcess("inspect_each", folder, place) as process:
        return [process.line() for _ in damaged]


def pages_changed(content: bytes, change: Callable[[bytes], bytes]) -> list[bytes]:
    """The file with its first page changed, with its second one changed, and so on."""
    starts = range(0, len(content), PAGE)
    return [content[:at] + change(content[at : at + PAGE]) + content[at + PAGE :] for at in starts]


def test_a_truncated_file_is_a_named_error(folder: Path, tmp_path: Path) -> None:
    content = data_file(folder).read_bytes()
    assert len(content) > 20 * PAGE
    sizes = [*range(PAGE, len(content), 2 * PAGE), 1, 100, PAGE - 1, PAGE + 1, 2 * PAGE + 1, len(content) - 1]
    said = inspect_each(folder, tmp_path, [content[:size] for size in sizes])
    assert set(said) == {"CorruptLog CorruptLog"}


def test_a_truncated_file_says_how_long_it_should_be(folder: Path) -> None:
    content = data_file(folder).read_bytes()
    data_file(folder).write_bytes(content[: -5 * PAGE])
    with pytest.raises(CorruptLog) as caught:
        LmdbEventStore.open_readonly(folder)
    assert caught.value.where == "the end of data.mdb"
    assert str(len(content)) in caught.value.reason
    data_file(folder).write_bytes(content)
    with LmdbEventStore.open(folder) as store:
        assert check(store).problems == []


def test_a_file_of_garbage_is_a_named_error(folder: Path, tmp_path: Path) -> None:
    size = data_file(folder).stat().st_size
    garbage = [random.Random(seed).randbytes(size) for seed in range(3)]
    said = inspect_each(folder, tmp_path, [*garbage, bytes(size), b"\xff" * size, b"not a log\n"])
    assert set(said) == {"CorruptLog CorruptLog"}


@pytest.mark.parametrize(
    "change",
    [
        lambda page: bytes(len(page)),
        lambda page: b"\xff" * len(page),
        lambda page: random.Random(page).randbytes(len(page)),
        lambda page: page[:16] + bytes(len(page) - 16),
        lambda page: bytes(16) + page[16:],
    ],
    ids=["zeros", "ones", "garbage", "no content", "no header"],
)
def test_no_damaged_page_ends_the_process(folder: Path, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    """As a disk leaves pages that it lost. LMDB by itself aborts on some of them."""
    content = data_file(folder).read_bytes()
    said = inspect_each(folder, tmp_path, pages_changed(content, change))
    kinds = Counter(word for answer in said for word in answer.split(" "))
    assert set(kinds) <= {"clean", "problems", "CorruptLog"}, said
    # Some pages are free, and hold what was there before.
    assert kinds["problems"] + kinds["CorruptLog"] > len(said)


def test_two_pages_changed_for_one_another_are_noticed(folder: Path, tmp_path: Path) -> None:
    content = data_file(folder).read_bytes()
    swapped = []
    for at in range(2 * PAGE, len(content) - 2 * PAGE, PAGE):
        one, two = content[at : at + PAGE], content[at + PAGE : at + 2 * PAGE]
        swapped.append(content[:at] + two + one + content[at + 2 * PAGE :])
    kinds = Counter(word for answer in inspect_each(folder, tmp_path, swapped) for word in answer.split(" "))
    assert set(kinds) <= {"clean", "problems", "CorruptLog"}
    assert kinds["problems"] + kinds["CorruptLog"] > kinds["clean"]


@pytest.mark.parametrize("readonly", [True, False])
def test_a_byte_altered_in_the_file_is_found_and_named(folder: Path, readonly: bool) -> None:
    flip(folder, MESSAGE.encode())
    with (LmdbEventStore.open_readonly if readonly else LmdbEventStore.open)(folder) as store:
        stream = next(name for name in store.streams("job:") if name.endswith("014"))  # number 20
        (problem,) = check(store).problems
        assert problem.where.startswith("position ")
        assert problem.what == f"{stream} is broken before sequence 4: altered or cut"
        with pytest.raises(CorruptLog) as caught:
            list(store.read(stream))
        assert stream in caught.value.where


def test_a_file_that_was_emptied_is_not_taken_for_a_new_log(folder: Path) -> None:
    content = data_file(folder).read_bytes()
    for lose in (lambda: data_file(folder).write_bytes(b""), data_file(folder).unlink):
        lose()
        with pytest.raises(CorruptLog) as caught:
            LmdbEventStore.open(folder)
        assert caught.value.where == str(data_file(folder))
    data_file(folder).write_bytes(content)
    with LmdbEventStore.open(folder) as store:
        assert check(store).clean


def test_a_log_that_never_came_to_be_can_be_begun(tmp_path: Path) -> None:
    """The process died between making the file and writing its first page."""
    (tmp_path / "log").mkdir()
    data_file(tmp_path).touch()
    with LmdbEventStore.open(tmp_path, map_size=1 << 20) as store:
        assert store.append(ev.RUNTIME_STREAM, [runtime_opened()]).position == 1


def test_the_table_of_readers_may_be_lost(folder: Path) -> None:
    for content in (b"", b"garbage" * 1000, bytes(65_536), b"\xff" * 65_536):
        (folder / "log" / "lock.mdb").write_bytes(content)
        with LmdbEventStore.open(folder) as store:
            assert check(store).clean
    (folder / "log" / "lock.mdb").unlink()
    with LmdbEventStore.open_readonly(folder) as store:
        assert check(store).clean
