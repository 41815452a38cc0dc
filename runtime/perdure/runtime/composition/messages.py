"""Requests and answers of the ``jobs`` operations, as they are on the wire.

Times are microseconds since 1970, fuel in wasmtime's units.
"""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec

from perdure.store.lifecycle import Status

MAX_PAGE: Final = 200
MAX_WAIT_MS: Final = 300_000

Positive = Annotated[int, msgspec.Meta(ge=1, le=2**62)]


class ChildLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the job may use, each at most what the budgets allow and what the dispatching job may use itself."""

    fuel: Positive | None = None
    memory_bytes: Positive | None = None
    wall_clock_ms: Positive | None = None
    events_per_second: Positive | None = None
    payload_bytes: Positive | None = None
    checkpoint_bytes: Positive | None = None
    stack_bytes: Positive | None = None


class ChildRetry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often the job is tried, and how long it waits in between."""

    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    initial_ms: Annotated[int, msgspec.Meta(ge=100, le=86_400_000)] = 1_000
    factor: Annotated[float, msgspec.Meta(ge=1.0, le=100.0)] = 2.0
    maximum_ms: Annotated[int, msgspec.Meta(ge=100, le=86_400_000)] = 60_000
    jitter: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.1


class DispatchJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``job_type`` is a job of the extension itself, or ``extension:name``. ``state`` is its first state, any JSON."""

    job_type: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    state: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    limits: ChildLimits | None = None
    retry: ChildRetry | None = None


class DispatchedJob(msgspec.Struct, frozen=True, kw_only=True):
    """The job's id: the same one if the call is repeated after a crash."""

    job_id: UUID


class NameJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which job."""

    job_id: UUID


class WaitForJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which job, and how long at most, in milliseconds."""

    job_id: UUID
    timeout_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_WAIT_MS)] = 30_000


class ListJobs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``parent``: only the jobs that this one dispatched. ``cursor`` is the ``next`` of the page before."""

    parent: UUID | None = None
    statuses: Annotated[list[Status], msgspec.Meta(max_length=len(Status))] = []
    job_type: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = 100
    cursor: UUID | None = None


class JobFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job failed, or why its last attempt did. ``kind`` is one of those of docs/events.md."""

    kind: str
    message: str
    blame: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is now. ``finished``: it has ended, in whatever way. ``parent`` is the job that dispatched it."""

    job_id: UUID
    job_type: str
    status: Status
    finished: bool
    progress: float
    message: str
    items: int
    bytes: int
    warnings: int
    attempts: int
    dispatched: int
    ended: int | None
    error: JobFailure | None
    parent: UUID | None


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """Some jobs, newest first; ``next`` is null when there are no more."""

    jobs: list[Job]
    next: UUID | None
