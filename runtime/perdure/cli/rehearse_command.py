"""``perdure extensions rehearse``: what the jobs of an extension would do with a new version of it."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.text import Text

from perdure.cli.count_bar import CountBar
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.job_view import plain_table, status_text
from perdure.cli.master_key_file import master_key
from perdure.cli.output import Output
from perdure.cli.terminal_text import counted, printable, shortened
from perdure.runtime import JobRehearsal, Rehearsal, RehearsalLimits, RuntimeSettings
from perdure.runtime.rehearsal.rehearsal import TypeSummary, Verdict
from perdure.runtime.rehearsal.rehearsing import MOST_WORKERS, rehearse
from perdure.runtime.secrets.keychain import Keychain

_NOTE: Final = 200  # characters of what is said of one job; --json has all of it
_STYLES: Final = {
    Verdict.SAME: "green",
    Verdict.DIFFERENT: "bold red",
    Verdict.INCOMPATIBLE: "bold red",
    Verdict.UNDECIDED: "yellow",
}

NewVersion = Annotated[
    str,
    typer.Argument(
        metavar="NEW_VERSION", help="The folder of the new version, or the id of an extension whose update waits."
    ),
]
SampleSize = Annotated[
    int,
    typer.Option(
        "--sample",
        metavar="N",
        min=0,
        max=1_000_000,
        help="So many finished jobs of each type, half of them the newest, the others at random.",
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", min=0, help="Choose the same jobs as a rehearsal with this seed.")
]
All = Annotated[bool, typer.Option("--all", metavar="", help="All finished jobs.")]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=1, max=MOST_WORKERS, help="So many processes; one a processor."),
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.1, max=1e6, help="Give a job up that takes longer.")
]


def rehearsal(
    invocation: Invocation,
    new_version: NewVersion,
    sample: SampleSize = 20,
    every: All = False,
    seed: Seed = None,
    workers: Workers = None,
    timeout: Timeout = 60.0,
) -> None:
    """Run jobs from the log again with a new version of their extension, without any effect: before it is installed.

    All unfinished jobs, and a sample of the finished ones. Says of each where the new version does something else than
    is recorded, and of an unfinished one whether it could go on from its last checkpoint. Nothing is written, nothing
    is called, and another process may go on working on the folder.
    """
    with invocation.read_if_any() as store:
        if store is None:
            raise CommandError(f"nothing has run in {invocation.data} yet", ExitCode.UNKNOWN)
        key = master_key()
        with CountBar(invocation.output, "rehearsing", "rehearsed", "jobs", quiet=invocation.json) as bar:
            found = rehearse(
                store,
                Keychain.of_folder(invocation.data, key),
                new_version,
                RuntimeSettings(master_key=key),
                sample=None if every else sample,
                seed=seed,
                workers=workers,
                limits=RehearsalLimits(seconds=timeout),
                told=lambda job, done, total: bar.update(done, total),
            )
    if invocation.json:
        invocation.output.json(rehearsal_json(found))
    else:
        _show(invocation.output, found)
    if (code := _code(found)) is not ExitCode.DONE:
        raise typer.Exit(code)


def _code(found: Rehearsal) -> ExitCode:
    if found.problem:
        return ExitCode.BAD_EXTENSION
    if found.good:
        return ExitCode.DONE
    undecided = all(job.good or (job.verdict is Verdict.UNDECIDED and _goes_on(job)) for job in found.jobs)
    return ExitCode.PARTIAL if undecided else ExitCode.DIFFERS


def _goes_on(job: JobRehearsal) -> bool:
    return job.onward is None or job.onward.goes_on


def rehearsal_json(found: Rehearsal) -> dict[str, Any]:
    """A rehearsal as a JSON object; fuel in wasmtime's units."""
    return {
        "extension": found.extension,
        "installed": found.installed,
        "version": found.version,
        "module": found.module,
        "good": found.good,
        "problem": found.problem or None,
        "seed": found.seed,
        "finished": found.finished,
        "types": [msgspec.structs.asdict(summary) for summary in found.by_type],
        "jobs": [_job_json(job) for job in found.jobs],
    }


def _job_json(job: JobRehearsal) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(job)
    if job.onward is not None:
        shown["onward"]["goes_on"] = job.onward.goes_on
    return shown


def _show(output: Output, found: Rehearsal) -> None:
    unfinished = sum(job.onward is not None for job in found.jobs)
    sampled = len(found.jobs) - unfinished
    which = "all" if sampled == found.finished else f"{sampled:,} of"
    output.show(
        f"{found.extension} {printable(found.version)} in the place of {printable(found.installed)}: "
        f"{counted(unfinished, 'unfinished job')}, {which} {counted(found.finished, 'finished one')}"
        + ("" if sampled == found.finished else f" (seed {found.seed})")
    )
    if found.problem:
        output.show(Text.assemble(("it cannot be used", "bold red"), f": {printable(found.problem)}"))
        return
    if found.jobs:
        table = plain_table("job", "type", "status", "policy", "verdict", "calls", "what", right=("calls",))
        for job in found.jobs:
            table.add_row(
                str(job.job_id),
                printable(job.job_type),
                status_text(job.status),
                str(job.policy) if job.onward is not None else "",
                Text(str(job.verdict), _STYLES[job.verdict]),
                f"{job.calls:,}",
                shortened(_what(job), _NOTE),
            )
        output.show("", table)
        summary = plain_table(
            *("type", "jobs", "same", "different", "incompatible", "undecided", "cannot go on", "fuel"),
            right=("jobs", "same", "different", "incompatible", "undecided", "cannot go on", "fuel"),
        )
        for one in found.by_type:
            numbers = (one.jobs, one.same, one.different, one.incompatible, one.undecided, one.cannot_go_on)
            summary.add_row(printable(one.job_type), *(f"{number:,}" for number in numbers), _fuel(one))
        output.show("", summary)


def _what(job: JobRehearsal) -> str:
    """What a person should know of it, on one line."""
    parts = []
    if job.difference is not None:
        one = job.difference
        recorded, came = (json.dumps(words, ensure_ascii=False) for words in one.both)
        parts.append(f"call {one.call} (event {one.sequence}): recorded {recorded}, came {came}")
    elif job.reason:
        parts.append(job.reason)
    onward = job.onward
    if onward is not None and onward.problem and onward.problem != job.reason:
        where = f"the checkpoint at {onward.checkpoint}" if onward.checkpoint else "its start"
        parts.append(f"it cannot go on from {where}: {onward.problem}")
    return printable("; ".join(parts))


def _fuel(summary: TypeSummary) -> str:
    """What the new version consumed, beside what the recorded ones had, up to the last calls that were compared."""
    if not summary.recorded_fuel:
        return ""
    return f"{(summary.fuel - summary.recorded_fuel) / summary.recorded_fuel:+.1%}"
