"""``perdure jobs watch``: what a job does, as it happens."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import typer

from perdure.cli.event_view import job_line
from perdure.cli.exit_codes import ExitCode
from perdure.cli.foreground import REFRESH, code_for
from perdure.cli.invocation import Invocation
from perdure.cli.job_argument import JobId, require_job
from perdure.cli.job_view import show_end
from perdure.cli.job_words import attention
from perdure.cli.progress import display_for
from perdure.store.events import BytesCounted, CheckpointSaved, Event, ItemsCounted, ProgressReported, job_stream
from perdure.store.export import as_json
from perdure.store.lifecycle import Status
from perdure.store.lmdb_store import LmdbEventStore

_IN_THE_BAR: Final[frozenset[type[Event]]] = frozenset({ProgressReported, ItemsCounted, BytesCounted, CheckpointSaved})

From = Annotated[int, typer.Option("--from", metavar="SEQUENCE", min=1, help="Begin with this event of the job.")]


def watch(invocation: Invocation, job: JobId, first: From = 1) -> None:
    """Show what a job does, as it happens, until it has ended or no process runs it.

    People see a bar, and the events that are not in the bar; --json streams every event, a line each.
    The exit code is that of the job.
    """
    require_job(invocation, job)
    with invocation.read() as store, display_for(invocation.output, json=invocation.json) as display:
        seen, moved = first - 1, False
        while True:
            # Asked only when nothing moves, because asking takes the lock for a moment, and before the log is read,
            # so that nothing which that process did is missed.
            held = moved or invocation.holder() is not None
            position, state = store.position(), store.job(job)
            seen = _show_events(invocation, store, job, seen, state.sequence)
            if state.finished or state.status is Status.ATTENTION or not held:
                break
            display.update([state], 0)
            moved = store.wait(position, REFRESH) > position
    if not invocation.json:
        show_end(invocation.output, state)
    if state.status is Status.ATTENTION:
        invocation.output.say(attention(state))
    elif not state.finished:
        invocation.output.say(f"no process runs job {job}; 'perdure resume' lets it go on")
    code = code_for([state])
    if code is not ExitCode.DONE:
        raise typer.Exit(code)


def _show_events(invocation: Invocation, store: LmdbEventStore, job: UUID, seen: int, until: int) -> int:
    for stored in store.read(job_stream(job), after=seen, until=until):
        seen = stored.sequence
        if invocation.json:
            invocation.output.json(as_json(stored))
        elif type(stored.event) not in _IN_THE_BAR:
            invocation.output.note(job_line(stored))
    return seen
