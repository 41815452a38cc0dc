"""One worker process, seen from the runtime."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from perdure.actors.operations import CODES, OperationFailed
from perdure.runtime.worker_processes.frames import (
    ANSWER,
    BROKEN,
    FAILURE,
    MISSING,
    REQUEST,
    FrameError,
    receive_frame,
    send_frame,
    until,
)
from perdure.runtime.worker_processes.task import Task

# What a library may have to know of this process' environment; the rest is none of its business.
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TESSDATA_PREFIX", "PYTHONPATH", "LD_LIBRARY_PATH")
# One thread each: there are as many processes as there is work.
_THREADS: Final = {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_DYING: Final = 5.0  # seconds that a child may take to end after it closed its connection


class WorkerProcess:
    """A child that runs one task, call after call. One thread uses it at a time; any may `kill` it."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.calls = 0
        self.idle_since = 0.0
        self._killed = False
        self._connection, theirs = socket.socketpair()
        command = [sys.executable, "-P", str(Path(__file__).with_name("child.py"))]
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [*command, str(theirs.fileno()), task.function, str(task.memory_bytes), *task.readable],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # what libraries say there may quote what they read
                pass_fds=[theirs.fileno()],
                env=environment | _THREADS | {"PYTHONDONTWRITEBYTECODE": "1"},
                cwd="/",
                start_new_session=True,  # Ctrl-C at a terminal is for the runtime to handle
            )

    def run(self, request: bytes, seconds: float) -> bytes:
        """Run the task.

        Raises:
            OperationFailed: it failed, the process died of it, or it took too long; in the last two cases this process
                is of no more use, see `alive`.
        """
        self.calls += 1
        deadline = time.monotonic() + seconds
        try:
            self._connection.settimeout(seconds)
            send_frame(self._connection, REQUEST, request, seconds)
            kind, _, answer = receive_frame(self._connection, until(deadline))
        except TimeoutError:
            self.kill()
            raise OperationFailed("unavailable", f"{self.task.name} took longer than {seconds:.3g} s") from None
        except (FrameError, OSError):
            raise self._died() from None
        if kind == ANSWER:
            return answer
        raise self._failure(kind, answer.decode(errors="replace"))

    def _failure(self, kind: int, text: str) -> OperationFailed:
        if kind == FAILURE:
            code, _, message = text.partition("\0")
            if code in CODES:
                return OperationFailed(code, message)
        if kind == MISSING:
            self.kill()
            missing = f"the host lacks {text.partition('.')[0]!r}: pip install 'perdure[{self.task.extra}]'"
            return OperationFailed("unavailable", missing)
        if kind == BROKEN and text == "MemoryError":
            self.kill()  # what is left of its memory may be in pieces
            return OperationFailed("failed", f"{self.task.name} needs more memory than it may have")
        if kind == BROKEN:
            return OperationFailed("failed", f"{self.task.name} could not read it ({text})")
        self.kill()
        return OperationFailed("failed", f"{self.task.name} gave an answer that is none")

    def _died(self) -> OperationFailed:
        killed = self._killed
        try:
            code = self._process.wait(_DYING)  # it closed its connection, so it is ending; the reason is worth to know
        except subprocess.TimeoutExpired:
            killed = True
        self.kill()
        self._process.wait()
        if killed:
            return OperationFailed("unavailable", f"{self.task.name} was ended")
        if code == -signal.SIGKILL:
            # No library does that to itself: the system was short of memory, or a person wanted it.
            return OperationFailed("unavailable", f"somebody killed the process that ran {self.task.name}")
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return OperationFailed(
            "failed", f"{self.task.name} ended the process that ran it ({how}): the input is damaged"
        )

    @property
    def alive(self) -> bool:
        """Whether it can be given another call."""
        return not self._killed and self._process.poll() is None

    def kill(self) -> None:
        """End it at once; whoever waits for it is told that it died."""
        self._killed = True
        self._process.kill()

    def close(self) -> None:
        """End it, and leave nothing behind."""
        self.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._connection.close()
