"""``perdure jobs fork``: a new job that goes on from a point of another one's past."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import UNSET

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.foreground import MetricsPort, Stopped, foreground
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.job_argument import JobId, require_job
from perdure.cli.job_ends import report_ends
from perdure.cli.job_json import job_json
from perdure.cli.job_view import show_end
from perdure.cli.run_command import read_state
from perdure.cli.terminal_text import shortened
from perdure.store.lifecycle import Status

At = Annotated[
    int | None,
    typer.Option(
        "--at",
        metavar="SEQUENCE",
        min=1,
        help="Branch off behind this event of its history; its last one if not given.",
    ),
]
State = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="JSON|@FILE|-",
        help="Begin anew at the last checkpoint, with this state: JSON, a file with JSON, or - for standard input.",
    ),
]
Answer = Annotated[
    str | None,
    typer.Option(
        "--answer",
        metavar="CALL=JSON|CALL=@FILE",
        help="Answer this host call of the run that is open there with something else, and branch off behind it.",
    ),
]
Module = Annotated[
    str | None,
    typer.Option(
        "--module",
        metavar="NEW",
        help="Run another module: a wasm file, an extension's folder, or a version that is installed.",
    ),
]
Paused = Annotated[
    bool, typer.Option("--paused", metavar="", help="Only make it; 'perdure jobs resume' lets it go on.")
]


def fork(
    invocation: Invocation,
    job: JobId,
    at: At = None,
    state: State = None,
    answer: Answer = None,
    module: Module = None,
    paused: Paused = False,
    metrics_port: MetricsPort = None,
) -> None:
    """Make a new job that goes on from a point of this one's past, and stay until it ends. This one stays as it is.

    Before that point the fork has done what the original did; files, settings and the world are those of today.
    """
    require_job(invocation, job)
    new_state: Any = UNSET if state is None else read_state(state)
    new_answer = _answer(answer) if answer is not None else None
    stopped = Stopped()
    with foreground(invocation, stopped, metrics_port, busy=BUSY_FOR_NEW) as front:
        made = front.runtime.fork(job, at, state=new_state, answer=new_answer, module=_module(module), paused=paused)
        made_state = made.state
        if made_state.status not in (Status.PAUSED, Status.ATTENTION):
            if not invocation.json:
                front.invocation.output.note(f"{made_state.job_type} {made.job_id} goes on from job {job}")
            front.follow([made.job_id])
    if paused:
        _show_made(invocation, made.job_id)
        return
    report_ends(invocation, [made.job_id], stopped, as_list=False)


def _show_made(invocation: Invocation, job_id: Any) -> None:
    with invocation.read() as store:
        state = store.job(job_id)
    if invocation.json:
        invocation.output.json(job_json(state))
        return
    show_end(invocation.output, state)
    if state.status is Status.PAUSED:
        invocation.output.say(f"'perdure jobs resume {job_id}' lets it go on")


def _answer(option: str) -> tuple[int, bytes]:
    """The call's number, and what it is to be answered with.

    Raises:
        CommandError: it is not CALL=JSON, or the file cannot be read.
    """
    call, equals, text = option.partition("=")
    if not equals or not (call.isascii() and call.isdigit()) or len(call) > 18:
        raise CommandError(
            f"--answer {shortened(option, 40)!r} must be CALL=JSON, with the number of a host call", ExitCode.USAGE
        )
    if text.startswith("@"):
        try:
            return int(call), Path(text[1:]).read_bytes()
        except OSError as error:
            raise CommandError(f"--answer {text}: {error.strerror or error}", ExitCode.USAGE) from error
    return int(call), text.encode(errors="surrogateescape")  # as the shell gave it; what is no UTF-8 is refused later


def _module(option: str | None) -> str | None:
    if option is None:
        return None
    path = Path(option).expanduser()  # a shell does not expand a tilde behind an option's equals sign
    return str(path.absolute()) if path.exists() or option.startswith("~") else option  # a server is elsewhere
