"""Group commit: what gathers during one commit is written with the next; what the log refuses; the end."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from tests.support.desk import Desk, Owner, item
from tests.support.job_events import completed, dispatched, job_id, progress, started
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import LaneBroken
from perdure.actors.lane import Lane
from perdure.actors.log_writer import MOST
from perdure.actors.messages import (
    CommitFailed,
    Committed,
)
from perdure.store import (
    Appended,
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
