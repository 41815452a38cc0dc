"""What a store does with jobs that are folded."""

from __future__ import annotations

import msgspec
import pytest
from tests.contract.store_fixtures import JOB, RUNTIME, StoreFixtures, everything, request
from tests.support.job_events import START, checkpoint, completed, job_id, put_module, run_of, runtime_opened, start_job

from perdure.store import (
    AppendRequest,
    BadEvent,
    EventStore,
    IllegalTransition,
    JobIsFolded,
    JobQuery,
    SequenceConflict,
    Status,
    check,
    evolve,
)
from perdure.store import events as ev
from perdure.store.folding import Fold, fold_job, folded_event
from perdure.store.frame import MAX_FRAME_EVENTS
from perdure.store.job_state import summary_of


def finish_job(store: EventStore, number: int = 1, size: int = 5) -> str:
    """A job that has ended, in several frames."""
    stream = start_job(store, number, run_of(size))
    store.append(stream, [checkpoint(size + 1)])
    store.append(stream, [completed(1000)])
    return stream


def fold(store: EventStore, number: int = 1) -> Fold:
    made = fold_job(store, store.job(job_id(number)))
    store.append(made.stream, [made.event], made.expected)
    return made


def remove_all(store: EventStore, step: int = 1000) -> int:
    frames = 0
    while True:
        removed = store.remove_folded(step)
        frames += removed.frames
        if not removed.left:
            return frames


class FoldingContract(StoreFixtures):
    @pytest.fixture
    def folded(self, store: EventStore) -> Fold:
        """A folded job, whose frames are still there, between others."""
        put_module(store)
        store.append(RUNTIME, [runtime_opened(1)])
        finish_job(store, 1)
        start_job(store, 2, run_of(3))
        made = fold(store, 1)
        store.append(RUNTIME, [runtime_opened(2)])
        return made

    def test_a_fold_is_the_last_event_of_its_stream_and_goes_on_with_its_chain(self, store: EventStore) -> None:
        finish_job(store)
        before = list(store.read(JOB))
        made = fold(store)
        (last,) = store.read(JOB, after=len(before))
        assert (last.event, last.sequence, last.previous) == (made.event, len(before) + 1, before[-1].hash)
        assert (made.event.through, made.event.hash) == (len(before), before[-1].hash)
        assert made.event.size == sum(len(stored.body) for stored in before)
        assert folded_event(store, job_id(1)) == last
        assert folded_event(store, job_id(2)) is None if store.head(ev.job_stream(job_id(2))) else True

    def test_the_projection_stays_and_says_when(self, store: EventStore) -> None:
        finish_job(store)
        before = store.job(job_id(1))
        fold(store)
        remove_all(store)
        (last,) = store.read(JOB, after=before.sequence)
        expected = msgspec.structs.replace(
            before, folded_at=last.time, sequence=before.sequence + 1, updated_at=last.time
        )
        assert store.job(job_id(1)) == store.rebuild(JOB) == expected
        assert store.jobs(JobQuery(statuses=frozenset({Status.COMPLETED}))).jobs == [expected]

    @pytest.mark.parametrize("step", [None, 1, 2, 1000])
    def test_what_is_gone_is_refused_by_name_whether_its_frames_are_removed_or_not(
        self, store: EventStore, folded: Fold, step: int | None
    ) -> None:
        if step is not None:
            store.remove_folded(step)
        through = folded.event.through
        for wanted in (
            lambda: list(store.read(JOB)),
            lambda: list(store.read(JOB, after=through - 1)),
            lambda: list(store.read(JOB, until=1)),
            lambda: list(store.read(JOB, until=through, backward=True)),
            lambda: list(store.read(JOB, backward=True)),
            lambda: store.rebuild(JOB, through),
        ):
            with pytest.raises(JobIsFolded) as caught:
                wanted()
            assert (caught.value.job_id, caught.value.through) == (str(job_id(1)), through)
            assert caught.value.folded_at == store.job(job_id(1)).folded_at
        assert [stored.event for stored in store.read(JOB, after=through)] == [folded.event]
        assert next(store.read(JOB, backward=True)).event == folded.event
        assert list(store.read(JOB, after=through + 1)) == []
        assert list(store.read(JOB, after=3, until=3)) == []
        head = store.head(JOB)
        assert head is not None
        assert head.sequence == through + 1

    def test_nothing_follows_a_fold(self, store: EventStore, folded: Fold) -> None:
        resumed = ev.JobResumed(checkpoint=0, cause="rerun")
        for removed in (False, True):
            if removed:
                remove_all(store)
            for event in (resumed, folded.event, ev.JobMoved("2", "00" * 32, "run", True)):
                with pytest.raises(JobIsFolded):
                    store.append(JOB, [event])
            with pytest.raises(JobIsFolded):
                fold_job(store, store.job(job_id(1)))

    def test_its_id_is_not_to_be_had_again(self, store: EventStore, folded: Fold) -> None:
        remove_all(store)
        again = start_job(store, 3)
        assert again != JOB
        with pytest.raises(SequenceConflict):
            store.append(JOB, [ev.decode(ev.encode(next(store.read(again)).event))], 0)

    def test_only_a_job_that_has_ended_is_folded(self, store: EventStore) -> None:
        start_job(store, 1)
        with pytest.raises(IllegalTransition):
            fold_job(store, store.job(job_id(1)))

    def test_a_job_that_goes_on_meanwhile_is_not_folded(self, store: EventStore) -> None:
        stream = start_job(store, 1)
        store.append(stream, [ev.JobCancelled(forced=False, fuel=0)])
        made = fold_job(store, store.job(job_id(1)))
        store.append(stream, [ev.JobResumed(checkpoint=0, cause="rerun")])
        with pytest.raises(SequenceConflict):
            store.append(stream, [made.event], made.expected)

    def test_a_fold_of_something_else_is_refused(self, store: EventStore) -> None:
        finish_job(store, 1)
        finish_job(store, 2, 6)
        made = fold_job(store, store.job(job_id(1))).event
        other = fold_job(store, store.job(job_id(2))).event
        for wrong in (
            other,
            msgspec.structs.replace(made, hash=bytes(32)),
            msgspec.structs.replace(made, through=made.through - 1),
            msgspec.structs.replace(made, summary=other.summary),
        ):
            with pytest.raises(BadEvent):
                store.append(JOB, [wrong])
        store.append(JOB, [made])

    def test_a_fold_stands_alone_in_its_frame(self, store: EventStore) -> None:
        stream = start_job(store, 1)
        before = store.job(job_id(1))
        cancelled = ev.JobCancelled(forced=False, fuel=0)
        summary = summary_of(evolve(before, cancelled, 3, START))
        made = ev.JobFolded(3, bytes(32), 1, bytes(16), ev.Inline(b"\x90"), summary)
        bodies = [ev.encode(cancelled), ev.encode(made)]
        (answer,) = store.append_batch([AppendRequest(stream, bodies, [START] * 2)])
        assert isinstance(answer, BadEvent)
        assert store.job(job_id(1)) == before

    def test_frames_go_in_steps_the_oldest_first(self, store: EventStore, folded: Fold) -> None:
        remaining = [stored.sequence for stored in everything(store) if stored.stream == JOB]
        assert remaining == list(range(1, folded.event.through + 2))
        frames = [raw.position for raw in store.frames()]
        left = True
        while left:
            removed = store.remove_folded(1)
            left = removed.left
            assert removed.frames == 1
            gone = remaining[: removed.events]
            remaining = remaining[removed.events :]
            assert gone
            assert [stored.sequence for stored in everything(store) if stored.stream == JOB] == remaining
            assert check(store).problems == []
        assert remaining == [folded.event.through + 1]
        assert store.remove_folded(10).frames == 0
        assert {raw.position for raw in store.frames()} < set(frames)

    def test_the_log_is_read_past_the_gaps(self, store: EventStore, folded: Fold) -> None:
        before = everything(store)
        remove_all(store)
        kept = [stored for stored in before if stored.stream != JOB or stored.sequence > folded.event.through]
        assert everything(store) == kept
        for after in range(store.position() + 1):
            assert list(store.read_all(after=after)) == [stored for stored in kept if stored.position > after]
        assert store.position() == before[-1].position
        assert store.append(RUNTIME, [runtime_opened(3)]).position == before[-1].position + 1

    def test_a_request_among_others_is_folded_too(self, store: EventStore) -> None:
        finish_job(store, 1)
        finish_job(store, 2)
        made = [fold_job(store, store.job(job_id(number))) for number in (1, 2)]
        store.append_batch([request(one.stream, one.event, expected=one.expected) for one in made])
        assert remove_all(store, 2) == 6
        assert check(store).problems == [] or all(problem.where.startswith("blob") for problem in check(store).problems)

    def test_large_jobs_go_too(self, store: EventStore) -> None:
        put_module(store)
        finish_job(store, 1, 3 * MAX_FRAME_EVENTS)
        start_job(store, 2)
        fold(store)
        assert store.remove_folded(2).frames == 2
        assert check(store).problems == []
        remove_all(store)
        assert check(store).problems == []
        assert len(everything(store)) == 3

    def test_jobs_that_can_be_folded_are_found_the_oldest_first(self, store: EventStore) -> None:
        ids = [job_id(number) for number in range(1, 8)]
        for number in range(1, 8):
            finish_job(store, number)
        start_job(store, 8)
        assert store.unfolded() == ids
        assert store.unfolded(limit=2) == ids[:2]
        assert store.unfolded(after=ids[1]) == ids[2:]
        assert store.unfolded(after=ids[1], until=ids[4]) == ids[2:4]
        stream = start_job(store, 9)
        store.append(stream, [ev.JobCancelled(forced=False, fuel=0)])
        fold(store, 3)
        assert store.unfolded() == [*ids[:2], *ids[3:], job_id(9)]
        assert store.unfolded(after=ids[1], limit=2) == ids[3:5]

    def test_rows_that_it_wrote_stay_and_are_still_known_to_the_log(self, store: EventStore) -> None:
        put_module(store)

        def act(number: int, call: int, *writes: ev.RowWrite) -> None:
            event = ev.ActionAnswered(
                call, call * 10, "action:test.put", None, "", ev.Inline(b"{}"), ev.Inline(b"{}"), "", writes
            )
            store.append(ev.job_stream(job_id(number)), [event])

        start_job(store, 1)
        start_job(store, 2)
        act(2, 1, ev.RowWrite(b"deleted", b"old"), ev.RowWrite(b"both", b"old"), ev.RowWrite(b"theirs", b"1"))
        act(1, 1, ev.RowWrite(b"mine", b"1"), ev.RowWrite(b"deleted", None), ev.RowWrite(b"both", b"mine"))
        act(1, 2, ev.RowWrite(b"mine", b"2"), ev.RowWrite(b"gone", b"1"), ev.RowWrite(b"theirs", b"2"))
        act(1, 3, ev.RowWrite(b"gone", None))
        store.append(JOB, [completed(100)])
        made = fold_job(store, store.job(job_id(1)))
        act(2, 2, ev.RowWrite(b"theirs", b"3"), ev.RowWrite(b"later", b"1"))
        store.append(JOB, [made.event])
        act(2, 3, ev.RowWrite(b"both", b"theirs"), ev.RowWrite(b"later", None))
        rows = store.rows(b"")
        for step in (0, 1, 1, 1000):
            if step:
                store.remove_folded(step)
            assert check(store).problems == []
            assert store.rows(b"") == rows
        assert {row.key: row.value for row in rows} == {b"mine": b"2", b"both": b"theirs", b"theirs": b"3"}
