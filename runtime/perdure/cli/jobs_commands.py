"""``perdure jobs``: list, show, watch, and act on jobs."""

from __future__ import annotations

import time
from typing import Annotated, Final
from uuid import UUID

import typer

from perdure.cli.foreground import REFRESH
from perdure.cli.invocation import Invocation
from perdure.cli.job_argument import JobId, require_job
from perdure.cli.job_json import job_details, job_json
from perdure.cli.job_words import attention
from perdure.cli.terminal_text import percent, printable
from perdure.runtime import state_at
from perdure.runtime.job_past import suspension_reason
from perdure.store.event_store import JobPage, JobQuery
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

_OBEYS: Final = 5.0  # seconds that a job which runs on a server has to see what it was told
_DOUBTS: Final = 3  # jobs in doubt of which a list says what to do

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
OfParent = Annotated[UUID | None, typer.Option("--parent", metavar="JOB", help="Only jobs that this job dispatched.")]
OfOriginal = Annotated[
    UUID | None, typer.Option("--forked-from", metavar="JOB", help="Only jobs that were forked from this one.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="At most so many.")]
Before = Annotated[
    UUID | None, typer.Option("--before", metavar="JOB", help="Only jobs older than this one: the next page.")
]
At = Annotated[
    int | None,
    typer.Option("--at", metavar="SEQUENCE", min=1, help="The job as it was after this event of its history."),
]


def list_jobs(
    invocation: Invocation,
    status: Statuses = None,
    extension: OfExtension = None,
    job_type: OfType = None,
    parent: OfParent = None,
    forked_from: OfOriginal = None,
    limit: Limit = 100,
    before: Before = None,
) -> None:
    """List jobs, the newest first."""
    query = JobQuery(
        statuses=frozenset(status or ()),
        extension=extension,
        job_type=job_type,
        parent=parent,
        forked_from=forked_from,
        before=before,
        limit=limit,
    )
    with invocation.read_if_any() as store:
        page = store.jobs(query) if store is not None else JobPage([], None)
    if invocation.json:
        invocation.output.json([job_json(state) for state in page.jobs])
    elif page.jobs:
        from perdure.cli.job_view import job_table  # noqa: PLC0415  # it draws; programs want JSON

        invocation.output.show(job_table(page.jobs, invocation.output.results.width))
    else:
        invocation.output.show(f"no jobs in {invocation.data}" if query == JobQuery(limit=limit) else "no such jobs")
    if page.next is not None:
        invocation.output.say(f"there are more: --before {page.next}")
    doubtful = [state for state in page.jobs if state.status is Status.ATTENTION]
    for state in doubtful[:_DOUBTS]:
        invocation.output.say(attention(state))
    if len(doubtful) > _DOUBTS:
        invocation.output.say(f"and {len(doubtful) - _DOUBTS} more need attention")
    if any(state.status is Status.RUNNING for state in page.jobs) and invocation.holder() is None:
        # The log has only what was recorded, and a process that dies records nothing.
        invocation.output.say(
            "no process works on this folder: what is 'running' died with its process; perdure resume"
        )


def show(invocation: Invocation, job: JobId, at: At = None) -> None:
    """Show all about one job, now or as it was: with its state at that event, and the event itself."""
    now = require_job(invocation, job)
    with invocation.read() as store:
        state = state_at(store, job, at) if at is not None else now
        details = job_details(store, state)
        reason = suspension_reason(store, state)
    if invocation.json:
        invocation.output.json(details)
        return
    whereabouts = f"as of event {at}" if at is not None else _whereabouts(invocation, state)
    from perdure.cli.job_view import show_job  # noqa: PLC0415  # it draws; programs want JSON

    show_job(invocation.output, state, details, whereabouts="; ".join(filter(None, (printable(reason), whereabouts))))


def _whereabouts(invocation: Invocation, state: JobState) -> str:
    if state.finished:
        return ""
    if state.status is Status.ATTENTION:
        return f"it waits for a person: 'perdure jobs resolve {state.job_id}' says what became of its action"
    pid = invocation.holder()
    if state.status is Status.COPYING:
        return f"process {pid} makes it" if pid is not None else "nobody will complete it, and nothing of it will run"
    if pid is not None:
        return f"in process {pid}" if state.status is Status.RUNNING else f"process {pid} works on this folder"
    if state.status is Status.PAUSED:
        return f"'perdure jobs resume {state.job_id}' lets it go on"
    if state.status is Status.RUNNING:
        return f"but its process died; 'perdure resume' goes on from {percent(state.progress)}"
    return "no process runs it; 'perdure resume' lets it go on"


def pause(invocation: Invocation, job: JobId) -> None:
    """Keep an unfinished job from going on until it is resumed."""
    _act(invocation, job, "pause")


def cancel(invocation: Invocation, job: JobId) -> None:
    """End an unfinished job for good, with all that it dispatched; 'jobs retry' can run it on all the same."""
    _act(invocation, job, "cancel")


def _act(invocation: Invocation, job: UUID, action: str) -> None:
    require_job(invocation, job)
    with invocation.runtime() as runtime:
        if action == "pause":
            runtime.pause(job)
        else:
            runtime.cancel(job)
        state = runtime.job(job).state
    if invocation.is_served:
        state = _obeyed(invocation, job)
    if invocation.json:
        invocation.output.json(job_json(state))
    else:
        from perdure.cli.job_view import show_end  # noqa: PLC0415  # it draws; programs want JSON

        show_end(invocation.output, state)
    if asked := _is_asked(state):
        invocation.output.say(f"it was asked to {asked}, and sees that at its next check")


def _obeyed(invocation: Invocation, job: UUID) -> JobState:
    """The job when it has seen what it was told, which a running one does at its next check; or after a while."""
    until = time.monotonic() + _OBEYS
    with invocation.read() as store:
        while True:
            position, state = store.position(), store.job(job)
            if not _is_asked(state) or time.monotonic() >= until:
                return state
            store.wait(position, REFRESH)


def _is_asked(state: JobState) -> str:
    """What a job was told that it has not done yet."""
    if state.finished:
        return ""
    return "cancel" if state.cancel_requested else "pause" if state.pause_requested else ""
