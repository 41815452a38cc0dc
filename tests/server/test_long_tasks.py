from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from tests.support.manual_clock import ManualClock
from tests.support.waiting import TIMEOUT, eventually

from perdure.api.errors import NotFound, TooMany
from perdure.api.proofs import TaskStatus
from perdure.server.engine.long_tasks import KEPT, KEPT_MICROSECONDS, MOST_WAITING, LongTask, LongTasks
from perdure.store.errors import UnknownJob


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tasks(clock: ManualClock) -> LongTasks:
    return LongTasks("trials", 1, clock.now)


def ended(task: LongTask, status: TaskStatus) -> LongTask:
    eventually(lambda: task.ended_at is not None and task.status is not TaskStatus.RUNNING)
    assert task.status is status
    return task


class Gate:
    """Work that waits until it is let go."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()

    def __call__(self, task: LongTask) -> str:
        task.tell(1, 2)
        self.entered.set()
        assert self.open.wait(TIMEOUT)
        task.tell(2, 2)
        return "found"


def test_what_is_found_and_how_far_it_is(tasks: LongTasks) -> None:
    gate = Gate()
    task = tasks.begin("it", "token:1", gate)
    assert gate.entered.wait(TIMEOUT)
    assert (task.status, task.done, task.total) == (TaskStatus.RUNNING, 1, 2)
    gate.open.set()
    assert ended(task, TaskStatus.DONE).result == "found"
    assert tasks.get(task.task_id) is task
    with pytest.raises(NotFound):
        tasks.get(uuid4())


def test_others_wait_and_too_many_are_refused(tasks: LongTasks) -> None:
    gate = Gate()
    first = tasks.begin("first", "token:1", gate)
    assert gate.entered.wait(TIMEOUT)
    waiting = [tasks.begin(f"{number}", "token:1", lambda task: "done") for number in range(MOST_WAITING)]
    assert {task.status for task in waiting} == {TaskStatus.WAITING}
    with pytest.raises(TooMany):
        tasks.begin("one more", "token:1", lambda task: None)
    waiting[0].cancel()
    gate.open.set()
    ended(first, TaskStatus.DONE)
    ended(waiting[0], TaskStatus.CANCELLED)
    for task in waiting[1:]:
        ended(task, TaskStatus.DONE)
    tasks.begin("again", "token:1", lambda task: None)
    assert len(tasks.all()) <= KEPT + 2
    tasks.close()


def test_what_goes_wrong_is_told(tasks: LongTasks) -> None:
    def wrong(task: LongTask) -> None:
        raise UnknownJob("x")

    task = ended(tasks.begin("it", "token:1", wrong), TaskStatus.FAILED)
    assert task.problem is not None
    assert (task.problem.code, task.problem.status) == ("UnknownJob", 404)


def test_a_cancel_stops_the_work_however_it_ends(tasks: LongTasks) -> None:
    gate, stopped = Gate(), threading.Event()

    def work(task: LongTask) -> None:
        task.stop_with(stopped.set)
        gate.entered.set()
        assert stopped.wait(TIMEOUT)
        raise RuntimeError("its process was killed")

    task = tasks.begin("it", "token:1", work)
    assert gate.entered.wait(TIMEOUT)
    task.cancel()
    assert ended(task, TaskStatus.CANCELLED).problem is None
    late = threading.Event()
    task.stop_with(late.set)
    assert late.is_set()


def test_results_are_kept_for_an_hour(tasks: LongTasks, clock: ManualClock) -> None:
    task = ended(tasks.begin("it", "token:1", lambda task: "found"), TaskStatus.DONE)
    clock.advance(KEPT_MICROSECONDS / 1e6 - 1)
    assert tasks.get(task.task_id) is task
    clock.advance(1)
    with pytest.raises(NotFound, match="an hour"):
        tasks.get(task.task_id)


def test_closing_gives_all_of_them_up(tasks: LongTasks) -> None:
    stopped = threading.Event()
    entered = threading.Event()

    def work(task: LongTask) -> None:
        task.stop_with(stopped.set)
        entered.set()
        assert stopped.wait(TIMEOUT)

    running = tasks.begin("it", "token:1", work)
    assert entered.wait(TIMEOUT)
    waiting = tasks.begin("other", "token:1", work)
    tasks.close()
    assert {running.status, waiting.status} == {TaskStatus.CANCELLED}
    with pytest.raises(TooMany):
        tasks.begin("it", "token:1", work)
