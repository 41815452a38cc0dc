"""A child that verifies, and what becomes of its answers."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import msgspec

from perdure.api.errors import ProcessDied
from perdure.api.problems import problem_of
from perdure.server.verifying.process import Answer, Order, Outcome

_decode: Final = msgspec.json.Decoder(Answer).decode
Tell = Callable[[int, int], None]


def no_steps(done: int, events: int) -> None:
    """Nobody wants to know how far it is."""


class VerifyChild:
    """A process that verifies jobs of a log, or bundles, one after the other; begun when first needed.

    Args:
        order: what it verifies.
        timeout: seconds that one may take; None: any.
    """

    def __init__(self, order: Order, timeout: float | None = None) -> None:
        self._order = msgspec.json.encode(order) + b"\n"
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._late = False
        self._closed = False

    def verify(self, what: str, tell: Tell = no_steps) -> Outcome:
        """Verify a job, by its id, or a bundle, by its path.

        The problem of one that takes too long is TimeoutError's, of a child that dies `ProcessDied`'s.
        """
        process = self._started()
        timer = threading.Timer(self._timeout, self._too_late) if self._timeout is not None else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            outcome = self._answered(process, what, tell)
        finally:
            if timer is not None:
                timer.cancel()
                timer.join()  # or it would end the next one's work
        if outcome is not None and not self._late:
            return outcome
        died = self._died(process, what)
        return died if outcome is None else outcome

    def _answered(self, process: subprocess.Popen[bytes], what: str, tell: Tell) -> Outcome | None:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("unreachable: both are pipes")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(what) + b"\n")
            process.stdin.flush()
        for line in process.stdout:
            try:
                answer = _decode(line)
            except msgspec.DecodeError:  # it died while it wrote that
                return None
            if isinstance(answer, Outcome):
                return answer
            tell(answer.done, answer.events)
        return None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._late = False
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "perdure.server.verifying.process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            if self._process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.write(self._order)
        if self._closed:
            self._process.kill()  # `close` came before there was a process
        return self._process

    def _died(self, process: subprocess.Popen[bytes], what: str) -> Outcome:
        _reap(process)
        code = process.returncode
        self._process = None
        if self._late:
            text = f"{what} took longer than {self._timeout:g} s, and was given up"
            return Outcome(problem=problem_of(TimeoutError(text)))
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Outcome(problem=problem_of(ProcessDied(f"verified {what}", how)))

    def _too_late(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """End the process; thread-safe, idempotent."""
        self._closed = True
        self._kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self._process is not None:
            _reap(self._process)


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes of a process that ends, and wait for that."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was not written yet has nobody to go to
                pipe.close()
    process.wait()
