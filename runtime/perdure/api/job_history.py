"""What happened to a job, over HTTP: its history, its past states, what clients did about it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Endpoint
from perdure.api.events import HistoryEvent
from perdure.api.jobs import Job, Limit, OneJob
from perdure.api.scopes import Scope
from perdure.store.events import JobLimits, RetryPolicy
from perdure.store.lifecycle import Status

Sequence = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of a job. ``after`` and ``before`` are sequences, neither included.

    ``type`` names events, like ``checkpoint``; none is all. Of the lines of the guest's log only those of at least
    ``level`` are among them: 0 debug, 1 info, 2 warn, 3 error. Bodies are the bytes that are stored, in base64.
    """

    job_id: UUID
    after: Sequence = 0
    before: Sequence | None = None
    type: list[str] = []
    level: Annotated[int, Meta(ge=0, le=3)] = 0
    order: Literal["oldest", "newest"] = "oldest"
    limit: Limit = 100
    bodies: bool = False


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some events of a job; ``next`` is the sequence to go on after (or before, newest first). None: no more."""

    events: list[HistoryEvent]
    next: int | None


class StateAt(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it was after its event ``sequence``."""

    job_id: UUID
    sequence: Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]


class DoubtShape(msgspec.Struct, frozen=True, kw_only=True):
    """An action of which nobody knows whether it was done; its payload without its secrets, JSON or text."""

    method: str
    library_id: UUID | None
    effect: str
    effect_key: str
    payload: Any
    sealed: bool
    call: int
    sequence: int
    time: datetime


class Relative(msgspec.Struct, frozen=True, kw_only=True):
    """Another job, in short."""

    job_id: UUID
    job_type: str
    status: Status


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What only a job's events say. Of a folded job there is nothing but the job.

    ``state`` is what it was dispatched with, ``checkpoint_state`` what it would go on from: JSON where they are JSON,
    text where they are text, ``{"blob", "size"}`` where they are large. ``suspended_because`` says why it is suspended.
    """

    job: Job
    state: Any
    checkpoint_state: Any
    limits: JobLimits | None
    retry: RetryPolicy | None
    doubt: DoubtShape | None
    children: list[Relative]
    suspended_because: str


class ClientRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a client did about a job.

    ``client`` is ``token:ID`` or ``owner:UID``, ``action`` an endpoint's name. ``status`` is HTTP's, of the answer, and
    ``problem`` the refusal; both None while it is worked on, or if the server died meanwhile.
    """

    request: UUID
    time: datetime
    client: str
    name: str
    action: str
    status: int | None
    problem: str | None


class RequestPage(msgspec.Struct, frozen=True, kw_only=True):
    """What clients did about a job, oldest first; at most the last 1,000."""

    requests: list[ClientRequest]


HISTORY: Final = Endpoint(
    "jobs.history", "GET", "/v1/jobs/{job_id}/history", Scope.READ, History, HistoryPage, "A job's events"
)
STATE_AT: Final = Endpoint(
    "jobs.state_at", "GET", "/v1/jobs/{job_id}/state-at/{sequence}", Scope.READ, StateAt, Job, "A job as it was"
)
DETAILS: Final = Endpoint(
    "jobs.details",
    "GET",
    "/v1/jobs/{job_id}/details",
    Scope.READ,
    OneJob,
    Details,
    "A job, what it was dispatched with, and what it would go on from",
)
REQUESTS: Final = Endpoint(
    "jobs.requests",
    "GET",
    "/v1/jobs/{job_id}/requests",
    Scope.READ,
    OneJob,
    RequestPage,
    "What clients did about a job",
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (HISTORY, STATE_AT, DETAILS, REQUESTS)
