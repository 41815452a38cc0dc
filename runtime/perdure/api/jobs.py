"""Jobs over HTTP: what they look like, and how they are listed, dispatched and told to stop."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from perdure.api.endpoint import Endpoint
from perdure.api.scopes import Scope
from perdure.api.times import moment_of, time_of
from perdure.store.events import JobError, JobLimits, LimitUse, RetryPolicy, WasmFrame
from perdure.store.job_state import Checkpoint, Intent, JobState, Run
from perdure.store.lifecycle import Status

Limit = Annotated[int, Meta(ge=1, le=1000, description="At most so many.")]
SearchText = Annotated[str, Meta(max_length=200)]


class ErrorShape(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job failed. ``blame`` is ``guest``, ``caller`` or ``host``."""

    kind: str
    message: str
    blame: str
    limit: LimitShape | None
    backtrace: list[FrameShape]
    data: dict[str, Any]


class LimitShape(msgspec.Struct, frozen=True, kw_only=True):
    """Which limit was exceeded, its value and what was used, both in ``unit``."""

    limit: str
    value: int
    used: int
    unit: str


class FrameShape(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of a wasm backtrace; ``offset`` counts bytes from the start of the module."""

    function: str
    offset: int


class CheckpointShape(msgspec.Struct, frozen=True, kw_only=True):
    """The last checkpoint: where it stands in the job's history, and the counters as they were then."""

    sequence: int
    time: datetime
    progress: float
    message: str
    items: int
    bytes: int
    warnings: int
    fuel: int
    call: int


class RunShape(msgspec.Struct, frozen=True, kw_only=True):
    """The guest's last run: what it does from ``origin`` on, the sequence of a checkpoint, or 0 for the job's start."""

    origin: int
    after: int
    fuel: int
    ended: bool
    calls: int


class IntentShape(msgspec.Struct, frozen=True, kw_only=True):
    """An action whose outcome is not in the log."""

    sequence: int
    call: int
    method: str
    effect: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its events tell it. Times are RFC 3339 in UTC, fuel is in wasmtime's units, sizes are bytes.

    ``superseded`` are pairs of sequences: what the guest did strictly between them was done again later.
    """

    job_id: UUID
    sequence: int
    job_type: str
    extension: str
    version: str
    module: str
    library_id: UUID
    status: Status
    progress: float
    message: str
    items: int
    bytes: int
    warnings: int
    checkpoints: int
    fuel: int
    fuel_superseded: int
    attempts: int
    failures: int
    resumable: bool
    dispatched_at: datetime
    updated_at: datetime
    started_at: datetime | None
    attempt_started_at: datetime | None
    ended_at: datetime | None
    retry_at: datetime | None
    folded_at: datetime | None
    pause_requested: bool
    cancel_requested: bool
    error: ErrorShape | None
    checkpoint: CheckpointShape | None
    run: RunShape | None
    intent: IntentShape | None
    retry: RetryPolicy
    superseded: list[tuple[int, int]]
    parent: UUID | None
    forked_from: UUID | None
    idempotency_key: str | None
    moved_from: str
    export: str
    attempt_base: int
    attempting: bool
    continues: bool
    copied: Status | None
    led_as: UUID | None


_TIMES: Final = ("dispatched_at", "updated_at", "started_at", "attempt_started_at", "ended_at", "retry_at", "folded_at")


def job_of(state: JobState) -> Job:
    """A job's state, for the wire."""
    fields: dict[str, Any] = {name: getattr(state, name) for name in Job.__struct_fields__}
    for name in _TIMES:
        fields[name] = moment_of(fields[name])
    if state.error is not None:
        fields["error"] = error_shape_of(state.error)
    if state.checkpoint is not None:
        values = msgspec.structs.asdict(state.checkpoint)
        fields["checkpoint"] = CheckpointShape(**{**values, "time": moment_of(state.checkpoint.time)})
    if state.run is not None:
        fields["run"] = RunShape(**msgspec.structs.asdict(state.run))
    if state.intent is not None:
        fields["intent"] = IntentShape(**msgspec.structs.asdict(state.intent))
    return Job(**fields)


def state_of(job: Job) -> JobState:
    """The state that `job_of` was given."""
    fields: dict[str, Any] = msgspec.structs.asdict(job)
    for name in _TIMES:
        fields[name] = time_of(fields[name])
    if job.error is not None:
        fields["error"] = job_error_of(job.error)
    if job.checkpoint is not None:
        values = msgspec.structs.asdict(job.checkpoint)
        fields["checkpoint"] = Checkpoint(**{**values, "time": time_of(job.checkpoint.time)})
    if job.run is not None:
        fields["run"] = Run(**msgspec.structs.asdict(job.run))
    if job.intent is not None:
        fields["intent"] = Intent(**msgspec.structs.asdict(job.intent))
    return JobState(**fields)


def error_shape_of(error: JobError) -> ErrorShape:
    """Why a job failed, for the wire."""
    limit = LimitShape(**msgspec.structs.asdict(error.limit)) if error.limit is not None else None
    frames = [FrameShape(**msgspec.structs.asdict(frame)) for frame in error.backtrace]
    return ErrorShape(
        kind=error.kind, message=error.message, blame=error.blame, limit=limit, backtrace=frames, data=error.data
    )


def job_error_of(shape: ErrorShape) -> JobError:
    """The other way."""
    limit = LimitUse(**msgspec.structs.asdict(shape.limit)) if shape.limit is not None else None
    frames = tuple(WasmFrame(**msgspec.structs.asdict(frame)) for frame in shape.backtrace)
    return JobError(shape.kind, shape.message, shape.blame, limit, frames, shape.data)


# --- requests --------------------------------------------------------------------------------------------------------


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some jobs, newest first; give ``next`` as ``before`` to get those behind them. None: there are no more."""

    jobs: list[Job]
    next: UUID | None


class OneJob(msgspec.Struct, frozen=True, kw_only=True):
    """Which job."""

    job_id: UUID


class ListJobs(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs. What is not given matches all.

    ``text`` stands somewhere in their id, type, message or idempotency key, in whatever case. The newest ``offset`` of
    those that match are passed over.
    """

    status: list[Status] = []
    extension: str | None = None
    job_type: str | None = None
    library_id: UUID | None = None
    parent: UUID | None = None
    forked_from: UUID | None = None
    text: SearchText = ""
    before: UUID | None = None
    offset: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    limit: Limit = 100


class DispatchJob(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for a job.

    ``job_type`` is ``extension:name``; ``state`` the guest's first state, anything JSON can say. With an
    ``idempotency_key`` whoever asks again with the same input gets the same job.
    """

    job_type: str
    state: Any = None
    library_id: UUID = UUID(int=0)
    limits: JobLimits | None = None
    retry: RetryPolicy | None = None
    idempotency_key: str | None = None


class StatusNow(msgspec.Struct, frozen=True, kw_only=True):
    """The job's status at that moment: a job that was asked to pause is ``running`` until its guest agrees."""

    job_id: UUID
    status: Status


class ForkJob(msgspec.Struct, frozen=True, kw_only=True):
    """Make a new job that goes on from a point of this one's past.

    Attributes:
        at: the event of its history behind which the fork branches off; none is its last one.
        state: takes the place of the last checkpoint's.
        call: a host call's number in the run that is open at that event; its guest is told ``answer`` there instead.
        module: a version of its extension that is installed or waits for consent; a path, for the owner of the folder.
        paused: it waits for a resume.
    """

    job_id: UUID
    at: Annotated[int, Meta(ge=1, le=(1 << 63) - 1)] | None = None
    state: Any | UnsetType = UNSET
    call: Annotated[int, Meta(ge=1, le=(1 << 63) - 1)] | None = None
    answer: Any = None
    module: str | None = None
    paused: bool = False


class ResolveJob(msgspec.Struct, frozen=True, kw_only=True):
    """Say what became of a job's action in doubt.

    ``succeeded``: the guest gets ``answer``; ``failed``: it gets ``message`` and ``code``; ``again``: it is done
    once more.
    """

    job_id: UUID
    resolution: Literal["succeeded", "failed", "again"]
    answer: Any = None
    message: str | None = None
    code: str = "failed"


class KeyedJob(msgspec.Struct, frozen=True, kw_only=True):
    """The job of an extension that was dispatched with an idempotency key."""

    extension: str
    key: str


class CountJobs(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs, as for a list of them; what is not given matches all."""

    extension: str | None = None
    job_type: str | None = None
    library_id: UUID | None = None
    parent: UUID | None = None
    forked_from: UUID | None = None
    text: SearchText = ""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs there are, by status."""

    counts: dict[Status, int]
    total: int


LIST: Final = Endpoint("jobs.list", "GET", "/v1/jobs", Scope.READ, ListJobs, Page, "List jobs, newest first")
GET: Final = Endpoint("jobs.get", "GET", "/v1/jobs/{job_id}", Scope.READ, OneJob, Job, "One job, as it is now")
DISPATCH: Final = Endpoint(
    "jobs.dispatch", "POST", "/v1/jobs", Scope.DISPATCH, DispatchJob, Job, "Dispatch a job", acts=True, status=201
)
PAUSE: Final = Endpoint(
    "jobs.pause",
    "POST",
    "/v1/jobs/{job_id}/pause",
    Scope.CONTROL,
    OneJob,
    StatusNow,
    "Ask a job to stop until it is resumed",
    acts=True,
)
RESUME: Final = Endpoint(
    "jobs.resume",
    "POST",
    "/v1/jobs/{job_id}/resume",
    Scope.CONTROL,
    OneJob,
    StatusNow,
    "Let a paused or suspended job go on",
    acts=True,
)
CANCEL: Final = Endpoint(
    "jobs.cancel",
    "POST",
    "/v1/jobs/{job_id}/cancel",
    Scope.CONTROL,
    OneJob,
    StatusNow,
    "End a job for good, and all that descend from it",
    acts=True,
)
RETRY: Final = Endpoint(
    "jobs.retry",
    "POST",
    "/v1/jobs/{job_id}/retry",
    Scope.CONTROL,
    OneJob,
    StatusNow,
    "Run a failed or cancelled job on, or end its back-off",
    acts=True,
)

FORK: Final = Endpoint(
    "jobs.fork",
    "POST",
    "/v1/jobs/{job_id}/fork",
    Scope.CONTROL,
    ForkJob,
    Job,
    "Make a new job that goes on from a point of this one's past",
    acts=True,
    status=201,
)
RESOLVE: Final = Endpoint(
    "jobs.resolve",
    "POST",
    "/v1/jobs/{job_id}/resolve",
    Scope.CONTROL,
    ResolveJob,
    StatusNow,
    "Say what became of a job's action in doubt",
    acts=True,
)
COUNTS: Final = Endpoint(
    "jobs.counts", "GET", "/v1/jobs/counts", Scope.READ, CountJobs, Counts, "How many jobs there are, by status"
)
BY_KEY: Final = Endpoint(
    "jobs.by_key",
    "GET",
    "/v1/jobs/by-key/{extension}/{key}",
    Scope.READ,
    KeyedJob,
    Job,
    "The job that was dispatched with an idempotency key",
)

# In the order of routes: what is spelled out comes before what a job's id may be.
ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    LIST,
    COUNTS,
    BY_KEY,
    GET,
    DISPATCH,
    PAUSE,
    RESUME,
    CANCEL,
    RETRY,
    FORK,
    RESOLVE,
)
