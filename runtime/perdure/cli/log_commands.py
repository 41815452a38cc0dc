"""``perdure log``: the events themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated, Final
from uuid import UUID

import typer

from perdure.cli.errors import CommandError
from perdure.cli.event_view import HISTORY_HEADER, history_line, log_line
from perdure.cli.exit_codes import ExitCode
from perdure.cli.invocation import Invocation
from perdure.cli.job_argument import JobId, require_job
from perdure.runtime import history
from perdure.store.event_store import EventStore, StoredEvent
from perdure.store.events import job_stream
from perdure.store.export import as_json
from perdure.store.tail import follow, follow_stream

LAST: Final = 20  # events that the tail begins with

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
