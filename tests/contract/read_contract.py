"""What an event store does when it is read, waited for and closed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.store_fixtures import JOB, RUNTIME, StoreFixtures, everything, request, shared
from tests.support.job_events import (
    LIBRARY,
    installed,
    job_id,
    progress,
    runtime_opened,
    start_job,
)

from perdure.store import (
    EventStore,
    Head,
    JobQuery,
    StoreClosed,
)
from perdure.store import events as ev
from perdure.store.frame import MAX_FRAME_EVENTS, genesis, link, read_frame


class ReadContract(StoreFixtures):
    """The chain, any part of a stream or of the log both ways, the wait, the close."""

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

    def test_the_ends_of_all_streams_at_one_moment(self, full: EventStore) -> None:
        streams = list(full.streams())
        seen: list[tuple[str, Head]] = []
        moment = full.heads(lambda stream, head: seen.append((stream, head)))
        assert (moment.position, moment.streams) == (full.position(), len(streams))
        assert sorted(stream for stream, _ in seen) == streams
        assert dict(seen) == {stream: full.head(stream) for stream in streams}

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

    def test_frames_without_some_bytes_are_passed_over(self, full: EventStore) -> None:
        stored = everything(full)
        for word in (b"", b"fuel", b"an item", b"nowhere in it"):
            found = list(full.read_all(containing=word))
            assert [event for event in found if word in event.body] == [event for event in stored if word in event.body]
            frames = [raw for raw in full.frames() if word in raw.data]
            assert len(found) == sum(len(read_frame(raw.data, raw.position).bodies) for raw in frames)
            assert list(full.read_all(after=3, containing=word)) == [event for event in found if event.position > 3]
        assert list(full.read_all(containing=b"nowhere in it")) == []

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
