"""Jobs over HTTP: what they look like, and how they are listed, dispatched and told to stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Endpoint
from perdure.api.scopes import Scope
from perdure.store.events import JobError, JobLimits, LimitUse, RetryPolicy, WasmFrame
from perdure.store.job_state import Checkpoint, Intent, JobState, Run
from perdure.store.lifecycle import Status

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Limit = Annotated[int, Meta(ge=1, le=1000, description="At most so many.")]


class ErrorShape(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job failed; see docs/errors of jobs. ``blame`` is ``guest``, ``caller`` or ``host``."""

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
        fields["error"] = _error_of(state.error)
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
        fields["error"] = _job_error(job.error)
    if job.checkpoint is not None:
        values = msgspec.structs.asdict(job.checkpoint)
        fields["checkpoint"] = Checkpoint(**{**values, "time": time_of(job.checkpoint.time)})
    if job.run is not None:
        fields["run"] = Run(**msgspec.structs.asdict(job.run))
    if job.intent is not None:
        fields["intent"] = Intent(**msgspec.structs.asdict(job.intent))
    return JobState(**fields)


def _error_of(error: JobError) -> ErrorShape:
    limit = LimitShape(**msgspec.structs.asdict(error.limit)) if error.limit is not None else None
    frames = [FrameShape(**msgspec.structs.asdict(frame)) for frame in error.backtrace]
    return ErrorShape(
        kind=error.kind, message=error.message, blame=error.blame, limit=limit, backtrace=frames, data=error.data
    )


def _job_error(shape: ErrorShape) -> JobError:
    limit = LimitUse(**msgspec.structs.asdict(shape.limit)) if shape.limit is not None else None
    frames = tuple(WasmFrame(**msgspec.structs.asdict(frame)) for frame in shape.backtrace)
    return JobError(shape.kind, shape.message, shape.blame, limit, frames, shape.data)


def moment_of(time: int | None) -> datetime | None:
    """Microseconds since 1970, as the log has them, for the wire; nothing is rounded."""
    return _EPOCH + time * _MICROSECOND if time is not None else None


def time_of(moment: datetime | None) -> int | None:
    """The other way."""
    return (moment - _EPOCH) // _MICROSECOND if moment is not None else None


# --- requests --------------------------------------------------------------------------------------------------------


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some jobs, newest first; give ``next`` as ``before`` to get those behind them. None: there are no more."""

    jobs: list[Job]
    next: UUID | None


class OneJob(msgspec.Struct, frozen=True, kw_only=True):
    """Which job."""

    job_id: UUID


class ListJobs(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs. What is not given matches all."""

    status: list[Status] = []
    extension: str | None = None
    job_type: str | None = None
    library_id: UUID | None = None
    parent: UUID | None = None
    forked_from: UUID | None = None
    before: UUID | None = None
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

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (LIST, GET, DISPATCH, PAUSE, RESUME, CANCEL, RETRY)
