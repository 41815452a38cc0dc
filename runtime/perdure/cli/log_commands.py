"""``perdure log``: the events themselves."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer

from perdure.cli.errors import CommandError
from perdure.cli.event_view import HISTORY_HEADER, history_line, log_line
from perdure.cli.exit_codes import ExitCode
from perdure.cli.foreground import require_job
from perdure.cli.invocation import Invocation
from perdure.cli.job_argument import JobId
from perdure.cli.master_key_file import master_key
from perdure.cli.passphrases import PassphraseFile, Passphrases
from perdure.cli.terminal_text import counted, size
from perdure.cli.unlocking import locks_met, unlock_keys
from perdure.runtime import history
from perdure.runtime.proof import Verifier
from perdure.runtime.secrets.keychain import Keychain
from perdure.store.event_store import EventStore, StoredEvent
from perdure.store.events import job_stream
from perdure.store.export import as_json, export_lines
from perdure.store.tail import follow, follow_stream

LAST: Final = 20  # events that the tail begins with
BUNDLE_SUFFIX: Final = ".perdure"

Stream = Annotated[
    str | None,
    typer.Option(
        "--stream", metavar="STREAM", help="Only this stream: a job's id, extension:ID, library:ID, calls, or runtime."
    ),
]
FromPosition = Annotated[
    int | None,
    typer.Option(
        "--from", metavar="POSITION", min=1, help=f"Begin at this position; with the last {LAST} events if not given."
    ),
]
Follow = Annotated[
    bool, typer.Option("--follow/--no-follow", metavar="", help="Go on with each new event as it happens.")
]
FromSequence = Annotated[int, typer.Option("--from", metavar="SEQUENCE", min=1, help="The first event.")]
ToSequence = Annotated[int | None, typer.Option("--to", metavar="SEQUENCE", min=1, help="The last event.")]
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


def tail(invocation: Invocation, stream: Stream = None, first: FromPosition = None, follow_on: Follow = True) -> None:
    """Print the end of the log, and go on with what happens, in whichever process it does. Ctrl-C ends it."""
    with invocation.read() as store:
        name = _stream_name(store, stream) if stream is not None else None
        for stored in _tail_of(store, name, first, follow_on):
            if invocation.json:
                invocation.output.json(as_json(stored))
            else:
                invocation.output.show(log_line(stored, with_stream=name is None))


def _stream_name(store: EventStore, given: str) -> str:
    """The stream's name; a job's may be given as its id alone.

    Raises:
        CommandError: there is no such stream.
    """
    with contextlib.suppress(ValueError):
        given = job_stream(UUID(given))
    if store.head(given) is None:
        raise CommandError(
            f"there is no stream {given}; streams are job:ID, extension:ID and runtime", ExitCode.UNKNOWN
        )
    return given


def _tail_of(store: EventStore, stream: str | None, first: int | None, follow_on: bool) -> Iterator[StoredEvent]:
    def stop() -> bool:
        return not follow_on

    if stream is None:
        after = first - 1 if first is not None else max(0, store.position() - LAST)
        yield from follow(store, after=after, stop=stop)
        return
    head = store.head(stream)
    sequence = max(0, head.sequence - LAST) if head is not None and first is None else 0
    for stored in follow_stream(store, stream, after=sequence, stop=stop):
        if first is None or stored.position >= first:
            yield stored


def show_history(invocation: Invocation, job: JobId, first: FromSequence = 1, last: ToSequence = None) -> None:
    """Print a job's history, the events marked that it did again after falling back to a checkpoint."""
    require_job(invocation, job)
    with invocation.read() as store:
        if not invocation.json:
            invocation.output.show(HISTORY_HEADER)
        for entry in history(store, job, first, last):
            if invocation.json:
                invocation.output.json({**as_json(entry.stored), "superseded": entry.superseded})
            else:
                invocation.output.show(history_line(entry))


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
