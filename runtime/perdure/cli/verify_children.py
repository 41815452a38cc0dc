"""Children that verify, and what becomes of their answers."""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import msgspec

from perdure.cli.exit_codes import ExitCode
from perdure.cli.verify_process import LOG, Answer, Order, Outcome

_decode = msgspec.json.Decoder(Answer).decode
Tell = Callable[[int, int], None]
_NONE: Final[Mapping[str, str]] = {}


def no_steps(done: int, events: int) -> None:
    """Nobody wants to know how far it is."""


class VerifyChild:
    """A process that verifies jobs of a log, or bundles, one after the other; begun when first needed.

    Args:
        order: what it verifies.
        timeout: seconds that one may take; None: any.
        passphrases: of locked credentials, by extension.
    """

    def __init__(self, order: Order, timeout: float | None = None, passphrases: Mapping[str, str] = _NONE) -> None:
        self._passphrases = passphrases
        order = msgspec.structs.replace(order, passphrases=bool(passphrases))
        words = msgspec.json.encode(order).decode()
        self._command = [sys.executable, "-P", "-m", "perdure.cli.verify_process", words]
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._late = False
        self._closed = False

    def verify(self, what: str, tell: Tell = no_steps) -> Outcome:
        """Verify a job, by its id, or a bundle, by its path."""
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
        return outcome if outcome is not None else self._died(process, what)

    def _answered(self, process: subprocess.Popen[bytes], what: str, tell: Tell) -> Outcome | None:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("unreachable: both are pipes")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(what) + b"\n")
            process.stdin.flush()
        for line in process.stdout:
            answer = _decode(line)
            if isinstance(answer, Outcome):
                return answer
            tell(answer.done, answer.events)
        return None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._late = False
            self._process = subprocess.Popen(  # noqa: S603  # ourselves
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
            if self._passphrases and self._process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.write(msgspec.json.encode(dict(self._passphrases)) + b"\n")
        if self._closed:
            self._process.kill()  # `close` came before there was a process
        return self._process

    def _died(self, process: subprocess.Popen[bytes], what: str) -> Outcome:
        _reap(process)
        code = process.returncode
        self._process = None
        if self._late:
            text = f"{what} took longer than {self._timeout:g} s, and was given up; --timeout allows more"
            return Outcome(error=text, code=ExitCode.PARTIAL)
        if self._closed:
            return Outcome(error="interrupted", code=ExitCode.INTERRUPTED)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        text = f"verifying {what} ended the process that did it, with {how}: what it reads is damaged, or hostile"
        return Outcome(error=text, code=ExitCode.STORE)

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


def verify_one(
    order: Order, what: str, tell: Tell, timeout: float | None, passphrases: Mapping[str, str] = _NONE
) -> Outcome:
    """Verify one job or bundle in a child; Ctrl-C ends that."""
    with VerifyChild(order, timeout, passphrases) as child:
        return child.verify(what, tell)


def verify_many(
    folder: Path,
    jobs: Iterable[UUID],
    workers: int,
    timeout: float | None,
    passphrases: Mapping[str, str] = _NONE,
) -> Generator[tuple[UUID, Outcome], None, None]:
    """Verify jobs of a log in so many processes; each answer as soon as it is there. Close the iterator to end it."""
    waiting: queue.SimpleQueue[UUID] = queue.SimpleQueue()
    found: queue.SimpleQueue[tuple[UUID, Outcome]] = queue.SimpleQueue()
    count = 0
    for job in jobs:
        waiting.put(job)
        count += 1
    children = [VerifyChild(Order(LOG, str(folder)), timeout, passphrases) for _ in range(max(1, min(workers, count)))]
    stopped = threading.Event()

    def work(child: VerifyChild) -> None:
        with child:
            while not stopped.is_set():
                try:
                    job = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    outcome = child.verify(str(job))
                except Exception as error:  # noqa: BLE001  # whoever waits for this answer has to get one
                    outcome = Outcome(error=f"{type(error).__name__}: {error}", code=ExitCode.INTERNAL)
                found.put((job, outcome))

    threads = [threading.Thread(target=work, args=(child,), daemon=True) for child in children]
    for thread in threads:
        thread.start()
    try:
        for _ in range(count):
            yield found.get()
    finally:
        stopped.set()
        for child in children:
            child.close()
        for thread in threads:
            thread.join()
