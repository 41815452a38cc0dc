"""``perdure log export``: events as JSON lines, or a job as a bundle that proves it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer

from perdure.cli.errors import CommandError
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.job_argument import require_job
from perdure.cli.master_key_file import master_key
from perdure.cli.passphrases import PassphraseFile, Passphrases
from perdure.cli.terminal_text import counted, size
from perdure.cli.unlocking import locks_met, unlock_keys
from perdure.runtime.proof import Verifier
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.events import job_stream
from perdure.store.export import export_lines

BUNDLE_SUFFIX: Final = ".perdure"

MaybeJob = Annotated[
    UUID | None, typer.Argument(metavar="[JOB]", help="Only this job's events; the whole log if not given.")
]
OutputFile = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help=f"Write to this file, a job's bundle if it ends in {BUNDLE_SUFFIX}; - or nothing for standard output.",
    ),
]
WithSecrets = Annotated[
    bool,
    typer.Option(
        "--with-secrets", metavar="", help="Add the job's sealed payloads to a bundle in clear; keys are never added."
    ),
]


def export(
    invocation: Invocation,
    job: MaybeJob = None,
    output: OutputFile = None,
    with_secrets: WithSecrets = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Write events as JSON lines, each with its hash and its stored bytes, so that others can check the chain.

    A job's, into a file that ends in .perdure: all that it takes to prove the job, for 'perdure verify FILE'.
    """
    if job is not None:
        require_job(invocation, job)
    if output is not None and output.endswith(BUNDLE_SUFFIX):
        if job is None:
            raise CommandError("a bundle is one job's; name it", ExitCode.USAGE)
        _export_bundle(invocation, job, Path(output), passphrase_file, secrets=with_secrets)
        return
    if with_secrets:
        raise CommandError(f"--with-secrets is for a bundle: -o FILE{BUNDLE_SUFFIX}", ExitCode.USAGE)
    with invocation.read() as store:
        events = store.read(job_stream(job)) if job is not None else store.read_all(until=store.position())
        if output in (None, "-"):
            _write(invocation, export_lines(events))
            return
        path = Path(str(output))
        try:
            with path.open("w", encoding="utf-8") as file:
                count = 0
                for line in export_lines(events):
                    file.write(f"{line}\n")
                    count += 1
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror or error}", ExitCode.USAGE) from error
    invocation.output.say(f"{counted(count, 'event')} written to {path}")


def _export_bundle(
    invocation: Invocation, job: UUID, path: Path, passphrase_file: str | None, *, secrets: bool
) -> None:
    with invocation.read() as store:
        keychain = Keychain.of_folder(invocation.data, master_key())
        if secrets:
            locks = locks_met(store, keychain, job)
            unlock_keys(invocation, keychain, locks, Passphrases(invocation, passphrase_file))
        written = Verifier(store, keychain).export(job, path, secrets=secrets)
    parts = [counted(written.events, "event"), counted(written.blobs, "blob")]
    if written.sealed:
        parts.append(f"{counted(written.sealed, 'sealed payload')}, {written.opened} of them also in clear")
    invocation.output.say(f"{', '.join(parts)}: {size(written.size)} written to {path}")


def _write(invocation: Invocation, lines: Iterable[str]) -> None:
    # Not a line at a time: an export is read as a whole.
    for line in lines:
        sys.stdout.write(f"{line}\n")
    invocation.output.flush()
