"""Rows and effects: an outcome and its effect are one commit, or nothing is."""

from __future__ import annotations

from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.store_fixtures import JOB, StoreFixtures, request, shared
from tests.support.job_events import START, dispatched, items, job_id, start_job

from perdure.store import (
    Appended,
    AppendRequest,
    BadEvent,
    Effects,
    EventStore,
    IllegalTransition,
    RangeRead,
    Row,
    RowRead,
    SequenceConflict,
    SideAppend,
    StoreError,
    WriteConflict,
)
from perdure.store import events as ev
from perdure.store.rows import MAX_KEY_BYTES, digest_of_rows

LIBRARY: Final = ev.library_stream(job_id(9))
PUBLISHED: Final = ev.LibraryEventPublished("entry.created", ev.Inline(b"{}"), None, None)


def outcome(*writes: tuple[bytes, bytes | None]) -> ev.HostActionAnswered:
    changes = tuple(ev.RowWrite(key, value) for key, value in writes)
    return ev.HostActionAnswered(
        "python", None, "action:x", None, ev.Inline(b""), ev.Inline(b""), "", effect_key="", writes=changes
    )


def write(store: EventStore, *writes: tuple[bytes, bytes | None], effects: Effects | None = None) -> Appended:
    asked = msgspec.structs.replace(request(ev.CALLS_STREAM, outcome(*writes)), effects=effects)
    (answer,) = store.append_batch([asked])
    if isinstance(answer, StoreError):
        raise answer
    return answer


def side(stream: str, *events: ev.Event, expected: int | None = None) -> SideAppend:
    return SideAppend(stream, tuple(ev.encode(event) for event in events), expected)


class RowsContract(StoreFixtures):
    def test_a_row_has_the_position_of_its_event_as_version(self, store: EventStore) -> None:
        start_job(store)
        first = write(store, (b"a", b"1"), (b"b", b""))
        assert store.row(b"a") == Row(b"a", b"1", first.position)
        assert store.row(b"b") == Row(b"b", b"", first.position)
        second = write(store, (b"a", b"2"), (b"b", None))
        assert store.row(b"a") == Row(b"a", b"2", second.position)
        assert store.row(b"b") is None
        assert store.row(b"") is None

    def test_a_job_s_outcome_writes_rows_too(self, store: EventStore) -> None:
        start_job(store)
        action = ev.ActionAnswered(
            1, 1, "action:x", None, "", ev.Inline(b""), ev.Inline(b""), "", writes=(ev.RowWrite(b"k", b"v"),)
        )
        store.append_batch([request(JOB, items(1), action, items(2))])
        assert store.row(b"k") == Row(b"k", b"v", 4)

    def test_rows_are_read_by_prefix_in_pages(self, store: EventStore) -> None:
        write(store, *((b"p\0%d" % number, b"") for number in (3, 1, 2)), (b"o", b""), (b"q", b""))
        assert [row.key for row in store.rows(b"p\0")] == [b"p\0001", b"p\0002", b"p\0003"]
        assert [row.key for row in store.rows(b"p\0", limit=2)] == [b"p\0001", b"p\0002"]
        assert [row.key for row in store.rows(b"p\0", after=b"p\0001")] == [b"p\0002", b"p\0003"]
        assert [row.key for row in store.rows(b"")] == [b"o", b"p\0001", b"p\0002", b"p\0003", b"q"]
        assert store.rows(b"x") == []
        assert store.rows(b"p\0", after=b"z") == []

    def test_what_was_read_must_still_be_so(self, store: EventStore) -> None:
        version = write(store, (b"a", b"1")).position
        write(store, (b"a", b"2"), effects=Effects(reads=(RowRead(b"a", version), RowRead(b"none", 0))))
        before = store.position()
        for stale in (RowRead(b"a", version), RowRead(b"a", 0), RowRead(b"none", 1)):
            with pytest.raises(WriteConflict):
                write(store, (b"a", b"3"), effects=Effects(reads=(stale,)))
        assert store.position() == before
        row = store.row(b"a")
        assert row is not None
        assert row.value == b"2"

    def test_a_range_that_was_read_must_still_be_so(self, store: EventStore) -> None:
        write(store, (b"p1", b""), (b"p3", b""))
        seen = RangeRead(b"p", b"", 2, digest_of_rows(store.rows(b"p", limit=2)))
        effects = Effects(ranges=(seen,))
        write(store, (b"p4", b""), (b"q", b""), effects=effects)  # behind the part that was read
        write(store, effects=effects)
        write(store, (b"p2", b""))
        with pytest.raises(WriteConflict):
            write(store, effects=effects)

    def test_requests_of_one_batch_see_each_other(self, store: EventStore) -> None:
        version = write(store, (b"a", b"0")).position
        effects = Effects(reads=(RowRead(b"a", version),), ranges=())
        first, second = (
            msgspec.structs.replace(request(ev.CALLS_STREAM, outcome((b"a", value))), effects=effects)
            for value in (b"1", b"2")
        )
        answers = store.append_batch([first, second])
        assert [type(answer) for answer in answers] == [Appended, WriteConflict]
        row = store.row(b"a")
        assert row is not None
        assert row.value == b"1"

    def test_appends_to_other_streams_come_along(self, store: EventStore) -> None:
        child = ev.job_stream(job_id(2))
        effects = Effects(
            appends=(
                side(LIBRARY, PUBLISHED),
                side(child, dispatched(job_id(2)), ev.JobLinked(job_id(1), 3), expected=0),
            )
        )
        answer = write(store, (b"a", b"1"), effects=effects)
        assert [part.stream for part in answer.side] == [LIBRARY, child]
        assert store.job(job_id(2)).parent == job_id(1)
        assert [event.time for event in store.read(LIBRARY)] == [START]
        assert store.rebuild(child) == store.state(child)
        assert store.state(LIBRARY) is None

    def test_a_refused_append_refuses_all(self, store: EventStore) -> None:
        start_job(store)
        before = store.position()
        refusals: tuple[tuple[SideAppend, type[StoreError]], ...] = (
            (side(JOB, dispatched(job_id(1))), IllegalTransition),
            (side(LIBRARY, PUBLISHED, expected=7), SequenceConflict),
            (side(LIBRARY, items(1)), BadEvent),
            (side("nonsense", PUBLISHED), BadEvent),
            (side(ev.CALLS_STREAM, outcome()), BadEvent),
        )
        for refused, error in refusals:
            effects = Effects(appends=(side(ev.extension_stream("x"), ev.ExtensionUnloaded()), refused))
            with pytest.raises(error):
                write(store, (b"a", b"1"), effects=effects)
        assert store.position() == before
        assert store.row(b"a") is None
        assert store.head(ev.extension_stream("x")) is None

    def test_riders_need_no_event(self, store: EventStore) -> None:
        store.append_batch([], [ev.RowWrite(b"budget", b"1")])
        assert store.row(b"budget") == Row(b"budget", b"1", 0)
        start_job(store)
        store.append_batch([request(JOB, items(1))], [ev.RowWrite(b"budget", b"2"), ev.RowWrite(b"other", None)])
        assert store.row(b"budget") == Row(b"budget", b"2", 3)

    @pytest.mark.parametrize("key", [b"", b"x" * (MAX_KEY_BYTES + 1)])
    def test_a_key_that_no_row_can_have_is_refused(self, store: EventStore, key: bytes) -> None:
        with pytest.raises(BadEvent):
            write(store, (key, b""))
        with pytest.raises(BadEvent):
            store.append_batch([], [ev.RowWrite(key, b"")])
        assert store.row(key) is None

    def test_rows_are_what_was_written_last(self, store: EventStore) -> None:
        keys = st.sampled_from([b"a", b"ab", b"b", b"b\0", b"c"])
        writes = st.tuples(keys, st.none() | st.binary(max_size=3))

        @shared
        @given(st.lists(st.lists(writes, max_size=4), max_size=6))
        def commits(drawn: list[list[tuple[bytes, bytes | None]]]) -> None:
            base = b"%d\0" % store.position()
            model: dict[bytes, bytes] = {}
            requests: list[AppendRequest] = []
            for changes in drawn:
                requests.append(request(ev.CALLS_STREAM, outcome(*((base + key, value) for key, value in changes))))
                for key, value in changes:
                    if value is None:
                        model.pop(base + key, None)
                    else:
                        model[base + key] = value
            store.append_batch(requests)
            assert {row.key: row.value for row in store.rows(base)} == model
            assert [row.key for row in store.rows(base)] == sorted(model)

        commits()
