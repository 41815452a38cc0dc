"""``perdure run``: dispatch a job and stay with it until it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from perdure.cli.any_runtime import AnyRuntime
from perdure.cli.consent_prompt import ConsentPrompt, Yes
from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.folder_commands import FolderOption, share_folders
from perdure.cli.foreground import Foreground, MetricsPort, OwnForeground, Stopped, foreground
from perdure.cli.install_command import install_version, waits_for_consent
from perdure.cli.invocation import BUSY_FOR_NEW, Invocation
from perdure.cli.job_ends import report_ends
from perdure.cli.narrowing import Narrowing
from perdure.cli.passphrases import PassphraseFile, Passphrases
from perdure.cli.project_builds import built_if_project
from perdure.cli.terminal_text import counted
from perdure.cli.unlocking import UnlockFor, unlock_for_jobs
from perdure.runtime import DEFAULT_LIBRARY, JobLimits, RetryPolicy
from perdure.runtime.budgets.budgets import MOST
from perdure.runtime.credentials.lock_operations import UNLOCK_SECONDS
from perdure.runtime.extension_info import ExtensionInfo
from perdure.runtime.packages.package_reader import SUFFIX
from perdure.store.job_state import JobState

Ext = Annotated[
    str,
    typer.Argument(
        metavar="EXT",
        help="An installed extension's id; or a package, a folder or a project, which is built and installed first.",
    ),
]
Job = Annotated[str, typer.Argument(metavar="JOB", help="The name of one of its jobs.")]
State = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="JSON|@FILE|-",
        help="The job's first state: JSON, a file with JSON, or - for standard input.",
    ),
]
Library = Annotated[
    UUID, typer.Option("--library", metavar="UUID", help="The library the job works in.", show_default=False)
]
Fuel = Annotated[
    int | None,
    typer.Option("--fuel", metavar="N", min=1, help="Units of fuel the job may use; unlimited if not given."),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", metavar="SECONDS", min=0.001, max=1e12, help="How long an attempt may run; unlimited if not given."
    ),
]
Memory = Annotated[
    int | None,
    typer.Option(
        "--memory", metavar="MB", min=1, help="MiB of memory the job may use, at most what the manifest allows."
    ),
]
Retries = Annotated[
    int, typer.Option("--retries", metavar="N", min=0, max=999_999, help="How often a failed job is tried again.")
]
Key = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        help="A name for this dispatch: the same command with the same key goes on with the same job.",
    ),
]


def run(
    invocation: Invocation,
    extension: Ext,
    job: Job,
    state: State = None,
    library: Library = DEFAULT_LIBRARY,
    fuel: Fuel = None,
    timeout: Timeout = None,
    memory: Memory = None,
    retries: Retries = 0,
    folder: FolderOption = [],  # noqa: B006 - typer makes a new one for each call
    idempotency_key: Key = None,
    metrics_port: MetricsPort = None,
    passphrase_file: PassphraseFile = None,
    unlock_for: UnlockFor = UNLOCK_SECONDS,
    yes: Yes = False,
) -> None:
    """Run a job to its end, with its progress.

    The job is on disk before it starts: when this process dies, 'perdure resume' goes on where it was.
    """
    data = read_state(state)
    stopped = Stopped()
    with foreground(invocation, stopped, metrics_port, busy=BUSY_FOR_NEW) as front:
        runtime = front.runtime
        installed = usable_extension(invocation, runtime, extension, yes=yes)
        share_folders(runtime, installed.extension, folder)
        _mention_unfinished(front)
        passphrases = Passphrases(invocation, passphrase_file)
        unlock_for_jobs(invocation, runtime, [installed.extension], passphrases, unlock_for)
        known = _known_job(front, installed.extension, idempotency_key)
        handle = runtime.dispatch(
            f"{installed.extension}:{job}",
            data,
            library_id=library,
            limits=JobLimits(
                fuel=fuel,
                memory_bytes=memory * 1024 * 1024 if memory is not None else MOST - 1,
                wall_clock_ms=round(timeout * 1000) if timeout is not None else None,
            ),
            retry=RetryPolicy(attempts=retries + 1),
            idempotency_key=idempotency_key,
        )
        if known is not None:
            invocation.output.say(f"dispatched before with this key: job {known.job_id} is {known.status}")
            front.go_on(known)
        front.follow([handle.job_id])
    report_ends(invocation, [handle.job_id], stopped, as_list=False)


def _known_job(front: Foreground, extension: str, key: str | None) -> JobState | None:
    """The job that an earlier command dispatched with this key, if there is one."""
    handle = front.runtime.job_with_key(extension, key) if key is not None else None
    return handle.state if handle is not None else None


def read_state(option: str | None) -> bytes | None:
    """The job's first state as ``--state`` names it.

    Raises:
        CommandError: the file cannot be read.
    """
    if option is None:
        return None
    if option == "-":
        return sys.stdin.buffer.read()
    if not option.startswith("@"):
        return option.encode(errors="surrogateescape")  # as the shell gave it; what is no UTF-8 is refused later
    try:
        return Path(option[1:]).read_bytes()
    except OSError as error:
        raise CommandError(f"--state {option}: {error.strerror or error}", ExitCode.USAGE) from error


def usable_extension(invocation: Invocation, runtime: AnyRuntime, extension: str, *, yes: bool) -> ExtensionInfo:
    """The extension with this id; what names a package or a folder is installed, as `perdure extensions install` does.

    ``yes`` agrees to what it asks for. A new version that asks for more and has to wait leaves the installed one.

    An installed id wins over a folder of that name in the working directory; ``./NAME`` means the folder.
    """
    installed = {known.extension for known in runtime.extensions()}
    path = os.sep in extension or extension.startswith(".") or extension.endswith(SUFFIX)
    if not path and (extension in installed or not Path(extension).is_dir()):
        return runtime.inspect(extension)
    extension = built_if_project(invocation, extension)
    info = install_version(invocation, runtime, extension, ConsentPrompt(invocation, Narrowing(), yes=yes))
    if info.update is not None and waits_for_consent(info, extension):
        invocation.output.say(
            f"{info.update.version} asks for more than was granted, and waits; this is {info.version}; "
            f"perdure extensions update {info.extension}"
        )
    return info


def _mention_unfinished(front: Foreground) -> None:
    if not isinstance(front, OwnForeground):
        return  # the server sees to them
    count = sum(front.runtime.store.count_unfinished().values())
    if count:
        front.invocation.output.say(f"{counted(count, 'unfinished job')} in this folder: perdure resume")
