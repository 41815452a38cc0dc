"""``perdure dev``: build, run, and do it again on every save, without losing what the job has done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from perdure.cli.build_command import ProjectFolder
from perdure.cli.dev.keys import can_press, keys
from perdure.cli.dev.loop import OnChange
from perdure.cli.dev.session import DevOptions, Session
from perdure.cli.dev.watching import Watcher
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.foreground import Stopped, foreground
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.job_ends import report_ends
from perdure.cli.run_command import Library, read_state
from perdure.runtime import DEFAULT_LIBRARY
from perdure.toolchain import Built, build, project_around, project_in

DATA_FOLDER: Final = ".perdure"

JobName = Annotated[
    str | None, typer.Option("--job", metavar="NAME", help="Which of its jobs; the first one if not given.")
]
State = Annotated[
    str | None,
    typer.Option(
        "--state", metavar="JSON|@FILE", help="The job's first state: JSON, or a file with JSON, read at each dispatch."
    ),
]
Change = Annotated[
    OnChange,
    typer.Option(
        "--on-change",
        metavar="keep|restart",
        help="What becomes of the job on a save: it goes on in the new code, or is cancelled and begins anew.",
        show_choices=False,
    ),
]
Once = Annotated[
    bool,
    typer.Option("--once", metavar="", help="Build, run the job to its end, and leave with its exit code; for tests."),
]


def dev(
    invocation: Invocation,
    folder: ProjectFolder = None,
    job: JobName = None,
    state: State = None,
    library: Library = DEFAULT_LIBRARY,
    on_change: Change = OnChange.KEEP,
    once: Once = False,
) -> None:
    """Build an extension's project and run its job; on every save build it again: the job goes on in the new code.

    The data is in .perdure in the project's folder. Whatever the extension asks for is allowed. When this process is
    stopped or dies, the next 'perdure dev' takes the job up where it was.
    """
    if state == "-":
        raise CommandError("--state - is read once, and each dispatch needs it: use @FILE", ExitCode.USAGE)
    project = project_in(Path(folder)) if folder is not None else project_around(Path())
    invocation.work_in(project.folder / DATA_FOLDER)
    _keep_out_of_git(invocation.data)
    stopped = Stopped()
    options = DevOptions(
        job=job,
        state=lambda: read_state(state),
        library=library,
        on_change=on_change,
        once=once,
        keys=not once and not invocation.json and can_press(),
    )

    def build_now(say: Callable[[str], None]) -> Built:
        return build(project_in(project.folder), say)  # its file may have changed, too

    with foreground(invocation, stopped, busy=BUSY_FOR_NEW) as front, contextlib.ExitStack() as stack:
        session = Session(invocation, front.runtime, build_now, options, stopped.event.is_set)
        if not once:
            stack.enter_context(Watcher(project.folder, invocation.data, session.changed))
        if options.keys:
            stack.enter_context(keys(session.pressed))
        code = session.run()
        stack.close()
    if once and session.job_id is not None and (code is not ExitCode.DONE or stopped.name is None):
        report_ends(invocation, [session.job_id], stopped, as_list=False)
    if stopped.code is not None:
        invocation.output.say("stopped; the next 'perdure dev' takes the job up")
    if (stopped.code or code) is not ExitCode.DONE:
        raise typer.Exit(stopped.code or code)


def _keep_out_of_git(data: Path) -> None:
    """The project's own data is nobody else's: git is told so where the folder is new."""
    if data.name == DATA_FOLDER and not data.exists():
        data.mkdir(mode=0o700)
        (data / ".gitignore").write_text("*\n")
