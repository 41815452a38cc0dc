"""``perdure log check``: whether the log is what was written."""

from __future__ import annotations

import typer
from rich.text import Text

from perdure.cli.check_process import check_in_child
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.terminal_text import counted, printable


def check(invocation: Invocation) -> None:
    """Check every event, hash, projection and blob; another process may go on writing meanwhile."""
    report = check_in_child(invocation.data)
    output = invocation.output
    if invocation.json:
        output.json(
            {
                "clean": report.clean,
                "events": report.events,
                "frames": report.frames,
                "streams": report.streams,
                "blobs": report.blobs,
                "problems": [{"where": problem.where, "what": problem.what} for problem in report.problems],
            }
        )
    else:
        looked_at = ", ".join(
            (
                counted(report.events, "event"),
                counted(report.frames, "frame"),
                counted(report.streams, "stream"),
                counted(report.blobs, "blob"),
            )
        )
        verdict = Text("clean", "green") if report.clean else Text("damaged", "bold red")
        output.show(Text.assemble(verdict, f": {looked_at} in {invocation.data}"))
        for problem in report.problems:
            output.show(Text(f"  {printable(problem.where)}: {printable(problem.what)}"))
    if not report.clean:
        output.error(f"{counted(len(report.problems), 'problem')} in {invocation.data}; restore from a backup")
        raise typer.Exit(ExitCode.STORE)
