"""The log writer and the lanes, with a store that counts, blocks and fails."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pykka
import pytest
from tests.support.job_events import completed, dispatched, items, job_id, progress, started
from tests.support.manual_clock import ManualClock
from tests.support.store_wrapper import StoreWrapper
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import ActorHooks, LaneBroken
from perdure.actors.lane import Lane
from perdure.actors.log_writer import LINGER, MOST, RETRY, LogWriter
from perdure.actors.mailbox import Address, MailboxActor
from perdure.actors.messages import (
    AnyMessage,
    Append,
    CommitFailed,
    Committed,
    LaneFlush,
    LaneReady,
    Run,
    encode_message,
)
from perdure.store import (
    Appended,
    DiskFull,
    IllegalTransition,
    JobState,
    LmdbEventStore,
    MemoryEventStore,
    SequenceConflict,
)
from perdure.store import events as ev
from perdure.store.event_store import AppendRequest

FULL = DiskFull(Path("somewhere"))


class Owner(MailboxActor):
    """Stands for a job's actor: keeps what it is answered."""

    def __init__(self) -> None:
        super().__init__("owner")
        self.answers: queue.SimpleQueue[AnyMessage] = queue.SimpleQueue()

    def on_message(self, message: AnyMessage) -> object:
        self.answers.put(message)
        return None


class Hooks(ActorHooks):
    def __init__(self) -> None:
        self.commits: list[tuple[int, int, int]] = []
        self.failures: list[str] = []

    def committed(self, events: int, size: int, requests: int, seconds: float) -> None:
        self.commits.append((events, size, requests))

    def commit_failed(self, kind: str) -> None:
        self.failures.append(kind)


class Desk:
    """A log writer, started or not, with lanes and what is around them."""

    def __init__(self, store: StoreWrapper) -> None:
        self.store = store
        self.clock = ManualClock()
        self.hooks = Hooks()
        self.lanes: dict[str, Lane] = {}
        self.log = Address("log")
        self.deaths: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.ended: list[JobState] = []
        self._refs: list[pykka.ActorRef[Any]] = []

    def start(self) -> pykka.ActorRef[LogWriter]:
        ref = LogWriter.start(self.store, self.lanes, self.hooks, self.clock, self.deaths.put, self.ended.append)
        self._refs.append(ref)
        self.log.set(ref)
        return ref

    def idle_writer(self) -> LogWriter:
        """A log writer without a thread, moved by the test; what is told to it goes nowhere."""
        deaf = Owner.start()
        self._refs.append(deaf)
        self.log.set(deaf)
        return LogWriter(self.store, self.lanes, self.hooks, self.clock, self.deaths.put, self.ended.append)

    def job(self, number: int = 1) -> tuple[Lane, Owner]:
        """A running job with a lane."""
        stream = ev.job_stream(job_id(number))
        self.store.append(stream, [dispatched(job_id(number)), started()])
        ref = Owner.start()
        self._refs.append(ref)
        owner = ref._actor_weakref()
        assert owner is not None
        lane = Lane(stream, ref, self.log, self.clock)
        self.lanes[stream] = lane
        return lane, owner

    def counts(self, number: int = 1) -> list[int]:
        """The counts of the job's items events, in the order of the log."""
        stream = ev.job_stream(job_id(number))
        return [stored.event.count for stored in self.store.read(stream) if isinstance(stored.event, ev.ItemsCounted)]

    def send(self, *events: ev.Event, number: int, expected: int | None = None) -> pykka.Future[Any]:
        """What `ActorSystem.append` sends, without waiting."""
        bodies = [ev.encode(event) for event in events]
        stream = ev.job_stream(job_id(number))
        return self.log.send(Append(stream, bodies, [self.clock.now()] * len(bodies), expected))

    def stop(self) -> None:
        self.store.fail_with(None)
        self.store.unblock()
        for ref in self._refs:
            ref.stop(block=True, timeout=TIMEOUT)


@pytest.fixture(params=["memory", "lmdb"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    with MemoryEventStore() if request.param == "memory" else LmdbEventStore.open(tmp_path) as inner:
        desk = Desk(StoreWrapper(inner))
        yield desk
        desk.stop()


def item(count: int) -> bytes:
    return ev.encode(items(count, count))


# --- group commit ----------------------------------------------------------------------------------------------------


def test_what_gathers_during_one_commit_is_written_with_the_next(desk: Desk) -> None:
    desk.start()
    desk.store.block()
    first = desk.send(dispatched(job_id(100)), number=100)
    assert desk.store.blocked.acquire(timeout=TIMEOUT)
    others = [desk.send(dispatched(job_id(number)), number=number) for number in range(50)]
    desk.store.unblock()

    answers = [desk.log.wait(future, TIMEOUT) for future in [first, *others]]

    assert all(isinstance(answer, Appended) for answer in answers)
    assert [len(batch) for batch in desk.store.batches] == [1, 50]
    assert [(events, requests) for events, _, requests in desk.hooks.commits] == [(1, 1), (50, 50)]


def test_a_commit_takes_no_more_messages_than_its_limit(desk: Desk) -> None:
    desk.start()
    desk.store.block()
    first = desk.send(dispatched(job_id(5_000)), number=5_000)
    assert desk.store.blocked.acquire(timeout=TIMEOUT)
    futures = [desk.send(dispatched(job_id(number)), number=number) for number in range(MOST + 10)]
    desk.store.unblock()
    for future in [first, *futures]:
        desk.log.wait(future, TIMEOUT)

    assert [len(batch) for batch in desk.store.batches] == [1, MOST, 10]


def test_many_jobs_share_their_commits(desk: Desk) -> None:
    desk.start()
    jobs = [desk.job(number) for number in range(8)]
    done = threading.Barrier(len(jobs) + 1, timeout=TIMEOUT)

    def work(lane: Lane, owner: Owner) -> None:
        for count in range(25):
            lane.post_durable(item(count))
            assert isinstance(owner.answers.get(timeout=TIMEOUT), Committed)
        done.wait()

    for lane, owner in jobs:
        threading.Thread(target=work, args=(lane, owner)).start()
    done.wait()

    assert [desk.counts(number) for number in range(8)] == [list(range(25))] * 8
    assert sum(len(batch) for batch in desk.store.batches) == 200
    assert len(desk.store.batches) < 200


def test_the_answer_says_where_the_event_is(desk: Desk) -> None:
    desk.start()
    lane, owner = desk.job()
    lane.post(item(1))
    token = lane.post_durable(item(2))

    assert owner.answers.get(timeout=TIMEOUT) == Committed(token, 4)  # after dispatch, start and the buffered one


def test_a_durable_event_is_answered_only_when_its_commit_has_returned(desk: Desk) -> None:
    desk.start()
    lane, owner = desk.job()
    desk.store.block()
    token = lane.post_durable(item(1))
    assert desk.store.blocked.acquire(timeout=TIMEOUT)

    assert owner.answers.empty()
    assert desk.counts() == []
    desk.store.unblock()
    assert owner.answers.get(timeout=TIMEOUT) == Committed(token, 3)
    assert desk.counts() == [1]


# --- refusals --------------------------------------------------------------------------------------------------------


def test_one_refusal_leaves_the_others_of_its_commit_alone(desk: Desk) -> None:
    desk.start()
    desk.store.block()
    desk.send(dispatched(job_id(9)), number=9)
    assert desk.store.blocked.acquire(timeout=TIMEOUT)
    good = desk.send(dispatched(job_id(1)), number=1, expected=0)
    conflict = desk.send(dispatched(job_id(2)), number=2, expected=7)
    illegal = desk.send(completed(), number=3)
    desk.store.unblock()

    assert desk.log.wait(good, TIMEOUT).last == 1
    with pytest.raises(SequenceConflict):
        desk.log.wait(conflict, TIMEOUT)
    with pytest.raises(IllegalTransition):
        desk.log.wait(illegal, TIMEOUT)
    # Bytes are counted of what was stored only.
    assert [(events, requests) for events, _, requests in desk.hooks.commits] == [(1, 1), (1, 3)]


def test_nothing_follows_an_event_that_the_log_refused(desk: Desk) -> None:
    desk.start()
    lane, owner = desk.job()
    other, other_owner = desk.job(2)
    refused = lane.post_durable(ev.encode(started(2)))  # it runs already

    answer = owner.answers.get(timeout=TIMEOUT)

    assert isinstance(answer, CommitFailed)
    assert (answer.token, answer.refused) == (refused, True)
    with pytest.raises(LaneBroken) as caught:
        lane.post(item(1))
    assert caught.value.stream == lane.stream
    with pytest.raises(LaneBroken):
        lane.post_durable(item(1))
    assert isinstance((other.post_durable(item(1)), other_owner.answers.get(timeout=TIMEOUT))[1], Committed)
    assert desk.counts() == []


def test_everything_behind_a_refused_event_is_told_so(desk: Desk) -> None:
    desk.start()
    lane, owner = desk.job()
    desk.store.block()
    desk.send(dispatched(job_id(9)), number=9)
    assert desk.store.blocked.acquire(timeout=TIMEOUT)
    tokens = [lane.post_durable(ev.encode(started(2))), lane.post_durable(item(1)), lane.post_durable(item(2))]
    desk.store.unblock()

    answers = [owner.answers.get(timeout=TIMEOUT) for _ in tokens]

    assert [answer.token for answer in answers if isinstance(answer, CommitFailed) and answer.refused] == tokens
    assert desk.counts() == []


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


# --- the end ---------------------------------------------------------------------------------------------------------


def test_the_writer_writes_what_is_left_when_it_is_stopped(desk: Desk) -> None:
    ref = desk.start()
    desk.store.block()
    desk.send(dispatched(job_id(9)), number=9)
    assert desk.store.blocked.acquire(timeout=TIMEOUT)
    lane, _ = desk.job()
    lane.post(item(1))
    stopped = ref.stop(block=False)
    lane.post(item(2))  # too late to be announced
    desk.store.unblock()
    stopped.get(timeout=TIMEOUT)

    assert desk.counts() == [1, 2]


def test_who_waits_for_a_jobs_end_is_told_after_the_commit(desk: Desk) -> None:
    seen: list[bool] = []

    class Watching(list[JobState]):
        def append(self, state: JobState) -> None:
            seen.append(desk.store.job(state.job_id).finished)
            super().append(state)

    desk.ended = Watching()
    desk.start()
    lane, owner = desk.job()
    lane.post(ev.encode(progress(1)))
    lane.post_durable(ev.encode(completed()))
    owner.answers.get(timeout=TIMEOUT)

    eventually(lambda: desk.ended)
    assert [state.job_id for state in desk.ended] == [job_id(1)]
    assert seen == [True]


def test_a_request_reaches_the_store_as_it_was_encoded(desk: Desk) -> None:
    seen: list[Sequence[AppendRequest]] = []
    desk.store.before = seen.append
    desk.start()
    lane, owner = desk.job()
    body = item(1)

    lane.post_durable(body)
    owner.answers.get(timeout=TIMEOUT)

    assert seen[0][0].bodies[0] is body
