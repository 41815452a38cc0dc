"""Rehearses many jobs at once, each in one of several processes."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import msgspec

from perdure.runtime.rehearsal.job_rehearser import Candidate, RehearsalLimits
from perdure.runtime.rehearsal.new_version import NewVersion
from perdure.runtime.rehearsal.rehearsal import JobRehearsal
from perdure.runtime.rehearsal.worker import CODE_FILE, WASM_FILE, Order

_GRACE: Final = 10.0  # seconds beyond those of a job, until a process that does not answer is ended
_decode: Final = msgspec.json.Decoder(JobRehearsal).decode

# A job, and what was found, or why nothing was: the process that ran it died.
Found = tuple[UUID, JobRehearsal | str]


class _Worker:
    """One process; begun when first needed, and again if it died."""

    def __init__(self, order: bytes, seconds: float) -> None:
        self._order = order
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._late = False
        self._closed = False

    def rehearse(self, job_id: UUID) -> JobRehearsal | str:
        """What was found, or why nothing was."""
        process = self._started()
        timer = threading.Timer(self._seconds + _GRACE, self._too_late)
        timer.daemon = True
        timer.start()
        try:
            if process.stdin is None or process.stdout is None:
                raise AssertionError("unreachable: both are pipes")
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(msgspec.json.encode(job_id) + b"\n")
                process.stdin.flush()
            line = process.stdout.readline()
        finally:
            timer.cancel()
        return _decode(line) if line.endswith(b"\n") else self._died(process)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._late = False
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "perdure.runtime.rehearsal.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            if self._process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.write(self._order)
            if self._closed:
                self._kill()  # it was begun while somebody ended all of them
        return self._process

    def _died(self, process: subprocess.Popen[bytes]) -> str:
        try:
            code = process.wait(_GRACE)  # it closed its output, so it is ending
        except subprocess.TimeoutExpired:
            self._kill()
            code = process.wait()
        self.close()
        self._process = None
        if self._late:
            return f"it took longer than {self._seconds:g} s, and was given up"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"it ended the process that ran it, with {how}: what that read is damaged, or hostile"

    def _too_late(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """End the process."""
        self._kill()
        if (process := self._process) is not None:
            with contextlib.suppress(BrokenPipeError, ValueError):
                process.communicate()

    def kill(self) -> None:
        """End it for good, from another thread; whoever waits for an answer gets none."""
        self._closed = True
        self._kill()


class RehearsalWorkers:
    """Processes that rehearse jobs of a log with one new version; a context manager.

    Args:
        data: the data folder.
        version: the new version.
        limits: what one job may use.
        count: how many processes.
        master_key: as `RuntimeSettings.master_key`.
    """

    def __init__(
        self, data: Path, version: NewVersion, limits: RehearsalLimits, count: int, master_key: bytes | None
    ) -> None:
        # Readable by this user alone: what it holds is run.
        self._files = tempfile.TemporaryDirectory(prefix="perdure-rehearsal-")
        files = Path(self._files.name)
        (files / WASM_FILE).write_bytes(version.wasm)
        (files / CODE_FILE).write_bytes(version.machine_code)
        order = Order(
            data=str(data),
            files=str(files),
            code=hashlib.sha256(version.machine_code).hexdigest(),
            candidate=candidate_of(version),
            limits=limits,
            master_key=master_key,
        )
        self._order = msgspec.json.encode(order) + b"\n"
        self._seconds = limits.seconds
        self._count = count

    def rehearse(self, jobs: Iterable[UUID]) -> Generator[Found, None, None]:
        """Each job's as soon as it is there. Close the iterator to end it."""
        waiting: queue.SimpleQueue[UUID] = queue.SimpleQueue()
        answers: queue.SimpleQueue[Found] = queue.SimpleQueue()
        total = 0
        for job_id in jobs:
            waiting.put(job_id)
            total += 1
        stopped = threading.Event()
        workers = [_Worker(self._order, self._seconds) for _ in range(max(1, min(self._count, total)))]
        threads = [
            threading.Thread(target=_work, args=(worker, waiting, answers.put, stopped), daemon=True)
            for worker in workers
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in range(total):
                yield answers.get()
        finally:
            stopped.set()
            for worker in workers:
                worker.kill()
            for thread in threads:
                thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.cleanup()


def candidate_of(version: NewVersion) -> Candidate:
    """What a rehearser needs of a new version beside its bytes."""
    return Candidate(
        extension=version.extension,
        version=version.version,
        module=version.module,
        job_types=version.job_types,
        policies=version.policies,
        problem=version.problem,
    )


def _work(
    worker: _Worker,
    waiting: queue.SimpleQueue[UUID],
    answer: Callable[[Found], None],
    stopped: threading.Event,
) -> None:
    try:
        while not stopped.is_set():
            try:
                job_id = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                answer((job_id, worker.rehearse(job_id)))
            except Exception as error:  # noqa: BLE001  # whoever waits for this answer has to get one
                answer((job_id, f"{type(error).__name__}: {error}"))
    finally:
        worker.close()
