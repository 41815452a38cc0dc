"""The threads that run operations: a small pool for each extension, so that none waits for another's slow ones.

Python cannot stop a thread. A task that does not come back in time is abandoned: another thread takes its place, so
that what waits behind it goes on, and its own thread ends with it. The number of such threads is bounded; beyond it a
task that does not come back keeps its thread until one of the abandoned ends.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

_IDLE: Final = 30.0  # seconds after which a thread without work ends


def _nothing() -> None:
    pass


class Task:
    """One piece of work in a pool."""

    __slots__ = ("abandoned", "done", "started", "work")

    def __init__(self, work: Callable[[], object]) -> None:
        self.work = work
        self.started = self.done = self.abandoned = False


class WorkerPool:
    """At most ``size`` threads at work, and ``lost`` more that were abandoned and have yet to end."""

    def __init__(self, name: str, size: int, lost: int) -> None:
        self._name = name
        self._size = size
        self._most_lost = lost
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0  # those that take tasks
        self._busy = 0  # tasks that wait or are at work in those threads
        self._lost = 0
        self._overdue: dict[Task, None] = {}  # would have been abandoned, had there been room for one more lost thread
        self._closed = False

    def submit(self, work: Callable[[], object]) -> Task:
        """Run ``work`` on a thread of the pool, soon; what it raises is logged.

        Raises:
            RuntimeError: the pool is closed, or it has no thread and cannot start one; ``work`` will not be run.
        """
        task = Task(work)
        with self._lock:
            if self._closed:
                raise RuntimeError(f"the workers of {self._name} are closed")
            self._busy += 1
            try:
                self._spawn()
            except RuntimeError:
                if not self._threads:
                    self._busy -= 1
                    raise
                logger.exception("the workers of %s get no more threads", self._name)
            self._tasks.put(task)
        return task

    def abandon(self, task: Task) -> bool:
        """Wait for this task no longer: another thread takes its place. False: it was not begun, and never will be."""
        with self._lock:
            if not task.started:
                task.abandoned = True  # its turn is skipped
                return False
            if not task.done and not task.abandoned:
                if self._lost < self._most_lost:
                    self._lose(task)
                else:
                    self._overdue[task] = None
                    logger.error("%d operations of %s do not end; the next ones wait for them", self._lost, self._name)
            return True

    def _lose(self, task: Task) -> None:
        task.abandoned = True
        self._lost += 1
        self._threads -= 1
        self._busy -= 1
        try:
            self._spawn()
        except RuntimeError:
            logger.exception("the workers of %s get no more threads", self._name)

    @property
    def lost(self) -> int:
        """Threads whose tasks were abandoned and go on."""
        return self._lost

    @property
    def threads(self) -> int:
        """Threads that take tasks."""
        return self._threads

    def _spawn(self) -> None:
        if self._threads < min(self._size, self._busy) and not self._closed:
            threading.Thread(target=self._work, name=f"perdure-operation-{self._name}", daemon=True).start()
            self._threads += 1

    def _work(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=_IDLE)
            except queue.Empty:
                with self._lock:
                    if not self._tasks.empty():
                        continue  # it came in between
                    self._threads -= 1
                    return
            if task is None:
                return
            if not self._begin(task):
                continue
            # Taken out: a call knows its task and the task's work knows the call, and whatever is left in a cycle waits
            # for Python's collector.
            work, task.work = task.work, _nothing
            try:
                work()
            except BaseException:
                logger.exception("a task of %s failed", self._name)
            del work
            if not self._end(task):
                return

    def _begin(self, task: Task) -> bool:
        with self._lock:
            if task.abandoned:
                task.done = True
                self._busy -= 1
                return False
            task.started = True
            return True

    def _end(self, task: Task) -> bool:
        """Whether the thread goes on."""
        with self._lock:
            task.done = True
            if task.abandoned:
                self._lost -= 1
                while self._overdue and self._lost < self._most_lost:
                    overdue = next(iter(self._overdue))
                    del self._overdue[overdue]
                    self._lose(overdue)
                return False
            self._overdue.pop(task, None)
            self._busy -= 1
            return True

    def close(self) -> None:
        """Take no more tasks; those at work go on, those that wait are dropped."""
        with self._lock:
            self._closed = True
            while True:
                try:
                    self._tasks.get_nowait()  # never `get`: a worker may take it first
                except queue.Empty:
                    break
            for _ in range(self._threads):
                self._tasks.put(None)


class Workers:
    """The pools by extension, made when they are first needed; of ``size`` threads each."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pools: dict[str, WorkerPool] = {}
        self._closed = False

    def pool(self, name: str) -> WorkerPool:
        """The pool with this name. Called by the router only."""
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = WorkerPool(name, self._size, self._size * 4)
            if self._closed:
                pool.close()
        return pool

    def lost(self) -> int:
        """Threads of all pools that run what nobody waits for any more."""
        return sum(pool.lost for pool in list(self._pools.values()))

    def close(self) -> None:
        """Close all pools."""
        self._closed = True
        for pool in list(self._pools.values()):
            pool.close()
