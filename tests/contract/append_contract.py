"""What an event store does when it is written to."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from tests.contract.store_fixtures import JOB, RUNTIME, StoreFixtures, everything, request
from tests.support.job_events import (
    EXAMPLES,
    LIBRARY,
    START,
    completed,
    dispatched,
    installed,
    items,
    job_id,
    runtime_opened,
    start_job,
    started,
)
from tests.support.lives import life_before

from perdure.store import (
    Appended,
    AppendRequest,
    BadEvent,
    EventStore,
    IllegalTransition,
    JobState,
    SequenceConflict,
    Status,
    StoreError,
)
from perdure.store import events as ev


class AppendContract(StoreFixtures):
    """Order, sequences, conflicts, all or nothing, batches."""

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
        for number, given in enumerate(EXAMPLES, 10):
            # A fork's job has an id of its own.
            example = (
                msgspec.structs.replace(given, job_id=job_id(number)) if isinstance(given, ev.ForkBegun) else given
            )
            before: list[ev.Event] = []
            if isinstance(example, ev.JobFolded):
                continue  # it names the end of one stream only; see `FoldingContract`
            if isinstance(example, ev.JobDispatched):
                stream = ev.job_stream(example.job_id)
            elif isinstance(example, ev.JobEvent):
                stream, before = ev.job_stream(job_id(number)), life_before(example, job_id(number))
            elif isinstance(example, ev.LibraryEvent):
                stream = ev.library_stream(LIBRARY)
            elif isinstance(example, ev.CallEvent):
                stream = ev.CALLS_STREAM
            elif isinstance(example, ev.AccessEvent):
                stream = ev.access_stream("")
            elif isinstance(example, ev.ExtensionEvent):
                stream = ev.extension_stream("test-extension")
            else:
                stream = RUNTIME
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
