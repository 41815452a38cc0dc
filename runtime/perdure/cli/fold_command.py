"""``perdure jobs fold``: remove the events of jobs that ended long ago, and keep what they add up to."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

import msgspec
import typer

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.jobs_commands import OfType
from perdure.cli.terminal_text import counted, size
from perdure.runtime import FoldReport
from perdure.store.errors import StoreMissing

_UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_AGE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([mhdw])")

OlderThan = Annotated[
    str,
    typer.Option("--older-than", metavar="AGE", help="How long ago a job has to have ended: 30d, 12h, 8w, 90m."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", metavar="", help="Only say what would be folded.")]


def fold(invocation: Invocation, older_than: OlderThan, job_type: OfType = None, dry_run: DryRun = False) -> None:
    """Remove the events of jobs that ended long ago; what they add up to and the hash of the last one stay.

    Such a job is still listed and shown. Its history cannot be read, verified, forked or retried any more: export it
    first, if somebody may ask for it. Payloads that nothing names any more are removed a day later.
    """
    age = parse_age(older_than)
    if not invocation.data.exists():
        raise StoreMissing(invocation.data)
    with invocation.runtime() as runtime:
        report = runtime.fold_jobs(age, job_type=job_type, dry_run=dry_run)
    if invocation.json:
        invocation.output.json({**msgspec.structs.asdict(report), "dry_run": dry_run})
        return
    invocation.output.show(_text(report, dry_run=dry_run))
    if report.damaged:
        invocation.output.say(
            f"{counted(report.damaged, 'job')} stayed as they were: their events are not what was written; "
            "'perdure log check' says more"
        )


def _text(report: FoldReport, *, dry_run: bool) -> str:
    if not report.jobs and not report.blobs:
        return "nothing to fold"
    what = f"{counted(report.jobs, 'job')} with {counted(report.events, 'event')}"
    if dry_run:
        return f"{what} would be folded"
    blobs = f"; {counted(report.blobs, 'blob')} that nothing names removed, {size(report.blob_bytes)}"
    return f"{what} folded, {size(report.bytes)}{blobs if report.blobs else ''}"


def parse_age(text: str) -> timedelta:
    """``30d`` as a time.

    Raises:
        CommandError: it is none.
    """
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise CommandError(
            f"--older-than {text}: a number and a unit: m (minutes), h (hours), d (days) or w (weeks)", ExitCode.USAGE
        )
    try:
        return timedelta(seconds=float(found[1]) * _UNITS[found[2]])
    except OverflowError:
        raise CommandError(f"--older-than {text}: that is too long", ExitCode.USAGE) from None
