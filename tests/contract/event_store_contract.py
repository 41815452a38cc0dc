"""What every event store does. A store binds it in a few lines:

class TestMyStore(EventStoreContract):
    def make(self, folder: Path, clock: Callable[[], int]) -> EventStore:
        return MyStore(folder, clock=clock)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.histories import histories
from tests.support.job_events import (
    EXAMPLES,
    LIBRARY,
    START,
    Ticks,
    completed,
    dispatched,
    installed,
    items,
    job_id,
    progress,
    run_of,
    runtime_opened,
    start_job,
    started,
    warning,
)

from perdure.store import (
    Appended,
    AppendRequest,
    BadEvent,
    EventStore,
    ExtensionState,
    IllegalTransition,
    JobQuery,
    JobState,
    RuntimeState,
    SequenceConflict,
    Status,
    StoreClosed,
    StoredEvent,
    StoreError,
    UnknownJob,
    fold,
)
from perdure.store import events as ev
from perdure.store.frame import MAX_FRAME_EVENTS, genesis, link, read_frame

RUNTIME = ev.RUNTIME_STREAM
JOB = ev.job_stream(job_id(1))
# Examples share one store and do not change it, or use streams of their own.
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)


def request(stream: str, *events: ev.Event, expected: int | None = None) -> AppendRequest:
    return AppendRequest(stream, [ev.encode(event) for event in events], [START] * len(events), expected)


def everything(store: EventStore) -> list[StoredEvent]:
    return list(store.read_all())


class EventStoreContract:
    def make(self, folder: Path, clock: Callable[[], int]) -> EventStore:
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[EventStore]:
        with self.make(tmp_path / "store", Ticks()) as store:
            yield store

    @pytest.fixture
    def full(self, store: EventStore) -> EventStore:
        """A store with streams that alternate, in frames of 1 to `MAX_FRAME_EVENTS` events."""
        start_job(store, 1)
        start_job(store, 2, run_of(5))
        for call, size in enumerate((1, 3, 1, MAX_FRAME_EVENTS, 2, 2 * MAX_FRAME_EVENTS + 5)):
            store.append(JOB, run_of(size, start=call + 1))
            store.append(RUNTIME, [runtime_opened(call)])
        return store

    # --- append ------------------------------------------------------------------------------------------------------

    def test_an_empty_log_is_at_position_0(self, store: EventStore) -> None:
        assert store.position() == 0
        assert everything(store) == []
        assert list(store.streams()) == []
        assert list(store.frames()) == []

    def test_sequences_and_positions_count_from_1(self, store: EventStore) -> None:
        first = store.append(JOB, [dispatched(job_id(1)), started()])
        second = store.append(RUNTIME, [runtime_opened()])
        third = store.append(JOB, [items(1)])
        assert [(a.stream, a.first, a.last, a.position) for a in (first, second, third)] == [
            (JOB, 1, 2, 2),
            (RUNTIME, 1, 1, 3),
            (JOB, 3, 3, 4),
        ]
        assert [(e.position, e.stream, e.sequence) for e in everything(store)] == [
            (1, JOB, 1),
            (2, JOB, 2),
            (3, RUNTIME, 1),
            (4, JOB, 3),
        ]
        assert store.position() == 4

    def test_an_append_is_answered_with_the_state_after_it(self, store: EventStore) -> None:
        before = store.append(JOB, [dispatched(job_id(1))])
        assert isinstance(before.state, JobState)
        assert before.state.status is Status.QUEUED
        after = store.append(JOB, [started(), items(1, count=7)])
        assert isinstance(after.state, JobState)
        assert (after.state.status, after.state.items, after.state.sequence) == (Status.RUNNING, 7, 3)
        assert before.state.status is Status.QUEUED, "a state that was handed out must not change"
        assert store.state(JOB) == after.state

    def test_a_stored_event_holds_what_was_appended_and_the_clock(self, store: EventStore) -> None:
        store.append(RUNTIME, [runtime_opened(4)])
        store.append(RUNTIME, [ev.RuntimeClosed(pid=4)])
        first, second = everything(store)
        assert first.event == runtime_opened(4)
        assert first.body == ev.encode(runtime_opened(4))
        assert second.time - first.time == 1000

    def test_every_type_of_event_survives(self, store: EventStore) -> None:
        """Each example goes on to a stream of its own, after what makes it legal."""
        before: list[ev.Event]
        for number, example in enumerate(EXAMPLES, 10):
            if isinstance(example, ev.JobDispatched):
                stream, before = ev.job_stream(example.job_id), []
            elif isinstance(example, ev.JobStarted):
                stream, before = ev.job_stream(job_id(number)), [dispatched(job_id(number))]
            elif isinstance(example, ev.JobResumed):
                # It names a checkpoint at sequence 17.
                saved = ev.CheckpointSaved(call=15, fuel=15, state=ev.Inline(b"{}"))
                stream = ev.job_stream(job_id(number))
                before = [dispatched(job_id(number)), started(), *run_of(14), saved]
            elif isinstance(example, ev.JobEvent):
                stream, before = ev.job_stream(job_id(number)), [dispatched(job_id(number)), started()]
            elif isinstance(example, ev.ExtensionEvent):
                stream, before = ev.extension_stream("test-extension"), []
            else:
                stream, before = RUNTIME, []
            store.append(stream, [*before, example])
            (last,) = list(store.read(stream, backward=True))[:1]
            assert last.event == example

    def test_the_expected_sequence_must_be_met(self, store: EventStore) -> None:
        store.append(JOB, [dispatched(job_id(1))], expected=0)
        store.append(JOB, [started()], expected=1)
        for wrong in (0, 1, 3):
            with pytest.raises(SequenceConflict) as caught:
                store.append(JOB, [items(1)], expected=wrong)
            assert (caught.value.stream, caught.value.expected, caught.value.found) == (JOB, wrong, 2)
        with pytest.raises(SequenceConflict):
            store.append(RUNTIME, [runtime_opened()], expected=1)
        assert store.position() == 2
        assert store.head(RUNTIME) is None

    def test_of_two_that_expect_the_same_one_wins(self, store: EventStore) -> None:
        start_job(store, 1)
        barrier = threading.Barrier(8)

        def attempt(number: int) -> bool:
            barrier.wait()
            try:
                store.append(JOB, [items(1, count=number)], expected=2)
            except SequenceConflict:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(attempt, range(8))) == 1
        assert store.position() == 3

    def test_an_append_is_all_or_nothing(self, store: EventStore) -> None:
        start_job(store, 1)
        before = (store.position(), store.head(JOB), store.state(JOB))
        with pytest.raises(IllegalTransition) as caught:
            store.append(JOB, [items(1), completed(), items(2)])
        assert (caught.value.job_id, caught.value.status, caught.value.event) == (str(job_id(1)), "completed", "items")
        assert (store.position(), store.head(JOB), store.state(JOB)) == before
        assert store.append(JOB, [items(1)]).first == 3

    def test_a_job_begins_with_its_own_dispatch(self, store: EventStore) -> None:
        with pytest.raises(IllegalTransition):
            store.append(JOB, [started()])
        with pytest.raises(BadEvent):
            store.append(JOB, [dispatched(job_id(2))])
        assert store.position() == 0
        assert list(store.streams()) == []

    @pytest.mark.parametrize(
        ("stream", "event"),
        [
            (RUNTIME, started()),
            (JOB, runtime_opened()),
            (ev.extension_stream("a"), runtime_opened()),
            ("nonsense", runtime_opened()),
            ("", runtime_opened()),
            ("job", dispatched(job_id(1))),
            (ev.extension_stream("x" * 600), installed()),
            (ev.extension_stream("\ud800"), installed()),
        ],
    )
    def test_an_event_on_the_wrong_stream_is_refused(self, store: EventStore, stream: str, event: ev.Event) -> None:
        with pytest.raises(BadEvent) as caught:
            store.append(stream, [event])
        assert caught.value.stream == stream
        assert store.position() == 0

    def test_an_append_without_events_is_refused(self, store: EventStore) -> None:
        with pytest.raises(BadEvent):
            store.append(RUNTIME, [])
        assert store.append_batch([]) == []
        assert store.position() == 0

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\xc1",
            b"\x91\xa7unknown",
            b"\x94\xa6opened\x01\xa1\xff\xa1a",
            b"\x91" * 100_000,
            ev.encode(runtime_opened()) + b"\0",
        ],
        ids=["nothing", "never used", "unknown tag", "no UTF-8", "endless", "too long"],
    )
    def test_bytes_that_are_no_event_are_refused(self, store: EventStore, body: bytes) -> None:
        (answer,) = store.append_batch([AppendRequest(RUNTIME, [body], [START])])
        assert isinstance(answer, BadEvent)
        assert store.position() == 0

    def test_each_event_needs_a_time(self, store: EventStore) -> None:
        body = ev.encode(runtime_opened())
        (answer,) = store.append_batch([AppendRequest(RUNTIME, [body, body], [START])])
        assert isinstance(answer, BadEvent)

    @pytest.mark.parametrize("time", [-1, 2**57 + 1, 2**64])
    def test_a_time_that_cannot_be_is_refused(self, store: EventStore, time: int) -> None:
        (answer,) = store.append_batch([AppendRequest(RUNTIME, [ev.encode(runtime_opened())], [time])])
        assert isinstance(answer, BadEvent)
        assert store.position() == 0

    # --- append_batch ------------------------------------------------------------------------------------------------

    def test_a_batch_keeps_times_and_order(self, store: EventStore) -> None:
        bodies = [ev.encode(runtime_opened(pid)) for pid in (1, 2, 3)]
        times = [START, START + 5, START + 3]  # a clock may step back; the log keeps what it said
        (answer,) = store.append_batch([AppendRequest(RUNTIME, bodies, times)])
        assert isinstance(answer, Appended)
        assert [(e.time, e.event) for e in everything(store)] == [
            (time, runtime_opened(pid)) for time, pid in zip(times, (1, 2, 3), strict=True)
        ]

    def test_refused_requests_leave_no_trace_and_the_others_go_in(self, store: EventStore) -> None:
        start_job(store, 1)
        other = ev.job_stream(job_id(2))
        answers = store.append_batch(
            [
                request(JOB, items(1)),
                request(JOB, completed(), items(2)),  # illegal: its first event must not be kept either
                request(ev.job_stream(job_id(3)), started()),  # illegal: a stream that never comes to be
                request(other, dispatched(job_id(2)), expected=0),
                request(other, started(), expected=0),  # conflict: it is at 1 by now
                request("nonsense", runtime_opened()),
                request(ev.extension_stream("x" * 600), installed()),
                request(other, started(), expected=1),
                request(JOB, items(2)),
            ]
        )
        assert [type(answer) for answer in answers] == [
            Appended,
            IllegalTransition,
            IllegalTransition,
            Appended,
            SequenceConflict,
            BadEvent,
            BadEvent,
            Appended,
            Appended,
        ]
        placed = [(a.stream, a.first, a.last, a.position) for a in answers if isinstance(a, Appended)]
        assert placed == [(JOB, 3, 3, 3), (other, 1, 1, 4), (other, 2, 2, 5), (JOB, 4, 4, 6)]
        assert [e.event for e in store.read_all(after=2)] == [items(1), dispatched(job_id(2)), started(), items(2)]
        assert list(store.streams()) == [JOB, other]
        for stream in (JOB, other):
            assert store.rebuild(stream) == store.state(stream)
        assert store.append(ev.job_stream(job_id(3)), [dispatched(job_id(3))]).first == 1

    def test_a_batch_of_refused_requests_only_changes_nothing(self, store: EventStore) -> None:
        answers = store.append_batch([request(JOB, started()), request(RUNTIME, runtime_opened(), expected=9)])
        assert all(isinstance(answer, StoreError) for answer in answers)
        assert (store.position(), list(store.streams())) == (0, [])

    def test_appends_of_many_threads_are_one_sequence(self, store: EventStore) -> None:
        def work(number: int) -> list[int]:
            stream = start_job(store, number)
            store.append(RUNTIME, [runtime_opened(number)])
            return [store.append(stream, [items(call)]).position for call in range(1, 11)]

        with ThreadPoolExecutor(6) as pool:
            positions = [position for answered in pool.map(work, range(1, 7)) for position in answered]
        assert len(set(positions)) == 60
        stored = everything(store)
        assert [e.position for e in stored] == list(range(1, 6 * 13 + 1))
        for stream in store.streams():
            sequences = [e.sequence for e in stored if e.stream == stream]
            assert sequences == list(range(1, len(sequences) + 1))

    # --- chain -------------------------------------------------------------------------------------------------------

    def test_each_event_has_the_hash_of_the_one_before(self, full: EventStore) -> None:
        for stream in full.streams():
            previous = genesis(stream)
            for stored in full.read(stream):
                assert stored.previous == previous
                assert stored.hash == link(previous, stored.sequence, stored.time, stored.body)
                previous = stored.hash
            head = full.head(stream)
            assert head is not None
            assert head.hash == previous

    # --- read --------------------------------------------------------------------------------------------------------

    def test_an_unknown_stream_is_empty(self, full: EventStore) -> None:
        stream = ev.job_stream(job_id(99))
        assert list(full.read(stream)) == []
        assert list(full.read(stream, backward=True)) == []
        assert full.head(stream) is None
        assert full.state(stream) is None
        assert full.rebuild(stream) is None

    def test_a_stream_is_read_in_order(self, full: EventStore) -> None:
        stored = list(full.read(JOB))
        assert [e.sequence for e in stored] == list(range(1, len(stored) + 1))
        assert {e.stream for e in stored} == {JOB}
        assert stored == [e for e in everything(full) if e.stream == JOB]
        head = full.head(JOB)
        assert head is not None
        assert head.sequence == len(stored)

    def test_any_part_of_a_stream_can_be_read_both_ways(self, full: EventStore) -> None:
        stored = list(full.read(JOB))
        last = len(stored)
        edges = st.sampled_from([0, 1, 2, 3, MAX_FRAME_EVENTS, last - 1, last, last + 1]) | st.integers(0, last + 5)

        @shared
        @given(after=edges, until=st.none() | edges, backward=st.booleans())
        def part(after: int, until: int | None, backward: bool) -> None:
            expected = stored[after : last if until is None else until]
            found = list(full.read(JOB, after=after, until=until, backward=backward))
            assert found == (expected[::-1] if backward else expected)

        part()

    def test_any_part_of_the_log_can_be_read(self, full: EventStore) -> None:
        stored = everything(full)
        last = len(stored)
        assert [e.position for e in stored] == list(range(1, last + 1))
        edges = st.sampled_from([0, 1, 2, last - 1, last, last + 1]) | st.integers(0, last + 5)

        @shared
        @given(after=edges, until=st.none() | edges)
        def part(after: int, until: int | None) -> None:
            assert list(full.read_all(after=after, until=until)) == stored[after : last if until is None else until]

        part()

    def test_frames_cover_the_log(self, full: EventStore) -> None:
        position, bodies = 1, []
        for raw in full.frames():
            frame = read_frame(raw.data, raw.position)
            assert raw.position == position
            assert len(frame.bodies) <= MAX_FRAME_EVENTS
            position += len(frame.bodies)
            bodies += [bytes(body) for body in frame.bodies]
        assert position == full.position() + 1
        assert bodies == [stored.body for stored in everything(full)]

    def test_streams_are_found_by_prefix_in_order(self, full: EventStore) -> None:
        full.append(ev.extension_stream("b"), [installed("b")])
        full.append(ev.extension_stream("a"), [installed("a")])
        jobs = [ev.job_stream(job_id(number)) for number in (1, 2)]
        assert list(full.streams()) == ["extension:a", "extension:b", *jobs, RUNTIME]
        assert list(full.streams("job:")) == jobs
        assert list(full.streams("extension:b")) == ["extension:b"]
        assert list(full.streams("x")) == []

    # --- wait --------------------------------------------------------------------------------------------------------

    def test_wait_returns_at_once_when_there_is_more(self, full: EventStore) -> None:
        assert full.wait(0) == full.position()
        assert full.wait(full.position() - 1) == full.position()

    def test_wait_ends_at_its_timeout(self, full: EventStore) -> None:
        assert full.wait(full.position(), timeout=0) == full.position()
        assert full.wait(full.position() + 10, timeout=0.01) == full.position()

    def test_wait_wakes_for_another_threads_append(self, store: EventStore) -> None:
        with ThreadPoolExecutor(1) as pool:
            for number in range(1, 20):
                waiting = pool.submit(store.wait, store.position(), 60.0)
                store.append(RUNTIME, [runtime_opened(number)])
                assert waiting.result(60) == number

    def test_wait_ends_when_the_store_is_closed(self, store: EventStore) -> None:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(store.wait, 0)
            store.close()
            assert isinstance(waiting.exception(60), StoreClosed)

    # --- projections -------------------------------------------------------------------------------------------------

    def test_projection_rebuild_and_fold_agree(self, store: EventStore) -> None:
        numbers = iter(range(1, 1_000_000))

        @shared
        @given(data=st.data())
        def agree(data: st.DataObject) -> None:
            number = next(numbers)
            history = data.draw(histories(number=number))
            stream = ev.job_stream(job_id(number))
            rest = list(history)
            while rest:
                size = data.draw(st.integers(1, len(rest)))
                store.append(stream, rest[:size])
                del rest[:size]
            triples: list[tuple[ev.Event, int, int]] = [(e.event, e.sequence, e.time) for e in store.read(stream)]
            assert [event for event, _, _ in triples] == history
            assert store.state(stream) == store.rebuild(stream) == store.job(job_id(number)) == fold(None, triples)
            until = data.draw(st.integers(1, len(history)))
            assert store.rebuild(stream, until=until) == fold(None, triples[:until])

        agree()

    def test_rebuild_ends_where_it_is_told(self, full: EventStore) -> None:
        assert full.rebuild(JOB, until=0) is None
        for until in (1, 2, 3, MAX_FRAME_EVENTS, MAX_FRAME_EVENTS + 9):
            state = full.rebuild(JOB, until=until)
            assert isinstance(state, JobState)
            assert state.sequence == until
        assert full.rebuild(JOB, until=10**9) == full.state(JOB)

    def test_extensions_and_the_runtime_have_projections_too(self, store: EventStore) -> None:
        stream = ev.extension_stream("test-extension")
        for event in (installed(), *[e for e in EXAMPLES if isinstance(e, ev.ExtensionLoaded | ev.ExtensionUnloaded)]):
            store.append(stream, [event])
        extension = store.state(stream)
        assert isinstance(extension, ExtensionState)
        assert (extension.installed, extension.enabled, extension.loaded_at) == (True, False, START + 1000)
        assert [kind.name for kind in extension.job_types] == ["counter"]
        store.append(stream, [ev.ExtensionUninstalled()])
        assert store.rebuild(stream) == store.state(stream)
        compiled = next(e for e in EXAMPLES if isinstance(e, ev.ModuleCompiled))
        store.append(RUNTIME, [runtime_opened(1), compiled, runtime_opened(2), ev.RuntimeClosed(pid=2)])
        runtime = store.state(RUNTIME)
        assert isinstance(runtime, RuntimeState)
        assert (runtime.opens, runtime.crashes, runtime.closed, runtime.pid) == (2, 1, True, 2)
        assert runtime.artifacts == {f"{compiled.module}@{compiled.engine}": compiled.artifact}
        assert store.rebuild(RUNTIME) == runtime
        assert store.rebuild(RUNTIME, until=1) == RuntimeState(pid=1, closed=False, opens=1)

    def test_an_unknown_job_has_an_error_of_its_own(self, store: EventStore) -> None:
        with pytest.raises(UnknownJob) as caught:
            store.job(job_id(7))
        assert caught.value.job_id == str(job_id(7))
        assert isinstance(caught.value, LookupError)

    # --- jobs --------------------------------------------------------------------------------------------------------

    @pytest.fixture
    def crowd(self, store: EventStore) -> EventStore:
        """Thirty jobs of three types and two extensions in five statuses, dispatched out of order."""
        store.append(RUNTIME, [runtime_opened()])
        store.append(ev.extension_stream("job"), [installed("job")])
        for number in [*range(15, 31), *range(1, 15)]:
            extension = ("one", "two")[number % 2]
            job_type = f"{extension}:{('count', 'hash', 'scan')[number % 3]}"
            stream = ev.job_stream(job_id(number))
            store.append(stream, [dispatched(job_id(number), job_type=job_type, extension=extension)])
            ends: tuple[list[ev.Event], ...] = (
                [],
                [started()],
                [started(), completed()],
                [started(), warning(1), ev.JobSuspended(reason="shutdown", forced=False, fuel=1)],
                [ev.JobCancelled(forced=False, fuel=0)],
            )
            for event in ends[number % 5]:
                store.append(stream, [event])
        return store

    def test_jobs_are_listed_newest_first(self, crowd: EventStore) -> None:
        page = crowd.jobs(JobQuery())
        assert [job.job_id for job in page.jobs] == [job_id(number) for number in range(30, 0, -1)]
        assert page.next is None
        assert page.jobs == [crowd.job(job.job_id) for job in page.jobs]

    def test_jobs_are_filtered_and_paged(self, crowd: EventStore) -> None:
        listed = crowd.jobs(JobQuery()).jobs
        queries = st.builds(
            dict[str, Any],
            statuses=st.frozensets(st.sampled_from(Status)),
            extension=st.sampled_from([None, "one", "two", "three"]),
            job_type=st.sampled_from([None, "one:count", "count", "two:hash", "hash", "one", ""]),
        )

        @shared
        @given(query=queries, limit=st.integers(1, 31), before=st.none() | st.integers(0, 32))
        def pages(query: dict[str, Any], limit: int, before: int | None) -> None:
            expected = [
                job
                for job in listed
                if (not query["statuses"] or job.status in query["statuses"])
                and query["extension"] in (None, job.extension)
                and query["job_type"] in (None, job.job_type, job.job_type.split(":")[1])
                and (before is None or job.job_id < job_id(before))
            ]
            cursor = job_id(before) if before is not None else None
            found: list[JobState] = []
            while True:
                page = crowd.jobs(JobQuery(**query, limit=limit, before=cursor))
                found += page.jobs
                assert len(page.jobs) == limit or page.next is None
                if page.next is None:
                    break
                cursor = page.next
            assert found == expected

        pages()

    def test_a_last_page_that_is_full_says_that_it_is_the_last(self, crowd: EventStore) -> None:
        assert crowd.jobs(JobQuery(limit=30)).next is None
        assert crowd.jobs(JobQuery(limit=29)).next == job_id(2)

    def test_a_job_moves_from_one_status_to_the_next(self, store: EventStore) -> None:
        stream = start_job(store, 1)
        for event, status in (
            (ev.JobPaused(forced=False, fuel=1), Status.PAUSED),
            (ev.JobResumed(checkpoint=0, cause="resume"), Status.QUEUED),
            (started(2), Status.RUNNING),
            (completed(), Status.COMPLETED),
        ):
            store.append(stream, [event])
            for each in Status:
                found = store.jobs(JobQuery(statuses=frozenset({each}))).jobs
                assert [job.job_id for job in found] == ([job_id(1)] if each is status else [])

    def test_a_page_holds_at_least_one_job(self) -> None:
        with pytest.raises(ValueError, match="limit"):
            JobQuery(limit=0)

    # --- blobs, closing ----------------------------------------------------------------------------------------------

    def test_it_has_a_blob_store(self, store: EventStore) -> None:
        assert store.blobs.get(store.blobs.put(b"payload")) == b"payload"

    def test_closing_twice_is_closing_once(self, full: EventStore) -> None:
        full.close()
        full.close()

    @pytest.mark.parametrize(
        "use",
        [
            lambda store: store.append(RUNTIME, [runtime_opened()]),
            lambda store: store.append_batch([request(RUNTIME, runtime_opened())]),
            lambda store: store.append_batch([]),
            lambda store: list(store.read(JOB)),
            lambda store: list(store.read_all()),
            lambda store: list(store.frames()),
            lambda store: store.position(),
            lambda store: store.wait(0, timeout=0),
            lambda store: store.head(JOB),
            lambda store: list(store.streams()),
            lambda store: store.state(JOB),
            lambda store: store.rebuild(JOB),
            lambda store: store.job(job_id(1)),
            lambda store: store.jobs(JobQuery()),
        ],
    )
    def test_a_closed_store_says_so(self, full: EventStore, use: Callable[[EventStore], object]) -> None:
        full.close()
        with pytest.raises(StoreClosed):
            use(full)

    def test_a_read_that_was_under_way_ends_when_the_store_is_closed(self, store: EventStore) -> None:
        """It hands out what it holds and then says so, or ends; it never reads what is gone."""
        start_job(store, 1)
        for call in range(1, 50):
            store.append(JOB, [progress(call)])
        reading = store.read(JOB)
        assert next(reading).sequence == 1
        store.close()
        try:
            rest = [stored.sequence for stored in reading]
        except StoreClosed:
            return
        assert rest == list(range(2, 2 + len(rest)))

    def test_library_and_state_are_kept(self, store: EventStore) -> None:
        start_job(store, 1)
        assert store.job(job_id(1)).library_id == LIBRARY
