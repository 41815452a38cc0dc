"""Tests in the sandbox: the extension is built, and its jobs run as components in a real runtime.

It needs perdure itself beside this package, with the extra ``python-guest``.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from perdure_sdk.context import LEVELS
from perdure_sdk.errors import CallError
from perdure_sdk.fake_host import answer_of, own_operations
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
from perdure_sdk.running import Failed
from perdure_sdk.testing import Result, Trial


class Sandbox:
    """A `Runner` for tests, which builds each project once. A context manager."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._trials: dict[Path, Any] = {}

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *problem: object) -> None:
        self._stack.close()

    def __call__(self, trial: Trial) -> Result:
        """Run a job.

        Raises:
            BuildFailed: the extension cannot be built; the error says why.
            AssertionError: an answer of the test is none that the real operation would give.
        """
        from perdure.runtime.trial.trial import Trial as Tried  # noqa: PLC0415  # where tests do not use it, it need not be there

        operations = {**own_operations(trial.now, trial.seed), **trial.operations}
        tried = self._trials_of(trial).run(
            Tried(
                job=trial.job.name,
                state=(trial.state or "").encode(),
                operations={name: _answer(fake) for name, fake in operations.items()},
                library_id=trial.library_id,
                interrupt_at=trial.interrupt_at,
                cancel=trial.interrupt == "cancel",
                requests=trial.requests,
            )
        )
        if tried.misfits:
            raise AssertionError("\n".join(tried.misfits))
        events = tuple(_event(asked.what, asked.said) for asked in tried.asked)
        saved = [event.state for event in events if isinstance(event, CheckpointSaved)]
        state = saved[-1] if saved else None if trial.state is None else json.loads(trial.state)
        if tried.exit.value == "completed":
            return Result("completed", state, None, events)
        if tried.exit.value == "interrupted":
            return Result("interrupted", state, None, events)
        return Result("failed", state, _failure(tried.error), events)

    def _trials_of(self, trial: Trial) -> Any:
        from perdure.runtime.trial.trial import trial_runtime  # noqa: PLC0415  # as above

        module = sys.modules[trial.job.function.__module__]
        if module.__file__ is None:
            raise RuntimeError(f"{module.__name__} is in no file, so there is nothing to build")
        folder = _project(Path(module.__file__).parent)
        if folder not in self._trials:
            self._trials[folder] = self._stack.enter_context(trial_runtime(built(folder)))
        return self._trials[folder]


def built(folder: Path) -> Path:
    """Build the project in a folder; the extension's folder.

    Raises:
        BuildFailed: it cannot be built.
    """
    from perdure.toolchain import build, project_in  # noqa: PLC0415  # as above

    return build(project_in(folder), lambda line: print(line, file=sys.stderr)).folder  # noqa: T201  # for who waits


def _project(folder: Path) -> Path:
    from perdure.toolchain import project_around  # noqa: PLC0415  # as above

    return project_around(folder).folder


def _answer(fake: Any) -> Callable[[Any], Any]:
    from perdure.actors.operations import OperationFailed  # noqa: PLC0415  # as above

    def answer(payload: Any) -> Any:
        try:
            return answer_of(fake, payload)
        except CallError as error:
            milliseconds = None if error.retry_after is None else round(error.retry_after * 1_000)
            raise OperationFailed(error.code, error.message, retry_after_ms=milliseconds) from None

    return answer


def _event(what: str, said: dict[str, Any]) -> Event:
    match what:
        case "log":
            return LogWritten(LEVELS[said["level"]], said["message"])
        case "report_progress":
            return ProgressReported(said["fraction"], said["message"])
        case "checkpoint":
            return CheckpointSaved(json.loads(said["state"]))
        case "add_warning":
            return WarningAdded(said["message"])
        case "increment_items":
            return ItemsCounted(said["count"])
        case "increment_bytes":
            return BytesCounted(said["count"])
    answer = json.loads(said["answer"])
    code = answer.get("code", "") if isinstance(answer, dict) and "error" in answer else ""
    return Called(said["method"], json.loads(said["payload"]), answer, code, said["library_id"])


def _failure(error: Any) -> Failed:
    if error is None:
        return Failed("stopped", "it was stopped", "")
    kind = error.data.get("exception") or error.kind
    return Failed(kind, error.message.removeprefix(f"{kind}: "), error.data.get("traceback", ""))
