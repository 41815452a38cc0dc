"""Pools of threads that survive what does not come back."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors.workers import Task, WorkerPool, Workers


class Stuck:
    """Work that does not end before the test says so."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()

    def __call__(self) -> None:
        self.begun.release()
        assert self.go_on.wait(TIMEOUT)

    def wait_begun(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.begun.acquire(timeout=TIMEOUT)


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    work = Stuck()
    yield work
    work.go_on.set()


@pytest.fixture
def pool(stuck: Stuck) -> Iterator[WorkerPool]:
    pool = WorkerPool("acme", 2, 3)
    yield pool
    stuck.go_on.set()
    pool.close()


def runs(pool: WorkerPool) -> bool:
    """Whether the pool comes to run what it is given."""
    done = threading.Event()
    pool.submit(done.set)
    return done.wait(TIMEOUT)


def lose(pool: WorkerPool, stuck: Stuck, count: int) -> list[Task]:
    tasks = [pool.submit(stuck) for _ in range(count)]
    stuck.wait_begun(count)
    assert all(pool.abandon(task) for task in tasks)
    return tasks


def test_no_more_threads_than_its_size(pool: WorkerPool, stuck: Stuck) -> None:
    for _ in range(5):
        pool.submit(stuck)
    stuck.wait_begun(2)
    assert pool.threads == 2
    stuck.go_on.set()
    stuck.wait_begun(3)


def test_what_is_raised_is_logged_and_the_thread_goes_on(pool: WorkerPool, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise SystemExit("no")

    pool.submit(fail)
    assert runs(pool)
    eventually(lambda: "a task of acme failed" in caplog.text)


def test_another_thread_takes_the_place_of_one_that_is_stuck(pool: WorkerPool, stuck: Stuck) -> None:
    lose(pool, stuck, 2)
    assert pool.lost == 2
    assert runs(pool)
    stuck.go_on.set()
    eventually(lambda: pool.lost == 0)
    assert runs(pool)


def test_a_task_that_is_abandoned_before_its_turn_never_runs(pool: WorkerPool, stuck: Stuck) -> None:
    for _ in range(2):
        pool.submit(stuck)
    stuck.wait_begun(2)
    ran: queue.SimpleQueue[str] = queue.SimpleQueue()
    late = pool.submit(lambda: ran.put("late"))
    pool.submit(lambda: ran.put("next"))

    assert not pool.abandon(late)
    stuck.go_on.set()

    assert ran.get(timeout=TIMEOUT) == "next"
    assert ran.empty()


def test_a_task_that_is_done_is_not_abandoned(pool: WorkerPool) -> None:
    done = threading.Event()
    task = pool.submit(done.set)
    assert done.wait(TIMEOUT)
    eventually(lambda: task.done)
    assert pool.abandon(task), "it did begin"
    assert pool.lost == 0


def test_threads_that_are_lost_are_bounded_and_the_pool_recovers(pool: WorkerPool, stuck: Stuck) -> None:
    # The last two find no more room among the lost, and keep their places.
    for _ in range(5):
        lose(pool, stuck, 1)
    assert (pool.lost, pool.threads) == (3, 2)
    done = threading.Event()
    pool.submit(done.set)
    assert not done.is_set()

    stuck.go_on.set()

    assert done.wait(TIMEOUT)
    eventually(lambda: pool.lost == 0)
    assert runs(pool)


def test_a_stuck_task_that_found_no_room_is_lost_when_there_is_some(pool: WorkerPool, stuck: Stuck) -> None:
    first = Stuck()
    lose(pool, first, 1)
    for _ in range(4):
        lose(pool, stuck, 1)
    assert (pool.lost, pool.threads) == (3, 2)
    done = threading.Event()
    pool.submit(done.set)

    first.go_on.set()  # one lost thread ends, all others stay stuck

    assert done.wait(TIMEOUT)
    eventually(lambda: pool.lost == 3)


def test_a_pool_without_a_thread_says_so_and_never_runs_the_task(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: queue.SimpleQueue[str] = queue.SimpleQueue()

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            pool.submit(lambda: ran.put("refused"))

    pool.submit(lambda: ran.put("taken"))
    assert ran.get(timeout=TIMEOUT) == "taken"
    assert ran.empty()


def test_a_pool_that_gets_no_more_threads_goes_on_with_those_it_has(
    pool: WorkerPool, stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.submit(stuck)
    stuck.wait_begun()

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    done = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        pool.submit(done.set)
    stuck.go_on.set()
    assert done.wait(TIMEOUT)


def test_closing_does_not_wait_for_a_task_that_a_worker_takes_first() -> None:
    class Snatched(queue.SimpleQueue[Task | None]):
        def empty(self) -> bool:
            return False  # so it was when `close` looked

    pool = WorkerPool("acme", 2, 2)
    pool._tasks = Snatched()
    closing = threading.Thread(target=pool.close, daemon=True)
    closing.start()
    closing.join(TIMEOUT)
    assert not closing.is_alive()


def test_a_closed_pool_takes_nothing_and_its_threads_end(stuck: Stuck) -> None:
    workers = Workers(2)
    pool = workers.pool("acme")
    pool.submit(stuck)
    stuck.wait_begun()
    ran: queue.SimpleQueue[None] = queue.SimpleQueue()
    for _ in range(3):
        pool.submit(stuck)

    workers.close()

    for closed in (pool, workers.pool("later")):
        with pytest.raises(RuntimeError):
            closed.submit(lambda: ran.put(None))
    stuck.go_on.set()
    eventually(lambda: not [one for one in threading.enumerate() if one.name == "perdure-operation-acme"])
    assert ran.empty()
