"""Watching over HTTP: the log, one job, or a list of jobs, as server-sent events (WHATWG HTML, section 9.2).

Each message has an ``id``: whoever comes again with the last one as ``Last-Event-ID`` misses nothing that the log has.
A comment line is sent where nothing has happened for 15 seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Body, Endpoint
from perdure.api.events import Event
from perdure.api.job_history import Sequence
from perdure.api.jobs import Job
from perdure.api.scopes import Scope
from perdure.store.lifecycle import Status

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT: Final = 15.0  # seconds
END: Final = "end"  # the message after a job's last event: its data are the job
JOBS: Final = "jobs"  # a message with jobs that have changed
RESET: Final = "reset"  # some changes were missed: the list has to be read again


class WatchLog(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of the log, from position ``after`` on; none: those that are yet to come.

    ``type`` names events, like ``checkpoint``; none is all. ``extension`` stands for its own events and those of its
    jobs. Bodies are the bytes that are stored, in base64.
    """

    after: Sequence | None = None
    type: list[str] = []
    stream: str | None = None
    job_id: UUID | None = None
    extension: str | None = None
    bodies: bool = False


class WatchJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job's events after sequence ``after`` until it has ended, and then a message ``end`` with the job."""

    job_id: UUID
    after: Sequence = 0
    type: list[str] = []
    bodies: bool = False


class WatchJobs(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs. What is not given matches all."""

    status: list[Status] = []
    extension: str | None = None
    job_type: str | None = None
    library_id: UUID | None = None
    parent: UUID | None = None
    forked_from: UUID | None = None


class LiveJobs(msgspec.Struct, frozen=True, kw_only=True):
    """What has changed, in a message ``jobs``, at most four times a second; ``reset`` says to read the list again.

    Attributes:
        jobs: as they are now.
        left: jobs whose status is none of those that were asked for any more.
        counts: how many jobs there are by status, where that has changed; None where not, or where the caller may not
            see all jobs.
    """

    jobs: list[Job]
    left: list[UUID]
    counts: Annotated[dict[Status, int] | None, Meta(description="By status, of all jobs.")]


LOG: Final = Endpoint(
    "events.watch", "GET", "/v1/events", Scope.READ, WatchLog, Event, "Watch the log", body=Body.EVENTS
)
JOB: Final = Endpoint(
    "jobs.watch",
    "GET",
    "/v1/jobs/{job_id}/watch",
    Scope.READ,
    WatchJob,
    Event,
    "Watch a job until it has ended",
    body=Body.EVENTS,
)
LIVE: Final = Endpoint(
    "jobs.live", "GET", "/v1/jobs/live", Scope.READ, WatchJobs, LiveJobs, "Watch a list of jobs", body=Body.EVENTS
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (LOG, JOB, LIVE)
