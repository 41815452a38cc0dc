"""Group commit: what gathers during one commit is written with the next; what the log refuses; the end."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.desk import Desk, item
from tests.support.job_events import completed, dispatched, job_id, progress, started
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import LaneBroken
from perdure.actors.lane import Entry, Lane
from perdure.actors.log_writer import MOST
from perdure.actors.messages import (
    CommitFailed,
    Committed,
    LaneFlush,
    LanesWait,
    Message,
)
from perdure.store import (
    Appended,
    DiskFull,
    IllegalTransition,
    JobState,
    SequenceConflict,
)
from perdure.store import events as ev
from perdure.store.event_store import AppendRequest

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

    def work(lane: Lane) -> None:
        for count in range(25):
            assert isinstance(lane.commit(item(count)), Committed)
        done.wait()

    for lane, _ in jobs:
        threading.Thread(target=work, args=(lane,)).start()
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


# --- whoever has the turn --------------------------------------------------------------------------------------------


def test_who_is_alone_commits_on_its_own_thread(desk: Desk) -> None:
    threads: list[threading.Thread] = []
    desk.store.before = lambda requests: threads.append(threading.current_thread())
    writer = desk.idle_writer()
    lane, owner = desk.job()
    lane.post(item(1))
    threads.clear()

    answers = [lane.commit(item(count)) for count in (2, 3, 4)]

    assert answers == [Committed(1, 4), Committed(2, 5), Committed(3, 6)]
    assert threads == [threading.current_thread()] * 3
    assert desk.counts() == [1, 2, 3, 4]
    assert owner.answers.empty()
    assert writer.wakeup() is None


def waiting(desk: Desk, lane: Lane, count: int) -> tuple[threading.Thread, list[object]]:
    """A thread that commits an event, and stands there until somebody does it."""
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(lane.commit(item(count))))
    thread.start()
    eventually(lambda: lane.stream in desk.commits.ready)
    return thread, answers


def test_the_last_of_those_who_are_expected_commits_for_all(desk: Desk) -> None:
    desk.idle_writer()
    quick, slow = desk.job(1)[0], desk.job(2)[0]
    for count in (1, 2):  # only the second one shows that this job comes again at once
        quick.commit(item(count))
    desk.store.batches.clear()

    thread, answers = waiting(desk, slow, 3)
    assert desk.store.batches == []
    assert quick.commit(item(4)) == Committed(3, 5)
    thread.join(TIMEOUT)

    assert answers == [Committed(1, 3)]
    assert [len(batch) for batch in desk.store.batches] == [2]


def test_one_that_was_expected_and_does_not_come_is_not_waited_for_long(desk: Desk) -> None:
    writer = desk.idle_writer()
    told: list[object] = []

    def tell(message: Message) -> bool:
        told.append(message)
        return True

    desk.log.tell = tell  # type: ignore[method-assign]
    quick, slow = desk.job(1)[0], desk.job(2)[0]
    for count in (1, 2):
        quick.commit(item(count))

    thread, answers = waiting(desk, slow, 3)
    eventually(lambda: told == [LanesWait()])
    writer.on_message(LanesWait())
    assert writer.wakeup() == pytest.approx(desk.commits.patience)
    assert desk.commits.patience < 0.002
    desk.clock.advance(desk.commits.patience)
    writer.on_wakeup()
    thread.join(TIMEOUT)

    assert answers == [Committed(1, 3)]
    assert writer.wakeup() is None
    assert slow.commit(item(4)) == Committed(2, 4)  # and not again


def test_one_that_has_gone_is_not_expected(desk: Desk) -> None:
    desk.idle_writer()
    gone, other = desk.job(1)[0], desk.job(2)[0]
    for count in (1, 2):
        gone.commit(item(count))
    gone.post_durable(item(3))  # it does not wait for this one

    assert other.commit(item(4)) == Committed(1, 3)
    assert desk.counts() == [1, 2]


def test_one_that_took_its_time_is_not_expected(desk: Desk) -> None:
    desk.idle_writer()
    slow, other = desk.job(1)[0], desk.job(2)[0]
    for count in (1, 2):
        slow.commit(item(count))
        desk.clock.advance(1.0)
    slow.commit(item(3))

    assert other.commit(item(4)) == Committed(1, 3)


def test_what_comes_during_a_commit_is_written_by_the_log_writer(desk: Desk) -> None:
    desk.start()
    first, others = desk.job(1)[0], [desk.job(number)[0] for number in (2, 3)]
    desk.store.batches.clear()
    desk.store.block()
    leading = threading.Thread(target=lambda: first.commit(item(1)))
    leading.start()
    assert desk.store.blocked.acquire(timeout=TIMEOUT)
    threads = [waiting(desk, lane, 2)[0] for lane in others]
    desk.store.unblock()
    for thread in (leading, *threads):
        thread.join(TIMEOUT)

    assert [desk.counts(number) for number in (1, 2, 3)] == [[1], [2], [2]]
    assert [len(batch) for batch in desk.store.batches] == [1, 2]


def test_a_failed_commit_on_a_jobs_thread_is_its_answer_and_others_too(desk: Desk) -> None:
    desk.idle_writer()
    quick, slow = desk.job(1)[0], desk.job(2)[0]
    for count in (1, 2):
        quick.commit(item(count))
    thread, answers = waiting(desk, slow, 3)
    full = DiskFull(Path("somewhere"))
    desk.store.fail_with(full)

    assert quick.commit(item(4)) == CommitFailed(3, str(full), refused=False)
    thread.join(TIMEOUT)
    assert answers == [CommitFailed(1, str(full), refused=False)]
    desk.store.fail_with(None)
    assert isinstance(slow.commit(item(5)), Committed)
    assert (desk.counts(1), desk.counts(2)) == ([1, 2], [5])


def test_what_was_only_buffered_outlives_a_failed_commit_on_a_jobs_thread(desk: Desk) -> None:
    desk.start()
    lane, _ = desk.job()
    desk.log.tell(LaneFlush(lane.stream))  # the log writer has nothing to do, and no time to keep
    lane.post(item(1))
    eventually(lambda: desk.counts() == [1])
    desk.commits.lingering = True
    lane.post(item(2))  # nobody is told of it
    desk.commits.lingering = False
    desk.store.fail_once_with(DiskFull(Path("somewhere")))

    assert isinstance(lane.commit(item(3)), CommitFailed)

    eventually(lambda: desk.counts() == [1, 2])


def test_a_defect_in_a_commit_on_a_jobs_thread_ends_the_log_writer(desk: Desk) -> None:
    ref = desk.start()
    lane, _ = desk.job()
    desk.store.fail_once_with(ZeroDivisionError("a defect"))
    thread = threading.Thread(target=lambda: lane.commit(item(1)))
    thread.start()

    assert desk.deaths.get(timeout=TIMEOUT) == "ZeroDivisionError: a defect"
    assert not ref.is_alive()
    for entry in lane.break_off("as the system does then"):
        wake = lane.reply(CommitFailed(entry.token, "broken", refused=True))
        assert wake is not None
        wake()
    thread.join(TIMEOUT)
    assert not thread.is_alive()


def test_an_event_that_is_laid_down_while_its_lane_breaks_is_answered_once_and_holds_nobody_up(desk: Desk) -> None:
    desk.idle_writer()
    lane, owner = desk.job()

    class Breaking(deque[Entry]):
        """Another thread breaks the lane as soon as the event lies in it."""

        def append(self, entry: Entry) -> None:
            super().append(entry)
            for taken in lane.break_off("the writer died"):
                failed = CommitFailed(taken.token, "the writer died", refused=True)
                wake = lane.reply(failed)
                assert wake is not None
                wake()
                assert lane.reply(failed) is None, "nobody waits for it any more"

    lane._entries = Breaking()

    assert lane.commit(item(1)) == CommitFailed(1, "the writer died", refused=True)
    lane._entries = deque()
    with pytest.raises(LaneBroken):
        lane.commit(item(2))
    assert lane.reply(CommitFailed(2, "too late", refused=True)) is None
    assert owner.answers.get(timeout=TIMEOUT) == CommitFailed(1, "the writer died", refused=True)


def test_who_waits_is_watched_though_whoever_was_expected_is_gone_by_then(desk: Desk) -> None:
    writer = desk.idle_writer()
    told: list[object] = []

    def tell(message: Message) -> bool:
        told.append(message)
        return True

    desk.log.tell = tell  # type: ignore[method-assign]
    lane = desk.job()[0]

    class Fleeting(set[Lane]):
        """Somebody is expected, and gone at the second look."""

        def __bool__(self) -> bool:
            expected = len(self) > 0
            self.clear()
            return expected

    desk.commits.expected = Fleeting({desk.job(2)[0]})

    thread, answers = waiting(desk, lane, 1)
    eventually(lambda: told == [LanesWait()])
    writer.on_message(LanesWait())
    writer.on_wakeup()
    thread.join(TIMEOUT)
    assert answers == [Committed(1, 3)]


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
