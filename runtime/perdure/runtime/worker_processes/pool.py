"""The worker processes of a runtime: started when needed, kept warm for a while, ended when they misbehave."""

from __future__ import annotations

import os
import threading
import time
from typing import Final

from perdure.actors.cancel_token import CancelToken
from perdure.actors.operations import OperationFailed
from perdure.runtime.worker_processes.process import WorkerProcess
from perdure.runtime.worker_processes.task import Task

IDLE_SECONDS: Final = 120.0  # a process that nobody needed for so long is ended


class WorkerPool:
    """Runs tasks in processes of their own; thread-safe. A call costs a thread that waits, without the GIL.

    No process runs the tasks of two families, so that one that was taken over sees nothing of another's.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._idle: dict[Task, list[WorkerProcess]] = {}
        self._busy: dict[Task, set[WorkerProcess]] = {}
        self._closed = False

    def run(self, task: Task, request: bytes, *, seconds: float, cancelled: CancelToken | None = None) -> bytes:
        """Run a task in a process that is free, or a new one; wait if there are as many as there may be.

        Args:
            task: what to run.
            request: what it is given.
            seconds: how long it may take, waiting included.
            cancelled: when it is set, the process is ended.

        Raises:
            OperationFailed: `failed`: it could not do it, or the process died of it; `unavailable`: it took too long,
                was cancelled, or a library is missing; or what the task itself says.
        """
        deadline = time.monotonic() + seconds
        if cancelled is not None:
            cancelled.on_cancel(self._wake)
        process = self._taken(task, deadline, cancelled)
        if cancelled is not None:
            cancelled.on_cancel(process.kill)
        try:
            return process.run(request, max(deadline - time.monotonic(), 0.001))
        except OperationFailed:
            if cancelled is not None and cancelled.cancelled:
                raise OperationFailed("unavailable", f"{task.name} was cancelled") from None
            raise
        finally:
            self._give_back(process, cancelled)

    def _taken(self, task: Task, deadline: float, cancelled: CancelToken | None) -> WorkerProcess:
        with self._changed:
            while True:
                if self._closed:
                    raise OperationFailed("unavailable", "the host closes")
                if cancelled is not None and cancelled.cancelled:
                    raise OperationFailed("unavailable", f"{task.name} was cancelled")
                idle, busy = self._idle.setdefault(task, []), self._busy.setdefault(task, set())
                while idle:
                    process = idle.pop()
                    if process.alive:
                        busy.add(process)
                        return process
                    process.close()
                if len(busy) < task.processes:
                    process = _started(task)
                    busy.add(process)
                    return process
                left = deadline - time.monotonic()
                if left <= 0:
                    raise OperationFailed("unavailable", f"{task.name}: all {task.processes} processes are busy")
                self._changed.wait(left)

    def _give_back(self, process: WorkerProcess, cancelled: CancelToken | None) -> None:
        task = process.task
        # One whose token may still be set must not be killed in the hands of the next.
        reusable = process.calls < task.calls and (cancelled is None or cancelled.forget(process.kill))
        with self._changed:
            self._busy[task].discard(process)
            keep = reusable and not self._closed and process.alive
            if keep:
                process.idle_since = time.monotonic()
                self._idle[task].append(process)
            self._changed.notify_all()
        if not keep:
            process.close()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def reap(self) -> None:
        """End the processes that nobody needed for a while."""
        before = time.monotonic() - IDLE_SECONDS
        with self._changed:
            old = [process for idle in self._idle.values() for process in idle if process.idle_since < before]
            for process in old:
                self._idle[process.task].remove(process)
        for process in old:
            process.close()

    def close(self) -> None:
        """End all processes; what runs is told that it failed."""
        with self._changed:
            self._closed = True
            idle = [process for found in self._idle.values() for process in found]
            self._idle.clear()
            busy = [process for found in self._busy.values() for process in found]
            self._changed.notify_all()
        for process in busy:
            process.kill()
        for process in idle:
            process.close()


def _started(task: Task) -> WorkerProcess:
    try:
        return WorkerProcess(task)
    except OSError as error:
        raise OperationFailed("unavailable", f"the host cannot start a process now: {error.strerror}") from None


def processors() -> int:
    """How many processes can work at once here."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
