"""Tasks that take longer than a request may: a few at once, the others wait; results are kept for a while."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Final
from uuid import UUID, uuid4

from perdure.api.errors import NotFound, TooMany
from perdure.api.problems import Problem, problem_of
from perdure.api.proofs import TaskStatus

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 100
KEPT: Final = 100  # that have ended
KEPT_MICROSECONDS: Final = 3_600_000_000
_JOIN: Final = 5.0  # seconds; whoever stops the server is not kept waiting by a guest


class TaskCancelled(Exception):
    """Somebody gave the task up. Raised in the task; nobody is told."""


class LongTask:
    """One task, as it is. Thread-safe.

    Attributes:
        task_id: its name.
        about: what it is about.
        client: who asked for it.
        asked_at, ended_at: microseconds since 1970.
        done, total: how far it is.
        parts: what was found on the way.
        result: what it came to.
        problem: why it came to nothing.
    """

    def __init__(self, about: str, client: str, asked_at: int) -> None:
        self.task_id = uuid4()
        self.about = about
        self.client = client
        self.asked_at = asked_at
        self.ended_at: int | None = None
        self.status = TaskStatus.WAITING
        self.done = self.total = 0
        self.parts: list[object] = []
        self.result: object = None
        self.problem: Problem | None = None
        self._lock = threading.Lock()
        self._stop: Callable[[], None] | None = None
        self.cancelled = threading.Event()

    def tell(self, done: int, total: int) -> None:
        """Say how far it is.

        Raises:
            TaskCancelled: nobody wants it any more.
        """
        self.done, self.total = done, total
        self.check()

    def check(self) -> None:
        """Raises TaskCancelled if nobody wants it any more."""
        if self.cancelled.is_set():
            raise TaskCancelled

    def stop_with(self, stop: Callable[[], None]) -> None:
        """What ends it, from any thread; called at once if that is so already."""
        with self._lock:
            self._stop = stop
        if self.cancelled.is_set():
            stop()

    def cancel(self) -> None:
        """Give it up; one that has ended stays as it is. Idempotent."""
        with self._lock:
            self.cancelled.set()
            stop = self._stop
        if stop is not None:
            stop()


class LongTasks:
    """The tasks of one kind.

    Args:
        kind: what they are called in errors, in the plural.
        at_once: so many run; the others wait.
        now: microseconds since 1970.
    """

    def __init__(self, kind: str, at_once: int, now: Callable[[], int]) -> None:
        self._kind = kind
        self._now = now
        self._room = threading.Semaphore(at_once)
        self._lock = threading.Lock()
        self._tasks: dict[UUID, LongTask] = {}  # the oldest first
        self._threads: list[threading.Thread] = []
        self._closed = False

    def begin(self, about: str, client: str, work: Callable[[LongTask], object]) -> LongTask:
        """Do ``work`` on a thread of its own, when there is room; what it returns is the result.

        Raises:
            TooMany: too many wait.
        """
        task = LongTask(about, client, self._now())
        thread = threading.Thread(target=self._run, args=(task, work), name=f"perdure-{self._kind}", daemon=True)
        with self._lock:
            waiting = sum(one.status is TaskStatus.WAITING for one in self._tasks.values())
            if waiting >= MOST_WAITING or self._closed:
                raise TooMany(self._kind)
            self._tidy()
            self._tasks[task.task_id] = task
            self._threads = [*(one for one in self._threads if one.is_alive()), thread]
            thread.start()
        return task

    def _run(self, task: LongTask, work: Callable[[LongTask], object]) -> None:
        with self._room:
            try:
                task.check()
                task.status = TaskStatus.RUNNING
                task.result = work(task)
                status = TaskStatus.CANCELLED if task.cancelled.is_set() else TaskStatus.DONE
            except Exception as error:  # noqa: BLE001  # whoever asked is told
                status = self._failed(task, error)
            task.ended_at = self._now()
            task.status = status  # last: who sees it finds the rest

    def _failed(self, task: LongTask, error: Exception) -> TaskStatus:
        if task.cancelled.is_set():
            return TaskStatus.CANCELLED
        task.problem = problem_of(error, task.task_id)
        if task.problem.status >= 500:
            logger.error("task %s (%s of %s) failed", task.task_id, self._kind, task.about, exc_info=error)
        return TaskStatus.FAILED

    def get(self, task_id: UUID) -> LongTask:
        """One of them.

        Raises:
            NotFound: there is none, or not any more.
        """
        with self._lock:
            self._tidy()
            found = self._tasks.get(task_id)
        if found is None:
            raise NotFound(f"such task among the {self._kind}; results are kept for an hour")
        return found

    def all(self) -> list[LongTask]:
        """All that are remembered, newest first."""
        with self._lock:
            self._tidy()
            return list(self._tasks.values())[::-1]

    def _tidy(self) -> None:
        ended = [task for task in self._tasks.values() if task.ended_at is not None]
        late = [task for task in ended if (task.ended_at or 0) + KEPT_MICROSECONDS <= self._now()]
        for task in (*late, *ended[: max(0, len(ended) - KEPT)]):
            self._tasks.pop(task.task_id, None)

    def close(self) -> None:
        """Give all of them up."""
        with self._lock:
            self._closed = True
            tasks, threads = list(self._tasks.values()), list(self._threads)
        for task in tasks:
            with contextlib.suppress(Exception):  # the others have to be given up, too
                task.cancel()
        for thread in threads:
            thread.join(_JOIN)
