"""Requests whose process died while it worked on them, and that come again under their Idempotency-Key.

Each endpoint says here what is done then; one that does not is in doubt: nobody knows whether it was done, and it is
not done again unasked (as an action of a job, ADR 0011).
"""

from __future__ import annotations

import enum
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.api.endpoint import Endpoint
from perdure.api.jobs import DispatchJob, OneJob, StatusNow
from perdure.api.operations import CallOperation, OperationAnswer
from perdure.runtime import Runtime
from perdure.runtime.operations.declaration import Effect
from perdure.runtime.permissions import operation_name
from perdure.runtime.secrets.errors import SecretsError
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.events import CALLS_STREAM, HostActionAnswered
from perdure.store.lifecycle import Status

# What PUT and DELETE ask for is so afterwards, however often it is asked for (RFC 9110, 9.2.2).
_VERBS: Final = frozenset({"PUT", "DELETE"})
_ANEW: Final = frozenset({"jobs.dispatch", "jobs.pause", "jobs.resume", "jobs.cancel"})
_WANTED: Final = {"jobs.pause": Status.PAUSED, "jobs.cancel": Status.CANCELLED}


class Then(enum.Enum):
    """What is done with a request that comes again after a death."""

    AGAIN = "again"  # it is done anew: done twice is as done once
    DOUBT = "doubt"  # a person has to look


def named(request: Any, first: UUID) -> Any:
    """The request, with a name for its effect by which it is known if it comes again; ``first`` is its first id."""
    if isinstance(request, DispatchJob) and request.idempotency_key is None:
        return msgspec.structs.replace(request, idempotency_key=f"request:{first}")
    if isinstance(request, CallOperation) and request.effect_key is None and request.name.startswith("action:"):
        return msgspec.structs.replace(request, effect_key=f"request:{first}")
    return request


def then(runtime: Runtime, endpoint: Endpoint[Any, Any], request: Any) -> Then:
    """What is done with this one."""
    if isinstance(request, CallOperation):
        name = operation_name(request.name)
        operation = runtime.operations.get(name) if name is not None else None
        # What takes effect in perdure's own log only is there with its outcome, or not at all: see `answer_there_is`.
        doubtful = operation is not None and operation.declaration.effect is Effect.NON_IDEMPOTENT
        return Then.DOUBT if doubtful else Then.AGAIN
    return Then.AGAIN if endpoint.name in _ANEW or endpoint.verb in _VERBS else Then.DOUBT


def answer_there_is(runtime: Runtime, endpoint: Endpoint[Any, Any], request: Any, accepted: int) -> Any:
    """What the first one came to, if the log says that it was done; None else.

    Args:
        runtime: the runtime.
        endpoint, request: the request, `named`.
        accepted: the log's position when it was: clocks may jump.
    """
    if isinstance(request, OneJob) and endpoint.name in _WANTED:
        status = runtime.store.job(request.job_id).status
        return StatusNow(job_id=request.job_id, status=status) if status is _WANTED[endpoint.name] else None
    if not isinstance(request, CallOperation) or request.effect_key is None:
        return None
    for stored in runtime.store.read(CALLS_STREAM, backward=True):
        event = stored.event
        if stored.position < accepted:
            break
        if isinstance(event, HostActionAnswered) and event.effect_key == request.effect_key and not event.code:
            return OperationAnswer(answer=_recorded(runtime, event))
    return None


def _recorded(runtime: Runtime, event: HostActionAnswered) -> Any:
    try:
        return msgspec.json.decode(open_recorded(runtime.keychain, runtime.store.blobs, event.answer))
    except SecretsError:
        return None  # it was done; what it answered is erased, or locked away
