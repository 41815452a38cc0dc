"""Each kind of damage is found, and named by where it is."""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.job_events import (
    MODULE,
    START,
    Ticks,
    checkpoint,
    completed,
    job_id,
    put_module,
    runtime_opened,
    start_job,
)
from tests.support.log_file import behind_its_back
from tests.support.small_log import FRAMES, JOB, OTHER, change_frame, frame_at, put, replace, write_small_log

from perdure.store import (
    CorruptLog,
    JobQuery,
    JobState,
    LmdbEventStore,
    MemoryEventStore,
    Problem,
    Report,
    Status,
    check,
)
from perdure.store import events as ev
from perdure.store.frame import make_frame


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_small_log(tmp_path)
    return tmp_path


def problems(folder: Path) -> list[Problem]:
    with LmdbEventStore.open_readonly(folder) as store:
        return check(store).problems


def places(folder: Path) -> set[str]:
    return {problem.where for problem in problems(folder)}


def test_a_sound_log_is_clean_and_its_parts_are_counted(folder: Path) -> None:
    with LmdbEventStore.open_readonly(folder) as store:
        report = check(store)
        assert [raw.position for raw in store.frames()] == list(FRAMES)
    assert report.problems == []
    assert report.clean
    assert (report.events, report.frames, report.streams, report.blobs) == (21, 7, 4, 2)


def test_an_empty_log_is_clean(tmp_path: Path) -> None:
    with LmdbEventStore.open(tmp_path, map_size=1 << 20) as store:
        assert check(store).clean
    with MemoryEventStore() as memory:
        assert check(memory).clean


# --- events ----------------------------------------------------------------------------------------------------------


def test_an_altered_event_is_found_at_the_frame_after_it(folder: Path) -> None:
    change_frame(folder, 16, replace(b"a known message", b"a known massage"))
    assert problems(folder) == [
        Problem("position 20", f"{JOB} is broken before sequence 16: altered or cut"),
    ]


def test_an_altered_last_event_is_found_at_the_streams_end(folder: Path) -> None:
    body = ev.encode(completed(200))
    change_frame(folder, 20, replace(body, ev.encode(completed(201))))
    assert places(folder) == {JOB}
    assert "17" in problems(folder)[0].what


def test_an_altered_event_of_a_stream_of_one_is_found(folder: Path) -> None:
    change_frame(folder, 15, replace(b"50.0.1", b"50.0.2"))
    assert Problem(ev.RUNTIME_STREAM, "its last event, 1, or one before it was altered") in problems(folder)


def test_an_altered_time_is_found(folder: Path) -> None:
    def later(frame: bytes) -> bytes:
        parts = msgspec.msgpack.decode(frame)
        parts[3] += 1_000_000
        return msgspec.msgpack.encode(parts)

    change_frame(folder, 3, later)
    assert "position 16" in places(folder)


def test_a_frame_that_cannot_be_read_does_not_hide_the_rest(folder: Path) -> None:
    change_frame(folder, 3, lambda frame: b"\xc1" * len(frame))
    change_frame(folder, 19, lambda frame: b"")
    found = places(folder)
    assert {"position 3", "position 16", "position 19"} <= found
    with LmdbEventStore.open_readonly(folder) as store:
        assert check(store).frames == 5


def test_an_event_of_no_known_type_is_found(folder: Path) -> None:
    change_frame(folder, 15, replace(b"opened", b"opener"))
    assert f"{ev.RUNTIME_STREAM}, sequence 1" in places(folder)


def test_a_missing_frame_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        databases.delete("log", struct.pack(">Q", 3))
    assert Problem("position 13", "position 3 is missing before it") in problems(folder)
    assert {"position 13", "position 16", "position 3"} <= places(folder)


def test_a_missing_last_frame_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        databases.delete("log", struct.pack(">Q", 20))
    assert JOB in places(folder)


def test_a_frame_in_anothers_place_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        _, other = frame_at(databases, 15)
        databases.put("log", struct.pack(">Q", 19), other)
    assert "position 19" in places(folder)


def test_a_stream_whose_end_was_cut_off_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        databases.delete("log", struct.pack(">Q", 20))
        databases.delete("index", struct.pack(">IQ", 1, 16))
    assert Problem(JOB, "ends at sequence 15, not at 17") in problems(folder)


def test_a_stream_that_nobody_knows_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        databases.delete("streams", JOB.encode())
        databases.delete("statuses", f"completed\0{job_id(1)}".encode())
    assert Problem("position 1", "no stream has the number 1") in problems(folder)


def test_a_stream_without_events_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        databases.put("streams", b"extension:ghost", msgspec.msgpack.encode([9, 1, bytes(32), b""]))
        databases.put("names", struct.pack(">I", 9), b"extension:ghost")
    assert problems(folder) == [Problem("extension:ghost", "the stream has an end but no events")]


# --- projections and indexes -----------------------------------------------------------------------------------------


def test_an_altered_projection_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        name, end = next(pair for pair in databases.items("streams") if pair[0] == JOB.encode())
        number, sequence, tip, state = msgspec.msgpack.decode(end)
        job = msgspec.msgpack.decode(state, type=JobState)
        job.items += 1
        databases.put("streams", name, msgspec.msgpack.encode([number, sequence, tip, msgspec.msgpack.encode(job)]))
    assert problems(folder) == [Problem(JOB, "its projection differs from a fresh fold of its events")]


STATES = (b"\xc1", b"\xff", b"\x80", b"\xd9\x01\xff")


@pytest.mark.parametrize("end", [b"", b"\xff" * 9, *(msgspec.msgpack.encode([1, 17, bytes(32), s]) for s in STATES)])
def test_an_end_that_cannot_be_read_is_found_and_does_not_hide_the_rest(folder: Path, end: bytes) -> None:
    with behind_its_back(folder) as databases:
        databases.put("streams", JOB.encode(), end)
    change_frame(folder, 15, replace(b"50.0.1", b"50.0.2"))
    found = places(folder)
    assert any(JOB in where for where in found)
    assert ev.RUNTIME_STREAM in found


def test_an_index_entry_that_points_elsewhere_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        databases.put("index", struct.pack(">IQ", 1, 13), struct.pack(">Q", 15))
    assert {"position 15", "position 16"} <= places(folder)


def test_a_missing_index_entry_is_found(folder: Path) -> None:
    for position, (number, first) in FRAMES.items():
        with behind_its_back(folder) as databases:
            databases.delete("index", struct.pack(">IQ", number, first))
        assert Problem(f"position {position}", "it is not in the index") in problems(folder)
        with behind_its_back(folder) as databases:
            databases.put("index", struct.pack(">IQ", number, first), struct.pack(">Q", position))
    assert problems(folder) == []


def test_an_index_entry_too_many_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        databases.put("index", struct.pack(">IQ", 9, 1), struct.pack(">Q", 1))
    assert problems(folder) == [Problem("position 1", "the index says it is sequence 1 of stream 9")]


@pytest.mark.parametrize(("key", "value"), [(b"short", b"12345678"), (struct.pack(">IQ", 1, 13), b"short")])
def test_an_index_entry_of_a_wrong_length_is_found(folder: Path, key: bytes, value: bytes) -> None:
    with behind_its_back(folder) as databases:
        databases.put("index", key, value)
    assert "data.mdb" in places(folder) or JOB in places(folder)


def test_a_job_filed_under_another_status_is_found(folder: Path) -> None:
    """Recovery asks for the jobs that have not ended; it would never see this one."""
    with behind_its_back(folder) as databases:
        databases.delete("statuses", f"running\0{job_id(2)}".encode())
    with LmdbEventStore.open_readonly(folder) as store:
        assert store.jobs(JobQuery(statuses=frozenset({Status.RUNNING}))).jobs == []
    assert problems(folder) == [
        Problem(OTHER, "it is not filed under its status: a list of jobs by status lacks it"),
    ]
    with behind_its_back(folder) as databases:
        databases.put("statuses", f"completed\0{job_id(2)}".encode(), b"")
    assert places(folder) == {OTHER, "the index of statuses"}


def test_a_number_that_is_filed_under_another_name_is_found(folder: Path) -> None:
    for name in (OTHER.encode(), b"\xff\xfe"):
        with behind_its_back(folder) as databases:
            databases.put("names", struct.pack(">I", 3), name)
        assert places(folder) & {ev.RUNTIME_STREAM, "data.mdb"}
    with behind_its_back(folder) as databases:
        databases.delete("names", struct.pack(">I", 3))
    with LmdbEventStore.open_readonly(folder) as store:
        with pytest.raises(CorruptLog) as caught:
            list(store.read_all())
        assert caught.value.where == "position 15"
    assert ev.RUNTIME_STREAM in places(folder)


def test_a_name_that_is_no_text_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        databases.put("streams", b"job:\xff\xfe", b"")
    assert "data.mdb" in places(folder)


# --- blobs -----------------------------------------------------------------------------------------------------------


def blob_file(folder: Path, digest: str) -> Path:
    return folder / "blobs" / digest[:2] / digest


def test_a_missing_blob_is_found(folder: Path) -> None:
    for digest in (MODULE, next(name for name in _digests(folder) if name != MODULE)):
        file = blob_file(folder, digest)
        content = file.read_bytes()
        file.unlink()
        assert places(folder) == {f"blob {digest}"}
        file.write_bytes(content)
    assert problems(folder) == []


def test_an_altered_blob_is_found(folder: Path) -> None:
    for digest in _digests(folder):
        file = blob_file(folder, digest)
        content = file.read_bytes()
        for altered in (b"", content[:-1], content[:-1] + bytes([content[-1] ^ 1])):
            file.write_bytes(altered)
            assert places(folder) == {f"blob {digest}"}
        file.write_bytes(content)
    assert problems(folder) == []


def _digests(folder: Path) -> list[str]:
    with LmdbEventStore.open_readonly(folder) as store:
        return list(store.blobs.digests())


# --- a log in use ----------------------------------------------------------------------------------------------------


class BusyStore(MemoryEventStore):
    """Every look at its position or its streams comes just before another append to an old and a new stream."""

    def __init__(self) -> None:
        super().__init__(clock=Ticks())
        self.jobs_made = 0

    def more(self) -> None:
        self.jobs_made += 1
        start_job(self, self.jobs_made, [checkpoint(1)])
        self.append(ev.RUNTIME_STREAM, [runtime_opened(self.jobs_made)])

    def position(self) -> int:
        answer = super().position()
        self.more()
        return answer

    def streams(self, prefix: str = "") -> Iterator[str]:
        names = super().streams(prefix)
        self.more()
        return names


def test_a_log_may_be_written_to_while_it_is_checked() -> None:
    with BusyStore() as store:
        put_module(store)
        for _ in range(5):
            store.more()
        report = check(store)
        assert report.problems == []
        assert report.events >= 20
        assert store.jobs_made > 6


# --- what somebody put in ---------------------------------------------------------------------------------------------


def test_a_frame_behind_a_streams_end_is_found(folder: Path) -> None:
    body = ev.encode(ev.RuntimeClosed(1))
    with LmdbEventStore.open_readonly(folder) as store:
        head = store.head(ev.RUNTIME_STREAM)
        assert head is not None
        until = store.position()
    data, _ = make_frame(head.number, head.sequence + 1, head.hash, [START], [body])
    with behind_its_back(folder) as databases:
        databases.put("log", struct.pack(">Q", until + 1), data)
        databases.put("index", struct.pack(">IQ", head.number, head.sequence + 1), struct.pack(">Q", until + 1))
    assert places(folder) == {ev.RUNTIME_STREAM}
    assert "inserted" in problems(folder)[0].what


def test_a_frame_that_is_written_in_another_way_is_found(folder: Path) -> None:
    def other(frame: bytes) -> bytes:
        parts = msgspec.msgpack.decode(frame)
        assert frame[1] == parts[0] == 1  # the stream's number, which may be said in more bytes
        return frame[:1] + b"\xcd\x00\x01" + frame[2:]

    change_frame(folder, 20, other)
    assert problems(folder) == [Problem("position 20", "it is not written as a frame is: altered")]


def test_a_number_of_no_stream_is_found(folder: Path) -> None:
    put(folder, "names", struct.pack(">I", 9), b"job:nobody")
    assert problems(folder) == [Problem("number 9", "it is filed under 'job:nobody', and there is no such stream")]


DATABASES = ("log", "index", "streams", "names", "statuses")


# Each example has a folder of its own.
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_random_damage_is_found(folder: Path, data: st.DataObject) -> None:
    """A byte altered, an entry removed, added or exchanged with another, anywhere: something is said."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        if damage(Path(copy), data):
            assert not check_folder(Path(copy)).clean


def damage(folder: Path, data: st.DataObject) -> bool:
    database = data.draw(st.sampled_from(DATABASES))
    with behind_its_back(folder) as databases:
        items = databases.items(database)
        place = data.draw(st.integers(0, len(items) - 1))
        key, value = items[place]
        match data.draw(st.sampled_from(["alter", "remove", "add", "exchange", "cut", "lengthen"])):
            case "alter":
                at = data.draw(st.integers(0, max(0, len(value) - 1)))
                new = bytearray(value) or bytearray(b"\0")
                new[at] ^= data.draw(st.integers(1, 255))
                databases.put(database, key, bytes(new))
            case "remove":
                databases.delete(database, key)
            case "add":
                databases.put(database, key[:-1] + bytes([key[-1] ^ 0x40]), value)
            case "exchange":
                other_key, other = items[(place + 1) % len(items)]
                databases.put(database, key, other)
                databases.put(database, other_key, value)
            case "cut":
                databases.put(database, key, value[:-1])
            case "lengthen":
                databases.put(database, key, value + b"\0")
        return databases.items(database) != items


def check_folder(folder: Path) -> Report:
    try:
        with LmdbEventStore.open_readonly(folder) as store:
            return check(store)
    except CorruptLog as error:
        return Report(problems=[Problem(error.where, error.reason)])
