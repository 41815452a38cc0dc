"""Proofs over HTTP: jobs that are verified or rehearsed by processes of the server, and bundles to take away."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Body, Endpoint
from perdure.api.extensions import By
from perdure.api.jobs import OneJob
from perdure.api.keeping import Nothing
from perdure.api.problems import Problem
from perdure.api.scopes import Scope
from perdure.runtime.proof.proof import Proof
from perdure.runtime.rehearsal.job_rehearser import RehearsalLimits
from perdure.runtime.rehearsal.rehearsal import JobRehearsal, Rehearsal


class TaskStatus(enum.StrEnum):
    """How far a long task is."""

    WAITING = "waiting"  # for others to end
    RUNNING = "running"
    DONE = "done"  # its result is there
    FAILED = "failed"  # its problem is
    CANCELLED = "cancelled"  # a client said so, or the server stopped


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """A job that is, or was, run again and compared with the log.

    Attributes:
        verification_id: its name; kept for an hour after its end, and as long as the server runs.
        job_id: the job.
        asked_by: the client.
        asked_at, ended_at: when.
        done, events: how many of the job's events are compared, of so many.
        proof: what was found (docs/proof.md), once it is done.
        problem: why nothing was.
    """

    verification_id: UUID
    job_id: UUID
    status: TaskStatus
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None
    done: int
    events: int
    proof: Proof | None
    problem: Problem | None


class RehearsalRun(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that are, or were, run again with a new version of their extension.

    ``jobs`` are those that are done, from the one numbered ``after`` in the request; ``done`` are, of ``total``.
    """

    rehearsal_id: UUID
    version: str
    status: TaskStatus
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None
    done: int
    total: int
    jobs: list[JobRehearsal]
    rehearsal: Rehearsal | None
    problem: Problem | None


# --- requests --------------------------------------------------------------------------------------------------------


class VerifyJob(msgspec.Struct, frozen=True, kw_only=True):
    """Verify a job; one that takes longer than ``timeout`` seconds is given up.

    What locked credentials seal is not opened: the proof says what could not be compared for that.
    """

    job_id: UUID
    timeout: Annotated[float, Meta(gt=0, le=86_400)] | None = None


class OneVerification(msgspec.Struct, frozen=True, kw_only=True):
    """Which verification."""

    verification_id: UUID


class RehearseVersion(msgspec.Struct, frozen=True, kw_only=True):
    """Rehearse a version: an uploaded ``package``, or ``version``: an extension whose update waits for consent, or a
    path of the server's machine, for its owner only.

    Attributes:
        sample: how many finished jobs of each type; null: all.
        seed: which of them.
        workers: processes.
        limits: what one job may use.
    """

    package: str | None = None
    version: str | None = None
    sample: Annotated[int, Meta(ge=0, le=1_000_000)] | None = 20
    seed: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    workers: Annotated[int, Meta(ge=1, le=64)] | None = None
    limits: RehearsalLimits | None = None


class OneRehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """Which rehearsal, and from which of its jobs on."""

    rehearsal_id: UUID
    after: Annotated[int, Meta(ge=0)] = 0


class CancelRehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """Which rehearsal."""

    rehearsal_id: UUID


class DisclosingBundle(msgspec.Struct, frozen=True, kw_only=True):
    """Which job: its bundle has sealed payloads in clear, too."""

    job_id: UUID
    by: By = None


VERIFY: Final = Endpoint(
    "verifications.begin",
    "POST",
    "/v1/verifications",
    Scope.DISPATCH,
    VerifyJob,
    Verification,
    "Run a job again, and compare it with the log",
    acts=True,
    status=202,
)
VERIFICATIONS: Final = Endpoint(
    "verifications.list",
    "GET",
    "/v1/verifications",
    Scope.READ,
    Nothing,
    list[Verification],
    "The verifications that the server remembers, newest first",
)
VERIFICATION: Final = Endpoint(
    "verifications.get",
    "GET",
    "/v1/verifications/{verification_id}",
    Scope.READ,
    OneVerification,
    Verification,
    "How far a verification is, and what it found",
)
CANCEL_VERIFICATION: Final = Endpoint(
    "verifications.cancel",
    "DELETE",
    "/v1/verifications/{verification_id}",
    Scope.DISPATCH,
    OneVerification,
    Verification,
    "Give a verification up",
    acts=True,
)
REHEARSE: Final = Endpoint(
    "rehearsals.begin",
    "POST",
    "/v1/rehearsals",
    Scope.ADMIN,
    RehearseVersion,
    RehearsalRun,
    "Run recorded jobs again with a new version, without any effect",
    acts=True,
    status=202,
)
REHEARSAL: Final = Endpoint(
    "rehearsals.get",
    "GET",
    "/v1/rehearsals/{rehearsal_id}",
    Scope.ADMIN,
    OneRehearsal,
    RehearsalRun,
    "How far a rehearsal is, and what it found",
)
CANCEL_REHEARSAL: Final = Endpoint(
    "rehearsals.cancel",
    "DELETE",
    "/v1/rehearsals/{rehearsal_id}",
    Scope.ADMIN,
    CancelRehearsal,
    RehearsalRun,
    "Give a rehearsal up",
    acts=True,
)
BUNDLE_TYPE: Final = "application/vnd.perdure.bundle"
BUNDLE: Final = Endpoint(
    "jobs.bundle",
    "GET",
    "/v1/jobs/{job_id}/bundle",
    Scope.READ,
    OneJob,
    bytes,
    "All that it takes to prove a job, in one file",
    body=Body.DOWNLOAD,
    media=BUNDLE_TYPE,
)
DISCLOSING_BUNDLE: Final = Endpoint(
    "jobs.disclosing_bundle",
    "POST",
    "/v1/jobs/{job_id}/bundle",
    Scope.ADMIN,
    DisclosingBundle,
    bytes,
    "The same, with sealed payloads in clear",
    acts=True,
    only_shows=True,
    body=Body.DOWNLOAD,
    media=BUNDLE_TYPE,
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (
    VERIFY,
    VERIFICATIONS,
    VERIFICATION,
    CANCEL_VERIFICATION,
    REHEARSE,
    REHEARSAL,
    CANCEL_REHEARSAL,
    BUNDLE,
    DISCLOSING_BUNDLE,
)
