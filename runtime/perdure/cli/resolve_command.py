"""``perdure jobs resolve``: a person says what became of an action of which nobody else knows whether it was done."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from perdure.cli.consent_prompt import confirmed, is_interactive, who
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.foreground import MetricsPort, Stopped, foreground
from perdure.cli.invocation import Invocation
from perdure.cli.job_argument import JobId, require_job
from perdure.cli.job_ends import report_ends
from perdure.cli.job_json import doubt_json
from perdure.cli.job_view import doubt_rows
from perdure.cli.terminal_text import shortened
from perdure.runtime import doubt_of
from perdure.runtime.doubts import Resolution
from perdure.store.lifecycle import Status

Succeeded = Annotated[
    str | None,
    typer.Option(
        "--succeeded",
        metavar="JSON|@FILE|-",
        help="It was done, and this is its answer: JSON, a file with JSON, or - for standard input.",
    ),
]
Failed = Annotated[
    str | None, typer.Option("--failed", metavar="MESSAGE", help="It was not done, and will not be; the guest is told.")
]
Code = Annotated[
    str, typer.Option("--code", metavar="CODE", help="With --failed: the error code that the guest gets (docs/abi.md).")
]
Again = Annotated[
    bool, typer.Option("--again", metavar="", help="It was not done: run it now, under the same effect key.")
]
Agree = Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Record it, without being asked.")]

_SHOWN = 2_000  # characters of an answer


def resolve(
    invocation: Invocation,
    job: JobId,
    succeeded: Succeeded = None,
    failed: Failed = None,
    code: Code = "failed",
    again: Again = False,
    yes: Agree = False,
    metrics_port: MetricsPort = None,
) -> None:
    """Say what became of the action that a job in status 'attention' waits for; it goes on, and this stays to its end.

    A process died while the action ran, and it must not be done twice: look where it takes effect, then say so here.
    """
    state = require_job(invocation, job)
    if state.status is not Status.ATTENTION:
        text = f"job {job} is {state.status}: there is nothing that it waits for a person to say"
        raise CommandError(text, ExitCode.NOT_NOW)
    with invocation.read() as store:
        doubt = doubt_of(store, state)
    if not invocation.json and doubt is not None:
        for name, value in doubt_rows(doubt_json(doubt)):
            _note(invocation, name, value)
    resolution, words = _resolution(succeeded, failed, again=again)
    answer = _read(succeeded) if succeeded is not None else None
    if not invocation.json:
        shown = answer is not None and doubt is not None and not doubt.sealed  # what is sealed may have secrets in it
        said = f": {shortened(answer.decode(errors='replace'), _SHOWN)}" if answer is not None and shown else ""
        _note(invocation, "you say", words + said)
    if not yes and is_interactive(invocation) and not confirmed("Record this?"):
        raise CommandError("nothing was recorded; the job goes on waiting", ExitCode.CONSENT)
    invocation.require_free()
    stopped = Stopped()
    with foreground(invocation, stopped, metrics_port) as front:
        front.runtime.resolve(job, resolution, answer=answer, message=failed, code=code, by=who())
        front.follow([job])
    report_ends(invocation, [job], stopped, as_list=False)


def _resolution(succeeded: str | None, failed: str | None, *, again: bool) -> tuple[Resolution, str]:
    """What was said, and the words for it.

    Raises:
        CommandError: nothing was said, or two things.
    """
    said: list[tuple[Resolution, str]] = []
    if succeeded is not None:
        said.append(("succeeded", "it was done, and answered"))
    if failed is not None:
        said.append(("failed", f"it failed: {shortened(failed, _SHOWN)}"))
    if again:
        said.append(("again", "it is to be run again"))
    if len(said) != 1:
        raise CommandError(
            "say what became of the action, in one way: --succeeded with its answer, --failed with a message, or "
            "--again; 'perdure jobs show' says what it is",
            ExitCode.USAGE,
        )
    return said[0]


def _read(option: str) -> bytes:
    if option == "-":
        return sys.stdin.buffer.read()
    if option.startswith("@"):
        try:
            return Path(option[1:]).expanduser().read_bytes()
        except OSError as error:
            raise CommandError(f"--succeeded {option}: {error.strerror or error}", ExitCode.USAGE) from error
    return option.encode(errors="surrogateescape")  # as the shell gave it; what is no UTF-8 is refused later


def _note(invocation: Invocation, name: str, value: str) -> None:
    invocation.output.note(Text.assemble((f"{name:<10}", "bold"), value))
