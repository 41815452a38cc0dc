"""Buffered events: when they are written, what becomes of them when a commit fails or its writer dies."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.desk import Desk, item
from tests.support.job_events import dispatched, job_id
from tests.support.manual_clock import ManualClock
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import LaneBroken
from perdure.actors.lane import Lane
from perdure.actors.log_writer import LINGER, RETRY
from perdure.actors.messages import (
    CommitFailed,
    Committed,
    LaneFlush,
    LaneReady,
    Run,
    encode_message,
)
from perdure.store import (
    DiskFull,
)

FULL = DiskFull(Path("somewhere"))

# --- buffered events -------------------------------------------------------------------------------------------------


def test_a_buffered_event_is_due_within_20_ms_of_being_laid_down(desk: Desk) -> None:
    writer = desk.idle_writer()
    lane, _ = desk.job()
    assert writer.wakeup() is None

    lane.post(item(1))
    writer.on_message(LaneReady(lane.stream))

    assert writer.wakeup() == pytest.approx(LINGER)
    assert LINGER < 0.020


def test_a_buffered_event_is_written_when_it_is_due(desk: Desk) -> None:
    writer = desk.idle_writer()
    lane, _ = desk.job()
    lane.post(item(1))
    writer.on_message(LaneReady(lane.stream))
    desk.clock.advance(LINGER)
    assert writer.wakeup() == pytest.approx(0.0)

    writer.on_wakeup()

    assert desk.counts() == [1]
    assert writer.wakeup() is None


def test_the_first_buffered_event_says_when_all_are_due(desk: Desk) -> None:
    writer = desk.idle_writer()
    lane, _ = desk.job()
    other, _ = desk.job(2)
    lane.post(item(1))
    writer.on_message(LaneReady(lane.stream))
    desk.clock.advance(LINGER / 2)
    other.post(item(2))
    writer.on_message(LaneReady(other.stream))

    assert writer.wakeup() == pytest.approx(LINGER / 2)
    desk.clock.advance(LINGER / 2)
    writer.on_message(LaneReady(other.stream))  # no later than this, however busy the mailbox is
    assert (desk.counts(1), desk.counts(2)) == ([1], [2])


def test_buffered_events_reach_the_log_with_no_durable_one(desk: Desk) -> None:
    desk.start()
    lane, _ = desk.job()
    position = desk.store.position()

    lane.post(item(1))

    assert desk.store.wait(position, TIMEOUT) > position
    assert desk.counts() == [1]


def test_only_the_first_buffered_event_after_a_commit_wakes_the_writer(desk: Desk) -> None:
    writer = desk.idle_writer()
    lane, _ = desk.job()
    told: list[object] = []
    lane._writer = type("Told", (), {"tell": staticmethod(told.append)})()

    for count in range(10):
        lane.post(item(count))
    assert told == [LaneReady(lane.stream)]
    writer.on_message(LaneReady(lane.stream))
    writer.on_wakeup()
    lane.post(item(10))

    assert told == [LaneReady(lane.stream)] * 2


def test_buffered_events_go_with_the_next_durable_one_in_their_order(desk: Desk) -> None:
    writer = desk.idle_writer()
    lane, _ = desk.job()
    for count in range(5):
        lane.post(item(count))
    lane.post_durable(item(5))
    lane.post(item(6))
    writer.on_message(LaneFlush(lane.stream))

    assert desk.counts() == list(range(7))
    assert len(desk.store.batches) == 1


def test_a_lane_says_when_it_is_full(desk: Desk) -> None:
    lane, _ = desk.job()
    desk.idle_writer()
    for _ in range(Lane.FULL - 1):
        lane.post(b"x")
    assert not lane.full

    lane.post(b"x")

    assert lane.full
    assert lane.waiting == Lane.FULL


# --- a store that fails ----------------------------------------------------------------------------------------------


def test_who_waits_is_told_of_a_failed_commit_and_may_try_again(desk: Desk) -> None:
    desk.start()
    lane, owner = desk.job()
    desk.store.fail_with(FULL)
    token = lane.post_durable(item(1))
    appended = desk.send(dispatched(job_id(2)), number=2)

    answer = owner.answers.get(timeout=TIMEOUT)
    with pytest.raises(DiskFull):
        desk.log.wait(appended, TIMEOUT)

    assert answer == CommitFailed(token, str(FULL), refused=False)
    assert set(desk.hooks.failures) == {"DiskFull"}
    desk.store.fail_with(None)
    again = lane.post_durable(item(1))
    assert owner.answers.get(timeout=TIMEOUT) == Committed(again, 3)
    assert desk.counts() == [1]


def test_buffered_events_outlive_a_failed_commit_and_keep_their_order(desk: Desk) -> None:
    writer = desk.idle_writer()
    lane, _ = desk.job()
    lane.post(item(1))
    lane.post_durable(item(2))
    lane.post(item(3))
    desk.store.fail_with(FULL)
    writer.on_message(LaneFlush(lane.stream))
    lane.post(item(4))
    assert (desk.counts(), lane.waiting) == ([], 3)

    # Nobody has to ask: they are tried again.
    assert writer.wakeup() == pytest.approx(RETRY)
    writer.on_wakeup()
    assert writer.wakeup() == pytest.approx(RETRY), "it still fails"
    desk.store.fail_with(None)
    writer.on_wakeup()

    # The durable one is not among them: its owner was told that it is not stored.
    assert desk.counts() == [1, 3, 4]
    assert lane.waiting == 0


def test_buffered_events_are_stored_when_there_is_room_again(desk: Desk) -> None:
    desk.start()
    lane, _ = desk.job()
    desk.store.fail_with(FULL)
    lane.post(item(1))
    eventually(lambda: desk.hooks.failures)
    lane.post(item(2))
    position = desk.store.position()
    desk.store.fail_with(None)

    assert desk.store.wait(position, TIMEOUT) > position
    eventually(lambda: desk.counts() == [1, 2])


# --- a writer that fails ---------------------------------------------------------------------------------------------


def test_a_defect_in_a_commit_ends_the_writer_and_tells_who_asked(desk: Desk) -> None:
    ref = desk.start()
    desk.store.fail_with(ZeroDivisionError("a defect"))

    future = desk.send(dispatched(job_id(1)), number=1)

    with pytest.raises(ZeroDivisionError):
        desk.log.wait(future, TIMEOUT)
    assert desk.deaths.get(timeout=TIMEOUT) == "ZeroDivisionError: a defect"
    assert not ref.is_alive()


def test_a_message_that_is_not_for_the_writer_ends_it(desk: Desk) -> None:
    ref = desk.start()

    ref.tell(encode_message(Run()))

    assert desk.deaths.get(timeout=TIMEOUT) == "TypeError: the log writer got Run"


def test_a_broken_lane_takes_nothing_and_gives_nothing(desk: Desk) -> None:
    desk.idle_writer()
    lane, _ = desk.job()
    lane.post(item(1))
    token = lane.post_durable(item(2))

    left = lane.break_off("the writer died")

    assert [(entry.body, entry.token) for entry in left] == [(item(1), 0), (item(2), token)]
    with pytest.raises(LaneBroken, match="the writer died"):
        lane.post(item(3))
    with pytest.raises(LaneBroken, match="the writer died"):
        lane.post_durable(item(4))
    assert lane.take() == []


def test_a_lane_that_breaks_while_an_event_is_laid_down_in_it_says_so(desk: Desk) -> None:
    desk.idle_writer()
    lane, _ = desk.job()

    class Breaking(ManualClock):
        def now(self) -> int:
            lane.break_off("the writer died")  # as by another thread, at the worst moment
            return super().now()

    lane._now = Breaking().now

    with pytest.raises(LaneBroken):
        lane.post_durable(item(1))
    assert lane.take() == []


def test_an_owner_that_is_gone_needs_no_answer(desk: Desk) -> None:
    desk.start()
    lane, owner = desk.job()
    owner.actor_ref.stop(block=True, timeout=TIMEOUT)
    position = desk.store.position()

    lane.post_durable(item(1))

    assert desk.store.wait(position, TIMEOUT) > position
    assert desk.log.wait(desk.send(dispatched(job_id(2)), number=2), TIMEOUT).last == 1
