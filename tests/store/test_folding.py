"""Jobs are folded at random, their frames removed step by step: what is left is sound, and says what it said before."""

from __future__ import annotations

import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.histories import histories
from tests.support.job_events import (
    START,
    Ticks,
    completed,
    items,
    job_id,
    put_module,
    run_of,
    runtime_opened,
    start_job,
)
from tests.support.log_file import behind_its_back
from tests.support.small_log import JOB, OTHER, write_small_log

from perdure.store import (
    AppendRequest,
    CorruptLog,
    EventStore,
    JobIsFolded,
    JobState,
    LmdbEventStore,
    MemoryEventStore,
    Status,
    check,
    evolve,
    fold,
)
from perdure.store import events as ev
from perdure.store.folding import fold_job, folded_event, folded_rows
from perdure.store.frame import genesis, link
from perdure.store.job_state import from_summary
from perdure.store.lifecycle import TRANSITIONS


def fold_now(store: EventStore, number: int = 1) -> ev.JobFolded:
    made = fold_job(store, store.job(job_id(number)))
    store.append(made.stream, [made.event], made.expected)
    return made.event


def remove_all(store: EventStore, step: int = 1000) -> None:
    while store.remove_folded(step).left:
        pass


def facts(store: EventStore) -> dict[str, object]:
    """What a fold must not change: of a folded job its chain's head and what its events add up to."""
    found: dict[str, object] = {}
    for name in store.streams():
        state, head = store.state(name), store.head(name)
        assert head is not None
        if isinstance(state, JobState) and state.folded_at is not None:
            last = folded_event(store, state.job_id)
            assert last is not None
            assert isinstance(last.event, ev.JobFolded)
            assert last.previous == last.event.hash
            found[name] = (last.event.through, last.event.hash, from_summary(last.event.summary, name))
        else:
            found[name] = (head.sequence, head.hash, state)
    return found


def replayed(store: EventStore, stream: str) -> JobState:
    """The state that the events of a job add up to, one after the other."""
    return fold(None, [(stored.event, stored.sequence, stored.time) for stored in store.read(stream)])


def _ended(history: list[ev.Event]) -> list[ev.Event]:
    """The history, and the end of its job, which few come to by themselves."""
    state = fold(None, [(event, sequence, START) for sequence, event in enumerate(history, 1)])
    if Status.CANCELLED not in (TRANSITIONS[ev.JobCancelled].get(state.status), state.status):
        return history
    return history if state.finished else [*history, ev.JobCancelled(forced=True, fuel=0)]


class _Steps:
    """Appends some jobs' histories in random pieces, folds what has ended, and removes frames, all mixed."""

    def __init__(self, store: EventStore, data: st.DataObject) -> None:
        self._store = store
        self._data = data
        self._left = {number: _ended(data.draw(histories(number=number, longest=25))) for number in (1, 2, 3)}
        self.folded: set[int] = set()

    def run(self) -> None:
        while any(self._left.values()):
            number = self._data.draw(st.sampled_from([number for number, left in self._left.items() if left]))
            count = self._data.draw(st.integers(1, len(self._left[number])))
            part, self._left[number] = self._left[number][:count], self._left[number][count:]
            # What a history acts on: rows that several jobs write.
            part = [self._with_writes(event) for event in part]
            self._store.append(ev.job_stream(job_id(number)), part)
            if self._data.draw(st.booleans()):
                self._store.append(ev.RUNTIME_STREAM, [runtime_opened()])
            self._maybe_fold()

    def _with_writes(self, event: ev.Event) -> ev.Event:
        if not isinstance(event, ev.ActionAnswered):
            return event
        write = st.builds(ev.RowWrite, st.sampled_from([b"a", b"b", b"c"]), st.none() | st.binary(max_size=3))
        return msgspec.structs.replace(event, writes=tuple(self._data.draw(st.lists(write, max_size=3))))

    def _maybe_fold(self) -> None:
        for number in (1, 2, 3):
            stream = ev.job_stream(job_id(number))
            state = self._store.state(stream)
            done = isinstance(state, JobState) and state.finished and not self._left[number]
            if done and number not in self.folded and self._data.draw(st.booleans()):
                assert isinstance(state, JobState)
                assert replayed(self._store, stream) == state
                before = facts(self._store)
                fold_now(self._store, number)
                self.folded.add(number)
                assert facts(self._store) == before
            elif self._data.draw(st.booleans()):
                self._store.remove_folded(self._data.draw(st.integers(1, 4)))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_histories_folded_at_random(data: st.DataObject) -> None:
    with MemoryEventStore(Ticks()) as store:
        _check_random(store, data)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_random_histories_folded_at_random_on_disk(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        with LmdbEventStore.open(Path(folder), clock=Ticks(), map_size=1 << 20) as store:
            before = _check_random(store, data)
        with LmdbEventStore.open_readonly(Path(folder)) as store:
            assert facts(store) == before
            assert _unexplained(store) == []


def _check_random(store: EventStore, data: st.DataObject) -> dict[str, object]:
    put_module(store)
    steps = _Steps(store, data)
    steps.run()
    expected, rows = facts(store), store.rows(b"")
    assert _unexplained(store) == []
    remove_all(store, data.draw(st.integers(1, 10)))
    assert _unexplained(store) == []
    assert facts(store) == expected
    assert store.rows(b"") == rows
    for number in (1, 2, 3):
        stream = ev.job_stream(job_id(number))
        state = store.state(stream)
        assert store.rebuild(stream) == state
        if number in steps.folded:
            with pytest.raises(JobIsFolded):
                list(store.read(stream))
            assert [stored.stream for stored in store.read_all()].count(stream) == 1
        elif isinstance(state, JobState):
            assert replayed(store, stream) == state
    return expected


def _unexplained(store: EventStore) -> list[str]:
    # Histories name blobs that nobody has put.
    return [f"{problem.where}: {problem.what}" for problem in check(store).problems if "blob" not in problem.where]


# --- what a fold does not excuse -------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small log, with its first job folded and nothing of it left, and another one that has ended."""
    write_small_log(tmp_path)
    with LmdbEventStore.open(tmp_path, clock=Ticks()) as store:
        store.append(OTHER, [*run_of(3), completed(10)])
        fold_now(store, 1)
        remove_all(store)
        assert check(store).problems == []
    return tmp_path


def problems(folder: Path) -> str:
    with LmdbEventStore.open_readonly(folder) as store:
        return "\n".join(f"{problem.where}: {problem.what}" for problem in check(store).problems)


def test_another_streams_missing_frame_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        databases.delete("log", struct.pack(">Q", 13))
        databases.delete("index", struct.pack(">IQ", 2, 1))
    found = problems(folder)
    assert f"{OTHER} goes on at sequence 3 after 0" in found
    assert "the jobs that were folded left" in found


def test_a_stream_that_is_gone_altogether_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        for position, number in ((15, 3), (19, 4)):
            databases.delete("log", struct.pack(">Q", position))
            databases.delete("index", struct.pack(">IQ", number, 1))
            databases.delete("names", struct.pack(">I", number))
        databases.delete("streams", ev.RUNTIME_STREAM.encode())
        databases.delete("streams", b"extension:test-extension")
    assert "positions are missing" in problems(folder)


def test_events_in_the_empty_places_of_a_folded_job_are_found(folder: Path) -> None:
    """A whole stream that is moved to where a folded job was: as many places are missing as before."""
    with behind_its_back(folder) as databases:
        (frame,) = [value for key, value in databases.items("log") if key == struct.pack(">Q", 15)]
        databases.delete("log", struct.pack(">Q", 15))
        databases.put("log", struct.pack(">Q", 5), frame)
        databases.put("index", struct.pack(">IQ", 3, 1), struct.pack(">Q", 5))
    assert "the jobs that were folded left" in problems(folder)


def test_a_fold_that_is_gone_excuses_nothing(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        place = [key for key, _ in databases.items("log")][-1]
        databases.delete("log", place)
        databases.delete("index", struct.pack(">IQ", 1, 18))
    assert problems(folder) != ""


def test_a_later_frame_that_is_gone_before_an_earlier_one_is_found(tmp_path: Path) -> None:
    write_small_log(tmp_path)
    with LmdbEventStore.open(tmp_path, clock=Ticks()) as store:
        fold_now(store, 1)
    with behind_its_back(tmp_path) as databases:
        databases.delete("log", struct.pack(">Q", 16))
        databases.delete("index", struct.pack(">IQ", 1, 13))
    assert f"{JOB} goes on at sequence 16 after 12" in problems(tmp_path)


def test_a_row_that_a_folded_job_wrote_is_still_checked(tmp_path: Path) -> None:
    action = ev.ActionAnswered(
        1, 10, "action:a.b", None, "", ev.Inline(b"{}"), ev.Inline(b"{}"), "", (ev.RowWrite(b"row", b"value"),)
    )
    with LmdbEventStore.open(tmp_path, clock=Ticks(), map_size=1 << 20) as store:
        put_module(store)
        start_job(store, 1, [action, completed(20)])
        event = fold_now(store)
        remove_all(store)
        assert isinstance(event.rows, ev.Inline)
        (row,) = folded_rows(event.rows.data)
        assert (row.key, row.position) == (b"row", 3)
        assert check(store).problems == []
    for value in (struct.pack(">Q", 3) + b"other", struct.pack(">Q", 4) + b"value", None):
        with behind_its_back(tmp_path) as databases:
            if value is None:
                databases.delete("rows", b"row")
            else:
                databases.put("rows", b"row", value)
        assert "the row b'row'" in problems(tmp_path)


def test_a_damaged_job_is_not_folded(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        (frame,) = [value for key, value in databases.items("log") if key == struct.pack(">Q", 13)]
        databases.put("log", struct.pack(">Q", 13), frame.replace(b"counter", b"cOunter"))
    with LmdbEventStore.open(folder) as store, pytest.raises(CorruptLog):
        fold_job(store, store.job(job_id(2)))


def test_a_stored_summary_that_was_altered_is_found(folder: Path) -> None:
    with behind_its_back(folder) as databases:
        key, frame = list(databases.items("log"))[-1]
        databases.put("log", key, frame.replace(b"test-extension:counter", b"test-extension:cOunter"))
    found = problems(folder)
    assert f"{JOB}: its last event, 18, or one before it was altered" in found
    assert f"{JOB}: its projection differs from a fresh fold of its events" in found


def test_a_chain_goes_on_from_the_hash_that_is_kept(tmp_path: Path) -> None:
    """Whoever has the history can show that it is the one that was folded."""
    with MemoryEventStore(Ticks()) as store:
        stream = start_job(store, 1, [*run_of(4), completed(50)])
        history = [(stored.sequence, stored.time, stored.body) for stored in store.read(stream)]
        event = fold_now(store)
        remove_all(store)
        tip = genesis(stream)
        for sequence, time, body in history:
            tip = link(tip, sequence, time, body)
        assert tip == event.hash


def test_readers_that_began_before_the_frames_went_are_told(tmp_path: Path) -> None:
    with LmdbEventStore.open(tmp_path, clock=Ticks(), map_size=1 << 20) as store:
        big = "m" * 3000
        stream = start_job(store, 1)
        for call in range(1, 3001):
            if call % 500 == 0:
                store.append(stream, [ev.WarningAdded(call + place, 1, big) for place in range(500)])
        store.append(stream, [completed(1)])
        reading = store.read(stream)
        assert next(reading).sequence == 1
        fold_now(store)
        remove_all(store, 3)
        with pytest.raises(JobIsFolded):
            list(reading)
        assert [stored.sequence for stored in store.read_all()] == [store.job(job_id(1)).sequence]


def test_the_state_after_a_fold_is_that_of_the_fold_however_it_is_reached() -> None:
    with MemoryEventStore(Ticks()) as store:
        stream = start_job(store, 1, [items(1), completed(20)])
        before = store.job(job_id(1))
        event = fold_now(store)
        state = store.job(job_id(1))
        assert state.folded_at is not None
        assert evolve(before, event, state.sequence, state.folded_at) == state == store.rebuild(stream)
        (answer,) = store.append_batch([AppendRequest(stream, [ev.encode(event)], [START])])
        assert isinstance(answer, JobIsFolded)


def test_when_all_frames_are_gone_nothing_is_left_to_remove(tmp_path: Path) -> None:
    with LmdbEventStore.open(tmp_path, clock=Ticks(), map_size=1 << 20) as store:
        put_module(store)
        for number in (1, 2):
            start_job(store, number, [completed(1)])
            fold_now(store, number)
        assert store.remove_folded(1).left
    with behind_its_back(tmp_path) as databases:
        assert len([key for key, _ in databases.items("meta") if key.startswith(b"folding")]) > 0
    with LmdbEventStore.open(tmp_path, clock=Ticks()) as store:
        remove_all(store)
        assert check(store).problems == []
    with behind_its_back(tmp_path) as databases:
        assert [key for key, _ in databases.items("meta") if key.startswith(b"folding")] == []
