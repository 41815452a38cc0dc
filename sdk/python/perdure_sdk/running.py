"""One run of a job, from its first state to its end, whoever its host is."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any, Literal
from uuid import UUID

from perdure_sdk.context import ExtensionContext, JobContext, plain_text
from perdure_sdk.errors import ExtensionError, Interrupted
from perdure_sdk.extension import Extension, Job
from perdure_sdk.host import Host
from perdure_sdk.json_text import from_text, to_text
from perdure_sdk.shapes import to_json
from perdure_sdk.tracebacks import traceback_of


@dataclasses.dataclass(frozen=True)
class Completed:
    """The job has done its work. ``state`` is JSON, to be saved as its last checkpoint; None if it has none."""

    state: str | None


@dataclasses.dataclass(frozen=True)
class Stopped:
    """The job was paused or cancelled."""


@dataclasses.dataclass(frozen=True)
class Failed:
    """The job has raised an exception.

    Attributes:
        kind: the exception's class.
        message: what it says, in one line.
        traceback: where it was raised.
    """

    kind: str
    message: str
    traceback: str


Outcome = Completed | Stopped | Failed


def run(
    extension: Extension,
    host: Host,
    name: str,
    *,
    job_id: str,
    library_id: str,
    state: str | None,
    finish: Callable[[], None] = lambda: None,
) -> Outcome:
    """Run a job. What its code raises is an outcome; a failure is said in the log too, at level error.

    ``finish`` is called when the job's code has ended: for what it has printed and not ended with a line's end.
    """
    try:
        job = extension.jobs.get(name)
        if job is None:
            offered = ", ".join(extension.jobs)
            raise ExtensionError(f"{extension.id} offers no job {name!r}; it offers {offered}")
        try:
            return Completed(_run(job, host, UUID(job_id), UUID(library_id), state))
        finally:
            finish()
    except Interrupted:
        return Stopped()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # sys.exit ends the job, not the guest
        return failed(host, error)


def run_hooks(
    extension: Extension,
    host: Host,
    which: Literal["on_init", "on_cleanup"],
    *,
    finish: Callable[[], None] = lambda: None,
) -> str:
    """Call what the author wants called; the answer is empty, or says what was raised. ``finish`` is as for `run`."""
    functions = extension.on_init_functions if which == "on_init" else extension.on_cleanup_functions
    context = ExtensionContext(host)
    for function in functions:
        try:
            function(context)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # as above
            host.log("error", plain_text(traceback_of(error)))
            return plain_text(f"{type(error).__name__}: {error}")
        finally:
            finish()
    return ""


def _run(job: Job, host: Host, job_id: UUID, library_id: UUID, text: str | None) -> str | None:
    shape = job.shape()
    given: Any = from_text(text, "state") if text else None
    state = shape.read({} if given is None else given, "state") if job.takes_state else None

    def write(value: object) -> str:
        return to_text(shape.write(value, "state"), "state")

    context = JobContext(host, job_id=job_id, library_id=library_id, state=state, write=write)
    if not job.takes_state:
        result = job.function(context)
        return None if result is None else to_text(to_json(result, "result"), "result")
    result = job.function(context, state)
    # A job that went on with another object than it was given has said so by checkpointing it.
    return write(context.state) if result is None else to_text(to_json(result, "result"), "result")


def failed(host: Host, error: BaseException) -> Failed:
    """The outcome of a job that raised an error; it is said in the log, too."""
    kind = type(error).__name__
    try:
        said = plain_text(str(error)).strip()
    except Exception:  # noqa: BLE001  # the author's own __str__
        said = ""
    said = said or kind
    message = " ".join(said.split("\n"))
    try:
        text = plain_text(traceback_of(error))
    except Exception as problem:  # noqa: BLE001  # a failure is said in any case
        text = f"{kind}: {message}\n(its traceback could not be made: {problem!r})"
    with contextlib.suppress(Exception):
        host.log("error", said)
    return Failed(kind, message, text)
