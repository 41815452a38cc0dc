"""Trials: a job runs in a real runtime, and a test answers what it calls."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final
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
    """What is tried: a job and its first state, JSON or nothing; ``operations`` are all that there are.

    At check ``interrupt_at`` it is told to pause, or, with ``cancel``, to end; after ``requests`` calls its budget is
    used up.
    """

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


@contextlib.contextmanager
def trial_runtime(folder: Path) -> Iterator[Trials]:
    """A runtime in a temporary folder with the extension in ``folder``, granted what it asks for.

    Raises:
        PerdureError: the extension cannot be installed or loaded.
    """
    with (
        tempfile.TemporaryDirectory(prefix="perdure-trial-") as place,
        Runtime.open(Path(place) / "data", consent=grant_as_asked, recover=False) as runtime,
    ):
        extension = runtime.install(folder).extension
        runtime.load(extension)
        yield Trials(runtime, extension)


class Trials:
    """Trials of an extension's jobs, one after the other.

    Args:
        runtime: where it is installed; while a trial runs, nothing else may.
        extension: its id.
    """

    def __init__(self, runtime: Runtime, extension: str) -> None:
        self._runtime = runtime
        self._extension = extension

    def run(self, trial: Trial) -> TrialResult:
        """Run a job to its end, with no other operations than the trial's.

        Raises:
            UnknownJobType: the extension does not offer the job.
            ValueError: one of the operations has a name that none can have.
        """
        misfits: list[str] = []
        witnesses: list[Witness] = []
        real_guests, real_operations = self._runtime._system.guests, list(self._runtime.operations)
        self._runtime.operations.replace(_fakes(trial, real_operations, misfits.append))

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
            self._runtime.operations.replace(real_operations)
        result = witnesses[-1].result if witnesses else None
        return TrialResult(
            exit=result.exit if result is not None else Exit.FAILED,
            error=(result.error if result is not None else None) or ended.error,
            asked=tuple(witnesses[-1].asked if witnesses else ()),
            misfits=tuple(misfits),
        )

    def _stopper(self, spec: GuestSpec, trial: Trial) -> Callable[[], object]:
        stop = self._runtime.cancel if trial.cancel else self._runtime.pause
        return lambda: stop(spec.job_id)


def _fakes(trial: Trial, real: list[Operation], misfit: Misfit) -> list[Operation]:
    known = {operation.name: operation for operation in real}
    fakes = []
    for text, answer in trial.operations.items():
        name = operation_name(text)
        if name is None:
            raise ValueError(f"{text!r} names no operation; names are query:… or action:…")
        fakes.append(fake_operation(name, known.get(name), answer, misfit))
    return fakes


def _ended(job: JobHandle) -> JobState:
    """Wait until the job has ended; a paused one has done what it was to do."""
    while True:
        try:
            return job.wait(timeout=_LOOK)
        except TimeoutError:
            if job.status is Status.PAUSED:
                job.cancel()
