"""``perdure log check``: whether the log is what was written."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.text import Text

from perdure.cli.check_process import check_in_child
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.terminal_text import counted, printable

_SHOWN: Final = 20

SealOption = Annotated[
    str | None,
    typer.Option("--seal", metavar="FILE", help="Compare the log with this seal too, which was kept elsewhere."),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="FILE", help="The public key that the seals have to lead back to: perdure keys public."
    ),
]


def check(invocation: Invocation, seal: SealOption = None, key: KeyOption = None) -> None:
    """Check every event, hash, projection, blob and seal; another process may go on writing meanwhile."""
    report = check_in_child(invocation.data, seal=seal, key=key)
    output = invocation.output
    if invocation.json:
        output.json(
            {
                "clean": report.clean,
                "events": report.events,
                "frames": report.frames,
                "streams": report.streams,
                "blobs": report.blobs,
                "seals": report.seals,
                "sealed_position": report.sealed_position,
                "sealed_at": report.sealed_at,
                "folded": report.folded,
                "notes": report.notes,
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
                counted(report.seals, "seal"),
            )
        )
        verdict = Text("clean", "green") if report.clean else Text("damaged", "bold red")
        output.show(Text.assemble(verdict, f": {looked_at} in {invocation.data}"))
        for problem in report.problems:
            output.show(Text(f"  {printable(problem.where)}: {printable(problem.what)}"))
        for note in report.notes:
            output.show(Text(f"  note: {printable(note)}", "dim"))
        if report.folded:
            folded = f"{counted(len(report.folded), 'stream')} sealed and folded by retention since"
            output.show(Text(f"  note: {folded}: {printable(', '.join(report.folded[:_SHOWN]))}", "dim"))
    if not report.clean:
        output.error(f"{counted(len(report.problems), 'problem')} in {invocation.data}; restore from a backup")
        raise typer.Exit(ExitCode.STORE)
