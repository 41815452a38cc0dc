"""Run a job in a test, without a build: plain Python against a fake host.

    from perdure_sdk.testing import run_job

    def test_it_counts():
        result = run_job(counter, {"target": 3})
        assert result.completed
        assert result.state == {"current": 3, "target": 3}
        assert [report.fraction for report in result.progress][-1] == 1.0

What the job calls is answered by ``operations``: a value, or a function of the payload. The manifest decides what it
may call, as it does in a host. ``pytest --perdure-sandbox`` runs the same tests in the sandbox: the extension is built,
and the job runs as a component in a real runtime, with the same answers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, Protocol, TypeVar
from uuid import UUID

from perdure_sdk.extension import Job, job_of
from perdure_sdk.fake_host import FakeHost
from perdure_sdk.host import Host
from perdure_sdk.job_events import (
    BytesCounted,
    Called,
    CheckpointSaved,
    Event,
    ItemsCounted,
    LogWritten,
    ProgressReported,
    WarningAdded,
)
from perdure_sdk.json_text import from_text, to_text
from perdure_sdk.log_lines import LogHandler, LogStream, sink_of
from perdure_sdk.running import Completed, Failed, Stopped, run, run_hooks
from perdure_sdk.shapes import from_json, to_json

__all__ = [
    "LIBRARY_ID",
    "NOW",
    "BytesCounted",
    "Called",
    "CheckpointSaved",
    "Event",
    "FakeAnswer",
    "ItemsCounted",
    "LogWritten",
    "ProgressReported",
    "Result",
    "Trial",
    "WarningAdded",
    "run_job",
]

T = TypeVar("T")
E = TypeVar("E")
# What an operation answers: a value that JSON can say, an error, or a function of the payload that gives or raises one.
FakeAnswer = Any

NOW: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LIBRARY_ID: Final = UUID("00000000-0000-4000-8000-000000000001")
_JOB_ID: Final = UUID("00000000-0000-4000-8000-000000000002")
_SEED: Final = bytes(range(32))


@dataclasses.dataclass(frozen=True)
class Trial:
    """What is asked of `run_job`, for whoever runs it: the fake host, or a sandbox."""

    job: Job
    state: str | None
    operations: Mapping[str, FakeAnswer]
    interrupt_at: int | None
    interrupt: Literal["pause", "cancel"]
    requests: int | None
    library_id: UUID
    now: dt.datetime
    seed: bytes


@dataclasses.dataclass(frozen=True)
class Result:
    """How a run ended, and what it did on the way.

    Attributes:
        status: ``completed``, ``interrupted`` or ``failed``.
        state: the last state that was saved, as JSON says it; of a completed job the final one. None if there is none.
        error: why it failed.
        events: what it asked of its host, in order; refused checkpoints are not among them.
    """

    status: Literal["completed", "interrupted", "failed"]
    state: Any
    error: Failed | None
    events: tuple[Event, ...]

    @property
    def completed(self) -> bool:
        """Whether it has done its work. In an ``assert`` pytest shows the whole result if it has not."""
        return self.status == "completed"

    @property
    def interrupted(self) -> bool:
        """Whether it ended because it was asked to."""
        return self.status == "interrupted"

    @property
    def failed(self) -> bool:
        """Whether it raised an exception."""
        return self.status == "failed"

    @property
    def progress(self) -> list[ProgressReported]:
        """Its reports."""
        return self._of(ProgressReported)

    @property
    def checkpoints(self) -> list[Any]:
        """The states that it saved, as JSON says them; of a completed job the final one is the last."""
        return [event.state for event in self._of(CheckpointSaved)]

    @property
    def warnings(self) -> list[str]:
        """Its warnings."""
        return [event.message for event in self._of(WarningAdded)]

    @property
    def logs(self) -> list[LogWritten]:
        """The lines of its log."""
        return self._of(LogWritten)

    @property
    def items(self) -> int:
        """How many items it counted."""
        return sum(event.count for event in self._of(ItemsCounted))

    @property
    def bytes(self) -> int:
        """How many bytes it counted."""
        return sum(event.count for event in self._of(BytesCounted))

    @property
    def calls(self) -> list[Called]:
        """The operations that it called."""
        return self._of(Called)

    def state_as(self, kind: type[T]) -> T:
        """The state, as a dataclass or another type."""
        return from_json(kind, self.state, "state")

    def _of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


class Runner(Protocol):
    """Runs a job for a test."""

    def __call__(self, trial: Trial) -> Result:
        """The job's result."""


def run_job(
    job: Callable[..., Any],
    state: object = None,
    *,
    operations: Mapping[str, FakeAnswer] | None = None,
    interrupt_at: int | None = None,
    interrupt: Literal["pause", "cancel"] = "pause",
    requests: int | None = None,
    library_id: UUID = LIBRARY_ID,
    now: dt.datetime = NOW,
    seed: bytes = _SEED,
) -> Result:
    """Run a job to its end.

    Args:
        job: the function below ``@ext.job``.
        state: what it is dispatched with: a dict, a dataclass; None for nothing.
        operations: what operations answer, by name: a value that JSON can say, a `CallError` or one of its classes, or
            a function of the payload that gives or raises one of these. ``clock.now`` and ``random.bytes`` answer by
            themselves; every other one that is not here there is not.
        interrupt_at: at which of its calls of `check_interrupt` it is told to end, counted from 1.
        interrupt: what it is told then.
        requests: how many operations it may call before its budget is used up.
        library_id: the library that it works in.
        now: what time it is.
        seed: where ``ctx.random`` begins.

    Raises:
        StateError: the state cannot be said in JSON.
        ExtensionError: the function is no job.
    """
    trial = Trial(
        job=job_of(job),
        state=None if state is None else to_text(to_json(state, "state"), "state"),
        operations={_plain_name(name): answer for name, answer in (operations or {}).items()},
        interrupt_at=interrupt_at,
        interrupt=interrupt,
        requests=requests,
        library_id=library_id,
        now=now,
        seed=seed,
    )
    return _runner[-1](trial)


@contextlib.contextmanager
def running_by(runner: Runner) -> Iterator[None]:
    """Have jobs run by another runner as long as this lasts; `perdure_sdk.pytest_plugin` does."""
    _runner.append(runner)
    try:
        yield
    finally:
        _runner.remove(runner)


def _in_this_process(trial: Trial) -> Result:
    extension = trial.job.extension
    host = FakeHost(extension, trial.operations, trial)
    quiet = FakeHost(extension, {}, trial)  # what is said before and after a job is not the job's
    with _talking_to(quiet):
        problem = run_hooks(extension, quiet, "on_init")
    if problem:
        return Result("failed", None, Failed("ExtensionError", f"the extension cannot work: {problem}", ""), ())
    with _talking_to(host) as finish:
        outcome = run(
            extension,
            host,
            trial.job.name,
            job_id=str(_JOB_ID),
            library_id=str(trial.library_id),
            state=trial.state,
            finish=finish,
        )
    if isinstance(outcome, Completed) and outcome.state is not None:
        host.checkpoint(outcome.state)  # as every host does at the end
    saved = [event.state for event in host.events if isinstance(event, CheckpointSaved)]
    state = saved[-1] if saved else None if trial.state is None else from_text(trial.state, "state")
    if isinstance(outcome, Failed):
        return Result("failed", state, outcome, tuple(host.events))
    return Result("interrupted" if isinstance(outcome, Stopped) else "completed", state, None, tuple(host.events))


@contextlib.contextmanager
def _talking_to(host: Host) -> Iterator[Callable[[], None]]:
    """Send what is printed and logged to the host, as in a component; pytest sees it, too."""
    sink = sink_of(host)
    real_out, real_err = sys.stdout, sys.stderr

    class _Both(LogStream):
        def write(self, text: str, /) -> int:
            (real_out if self is out else real_err).write(text)
            return super().write(text)

    out, err = _Both(sink, "info"), _Both(sink, "warn")
    root = logging.getLogger()
    handler, level = LogHandler(sink), root.level
    root.addHandler(handler)
    if level == logging.WARNING:
        root.setLevel(logging.INFO)

    def finish() -> None:
        out.finish()
        err.finish()

    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield finish
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _plain_name(name: str) -> str:
    if not name.startswith(("query:", "action:")):
        raise ValueError(f"{name!r} names no operation; names are query:… or action:…")
    return name


_runner: Final[list[Runner]] = [_in_this_process]
