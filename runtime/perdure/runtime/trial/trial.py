"""A runtime for trials, with one extension in it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import msgspec

from perdure.actors import GuestSpec
from perdure.actors.guest import Exit, Guest
from perdure.runtime.consent import grant_as_asked
from perdure.runtime.job_handle import JobHandle
from perdure.runtime.operations.declaration import Operation
from perdure.runtime.permissions import operation_name
from perdure.runtime.runtime import Runtime
from perdure.runtime.trial.fake_operations import Answer, Misfit, fake_operation
from perdure.runtime.trial.witness import Asked, Witness
from perdure.store.events import JobError
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

_LOOK: Final = 0.05  # seconds


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried: a job and its first state, JSON or nothing; the rest is as for `TrialRuntime.run`."""

    job: str
    state: bytes
    operations: Mapping[str, Answer]
    library_id: UUID
    interrupt_at: int | None = None
    cancel: bool = False
    requests: int | None = None


class TrialResult(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended, why if it failed, and what the guest asked, in order.

    ``misfits`` are answers of the test that the real operations would not give.
    """

    exit: Exit
    error: JobError | None
    asked: tuple[Asked, ...]
    misfits: tuple[str, ...]


class TrialRuntime:
    """A runtime in a temporary folder with one extension, granted what it asks for. A context manager.

    Args:
        folder: the extension's.

    Raises:
        PerdureError: the extension cannot be installed or loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="perdure-trial-")
        try:
            self._runtime = Runtime.open(Path(self._temporary.name) / "data", consent=grant_as_asked, recover=False)
        except BaseException:
            self._temporary.cleanup()
            raise
        try:
            self._extension = self._runtime.install(folder).extension
            self._runtime.load(self._extension)
        except BaseException:
            self.close()
            raise
        self._real = {operation.name: operation for operation in self._runtime.operations}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the runtime, and remove its folder."""
        self._runtime.close(grace=0)
        self._temporary.cleanup()

    def run(self, trial: Trial) -> TrialResult:
        """Run a job to its end, with no other operations than the trial's.

        Raises:
            UnknownJobType: the extension does not offer the job.
            ValueError: one of the operations has a name that none can have.
        """
        misfits: list[str] = []
        self._runtime.operations.replace(self._fakes(trial, misfits.append))
        witnesses: list[Witness] = []
        real_guests = self._runtime._system.guests

        def guest(spec: GuestSpec) -> Guest:
            witnesses.append(Witness(real_guests(spec), trial.interrupt_at, self._stopper(spec, trial), trial.requests))
            return witnesses[-1]

        self._runtime._system.guests = guest
        try:
            job = self._runtime.dispatch(
                f"{self._extension}:{trial.job}", trial.state or None, library_id=trial.library_id
            )
            ended = _ended(job)
        finally:
            self._runtime._system.guests = real_guests
        result = witnesses[-1].result if witnesses else None
        return TrialResult(
            exit=result.exit if result is not None else Exit.FAILED,
            error=(result.error if result is not None else None) or ended.error,
            asked=tuple(witnesses[-1].asked if witnesses else ()),
            misfits=tuple(misfits),
        )

    def _fakes(self, trial: Trial, misfit: Misfit) -> Iterator[Operation]:
        for text, answer in trial.operations.items():
            name = operation_name(text)
            if name is None:
                raise ValueError(f"{text!r} names no operation; names are query:… or action:…")
            yield fake_operation(name, self._real.get(name), answer, misfit)

    def _stopper(self, spec: GuestSpec, trial: Trial) -> Callable[[], object]:
        stop = self._runtime.cancel if trial.cancel else self._runtime.pause
        return lambda: stop(spec.job_id)


def _ended(job: JobHandle) -> JobState:
    """Wait until the job has ended; a paused one has done what it was to do."""
    while True:
        try:
            return job.wait(timeout=_LOOK)
        except TimeoutError:
            if job.status is Status.PAUSED:
                job.cancel()
