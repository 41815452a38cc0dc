"""What a person tells a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from perdure.api import job_history, jobs
from perdure.api.job_history import Details
from perdure.api.jobs import OneJob, ResolveJob
from perdure.api.times import time_of
from perdure.client.calls.call import Call
from perdure.client.calls.values import json_value
from perdure.runtime.errors import InvalidResolution
from perdure.runtime.identifiers import job_id_of
from perdure.store.lifecycle import Status

if TYPE_CHECKING:
    from perdure.runtime.doubts import Doubt, Resolution


def pause(job_id: UUID | str, timeout: float | None = None) -> Call[Status]:
    """Ask it to stop until it is resumed."""
    return Call(jobs.PAUSE, OneJob(job_id=job_id_of(job_id)), lambda now: now.status, timeout)


def resume(job_id: UUID | str, timeout: float | None = None) -> Call[Status]:
    """Let it go on."""
    return Call(jobs.RESUME, OneJob(job_id=job_id_of(job_id)), lambda now: now.status, timeout)


def cancel(job_id: UUID | str, timeout: float | None = None) -> Call[Status]:
    """End it."""
    return Call(jobs.CANCEL, OneJob(job_id=job_id_of(job_id)), lambda now: now.status, timeout)


def retry(job_id: UUID | str, timeout: float | None = None) -> Call[Status]:
    """Run it on."""
    return Call(jobs.RETRY, OneJob(job_id=job_id_of(job_id)), lambda now: now.status, timeout)


def doubt(job_id: UUID | str) -> Call[Doubt | None]:
    """Its action in doubt."""
    return Call(job_history.DETAILS, OneJob(job_id=job_id_of(job_id)), _doubt_of)


def resolve(
    job_id: UUID | str,
    resolution: Resolution,
    answer: object,
    message: str | None,
    code: str,
    timeout: float | None,
) -> Call[Status]:
    """Say what became of it."""
    fields = {
        "job_id": job_id_of(job_id),
        "resolution": resolution,
        "answer": json_value(answer),
        "message": message,
        "code": code,
    }
    try:
        request = msgspec.convert(fields, ResolveJob)
    except msgspec.ValidationError as error:
        raise InvalidResolution(str(error)) from None
    return Call(jobs.RESOLVE, request, lambda now: now.status, timeout)


def _doubt_of(details: Details) -> Doubt | None:
    from perdure.runtime.doubts import Doubt  # noqa: PLC0415  # loads the runtime, for what few ask

    shape = details.doubt
    if shape is None:
        return None
    fields: dict[str, Any] = msgspec.structs.asdict(shape)
    payload = shape.payload.encode() if isinstance(shape.payload, str) else msgspec.json.encode(shape.payload)
    return Doubt(**{**fields, "job_id": details.job.job_id, "time": time_of(shape.time), "payload": payload})
