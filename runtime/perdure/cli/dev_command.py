"""``perdure dev``: build, run, and do it again on every save, without losing what the job has done."""

from __future__ import annotations

import contextlib
import shutil
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
from perdure.cli.filesystem import usage
from perdure.cli.foreground import Stopped, own_foreground
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.job_ends import report_ends
from perdure.cli.run_command import Library, read_state
from perdure.cli.terminal_text import size
from perdure.runtime import DEFAULT_LIBRARY
from perdure.toolchain import Built, build, project_around, project_in

DATA_FOLDER: Final = ".perdure"
_MUCH: Final = 2 << 30  # bytes of data that are worth a word

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


Fresh = Annotated[
    bool,
    typer.Option("--fresh", metavar="", help=f"Forget the jobs of earlier times: remove {DATA_FOLDER} of the project."),
]


def dev(
    invocation: Invocation,
    folder: ProjectFolder = None,
    job: JobName = None,
    state: State = None,
    library: Library = DEFAULT_LIBRARY,
    on_change: Change = OnChange.KEEP,
    once: Once = False,
    fresh: Fresh = False,
) -> None:
    """Build an extension's project and run its job; on every save build it again: the job goes on in the new code.

    The data is in .perdure in the project's folder. Whatever the extension asks for is allowed. When this process is
    stopped or dies, the next 'perdure dev' takes the job up where it was.
    """
    if state == "-":
        raise CommandError("--state - is read once, and each dispatch needs it: use @FILE", ExitCode.USAGE)
    project = project_in(Path(folder)) if folder is not None else project_around(Path())
    own = project.folder / DATA_FOLDER
    invocation.shows_stages = True
    invocation.work_in(own)
    if fresh:
        _remove(invocation, own)
    _make(invocation, own)
    stopped = Stopped()
    options = DevOptions(
        job=job,
        state=lambda: read_state(state),
        library=library,
        on_change=on_change,
        once=once,
        keys=not once and not invocation.json and invocation.output.live and can_press(),
    )

    def build_now(say: Callable[[str], None]) -> Built:
        return build(project_in(project.folder), say)  # its file may have changed, too

    with own_foreground(invocation, stopped, busy=BUSY_FOR_NEW) as front, contextlib.ExitStack() as stack:
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


def _make(invocation: Invocation, own: Path) -> None:
    """The project's own data is nobody else's: git is told so where the folder is new."""
    if invocation.data == own and not own.exists():
        own.mkdir(mode=0o700)
        (own / ".gitignore").write_text("*\n")
    elif (taken := usage(invocation.data).bytes) > _MUCH:
        more = "; --fresh removes it" if invocation.data == own else ""
        invocation.output.say(f"{invocation.data} takes {size(taken)}: each module that was built is kept{more}")


def _remove(invocation: Invocation, own: Path) -> None:
    """Remove the project's own data folder.

    Raises:
        CommandError: another folder was named, or a process works on this one, or it cannot be removed.
    """
    if invocation.data != own:
        raise CommandError(f"--fresh removes {own} only; remove {invocation.data} yourself", ExitCode.USAGE)
    if not own.is_dir():
        return
    if (pid := invocation.holder()) is not None:
        raise CommandError(BUSY_FOR_NEW.format(pid=pid, folder=own), ExitCode.FOLDER_IN_USE)
    try:
        shutil.rmtree(own)
    except OSError as error:
        raise CommandError(f"{own} cannot be removed: {error.strerror or error}", ExitCode.STORE) from error
