"""``perdure jobs``: list, show, watch, and act on jobs."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import typer

from perdure.cli.event_view import job_line
from perdure.cli.exit_codes import ExitCode
from perdure.cli.foreground import REFRESH, code_for, require_job
from perdure.cli.job_json import job_details, job_json
from perdure.cli.job_view import job_table, show_end, show_job
from perdure.cli.progress import display_for
from perdure.cli.resume_command import JobId, resume_one, retry_one
from perdure.cli.session import Session
from perdure.cli.terminal_text import percent
from perdure.runtime import state_at
from perdure.store.event_store import JobPage, JobQuery
from perdure.store.events import BytesCounted, CheckpointSaved, Event, ItemsCounted, ProgressReported, job_stream
from perdure.store.export import as_json
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status
from perdure.store.lmdb_store import LmdbEventStore

_IN_THE_BAR: Final[frozenset[type[Event]]] = frozenset({ProgressReported, ItemsCounted, BytesCounted, CheckpointSaved})

Statuses = Annotated[
    list[Status] | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        help=f"Only jobs with this status; may be given more than once: {', '.join(Status)}.",
        show_choices=False,
    ),
]
OfExtension = Annotated[str | None, typer.Option("--extension", metavar="ID", help="Only jobs of this extension.")]
OfType = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Only jobs of this type, as NAME or EXTENSION:NAME.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="At most so many.")]
Before = Annotated[
    UUID | None, typer.Option("--before", metavar="JOB", help="Only jobs older than this one: the next page.")
]
At = Annotated[
    int | None,
    typer.Option("--at", metavar="SEQUENCE", min=1, help="The job as it was after this event of its history."),
]
From = Annotated[int, typer.Option("--from", metavar="SEQUENCE", min=1, help="Begin with this event of the job.")]


def list_jobs(
    session: Session,
    status: Statuses = None,
    extension: OfExtension = None,
    job_type: OfType = None,
    limit: Limit = 100,
    before: Before = None,
) -> None:
    """List jobs, the newest first."""
    query = JobQuery(
        statuses=frozenset(status or ()), extension=extension, job_type=job_type, before=before, limit=limit
    )
    with session.read_if_any() as store:
        page = store.jobs(query) if store is not None else JobPage([], None)
    if session.json:
        session.output.json([job_json(state) for state in page.jobs])
    elif page.jobs:
        session.output.show(job_table(page.jobs, session.output.results.width))
    else:
        session.output.show(f"no jobs in {session.data}" if query == JobQuery(limit=limit) else "no such jobs")
    if page.next is not None:
        session.output.say(f"there are more: --before {page.next}")


def show(session: Session, job: JobId, at: At = None) -> None:
    """Show all about one job, now or as it was."""
    now = require_job(session, job)
    with session.read() as store:
        state = state_at(store, job, at) if at is not None else now
        details = job_details(store, state)
    if session.json:
        session.output.json(details)
        return
    whereabouts = f"as of event {at}" if at is not None else _whereabouts(session, state)
    show_job(session.output, state, details, whereabouts=whereabouts)


def _whereabouts(session: Session, state: JobState) -> str:
    if state.finished:
        return ""
    pid = session.holder()
    if pid is not None:
        return f"in process {pid}" if state.status is Status.RUNNING else f"process {pid} works on this folder"
    if state.status is Status.PAUSED:
        return f"'perdure jobs resume {state.job_id}' lets it go on"
    if state.status is Status.RUNNING:
        far = state.checkpoint.progress if state.checkpoint is not None and state.resumable else 0.0
        return f"but its process died; 'perdure resume' goes on from {percent(far)}"
    return "no process runs it; 'perdure resume' lets it go on"


def watch(session: Session, job: JobId, first: From = 1) -> None:
    """Show what a job does, as it happens, until it has ended or no process runs it.

    People see a bar, and the events that are not in the bar; --json streams every event, a line each.
    The exit code is that of the job.
    """
    require_job(session, job)
    with session.read() as store, display_for(session.output, json=session.json) as display:
        seen, moved = first - 1, False
        while True:
            # Asked only when nothing moves, because asking takes the lock for a moment, and before the log is read,
            # so that nothing which that process did is missed.
            held = moved or session.holder() is not None
            position, state = store.position(), store.job(job)
            seen = _show_events(session, store, job, seen, state.sequence)
            if state.finished or not held:
                break
            display.update([state], 0)
            moved = store.wait(position, REFRESH) > position
    if not session.json:
        show_end(session.output, state)
    if not state.finished:
        session.output.say(f"no process runs job {job}; 'perdure resume' lets it go on")
    code = code_for([state])
    if code is not ExitCode.DONE:
        raise typer.Exit(code)


def _show_events(session: Session, store: LmdbEventStore, job: UUID, seen: int, until: int) -> int:
    for stored in store.read(job_stream(job), after=seen, until=until):
        seen = stored.sequence
        if session.json:
            session.output.json(as_json(stored))
        elif type(stored.event) not in _IN_THE_BAR:
            session.output.note(job_line(stored))
    return seen


def pause(session: Session, job: JobId) -> None:
    """Keep an unfinished job from going on until it is resumed."""
    _act(session, job, "pause")


def cancel(session: Session, job: JobId) -> None:
    """End an unfinished job for good; 'jobs retry' can run it on all the same."""
    _act(session, job, "cancel")


def _act(session: Session, job: UUID, action: str) -> None:
    require_job(session, job)
    with session.runtime() as runtime:
        if action == "pause":
            runtime.pause(job)
        else:
            runtime.cancel(job)
        state = runtime.job(job).state
    if session.json:
        session.output.json(job_json(state))
    else:
        show_end(session.output, state)


def resume(session: Session, job: JobId) -> None:
    """Let a paused, stopped or crashed job go on, and stay until it ends."""
    resume_one(session, job)


def retry(session: Session, job: JobId) -> None:
    """Run a failed or cancelled job on from its last checkpoint, and stay until it ends."""
    retry_one(session, job)
