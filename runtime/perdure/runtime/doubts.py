"""Actions in doubt: a process died while they ran, they must not be done twice, and nobody knows what became of them.

A person finds out, and says so (`Runtime.resolve`); until then the job waits in status ``attention`` (ADR 0011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import msgspec

from perdure.actors.hooks import DOUBT_RESOLUTIONS
from perdure.actors.messages import ResolveDoubt
from perdure.actors.operations import CODES, failure_answer
from perdure.runtime.errors import InvalidResolution
from perdure.store.blobs import load_payload
from perdure.store.errors import NotInDoubt, StoreError
from perdure.store.event_store import EventStore
from perdure.store.events import ActionIntended, Inline, Recorded, Sealed, job_stream
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status

if TYPE_CHECKING:  # who only looks at a doubt needs nothing that could carry operations out
    from perdure.runtime.operations.service import OperationService

Resolution = Literal["succeeded", "failed", "again"]


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """An action of which nobody knows whether it was done.

    ``sequence`` is that of its intent in the job's stream, ``time`` when it began, in microseconds since 1970.
    ``payload`` is its JSON as it may be shown: with ``sealed``, without its secrets. ``effect_key`` is what the handler
    was given to hand on; empty with ``sealed``. ``library_id`` is None where the guest named none: then it is the
    job's.
    """

    job_id: UUID
    sequence: int
    time: int
    call: int
    method: str
    library_id: UUID | None
    effect: str
    effect_key: str
    payload: bytes
    sealed: bool


def doubt_of(store: EventStore, state: JobState) -> Doubt | None:
    """The job's action in doubt; None if there is none, or it may yet end by itself.

    Raises:
        StoreError: the log cannot be read.
    """
    if not state.is_in_doubt or state.status in (Status.RUNNING, Status.QUEUED):
        return None
    found = _intent(store, state)
    payload = found[0].payload
    return Doubt(
        job_id=state.job_id,
        sequence=found[1],
        time=found[2],
        call=found[0].call,
        method=found[0].method,
        library_id=found[0].library_id,
        effect=found[0].effect,
        effect_key=found[0].effect_key,
        payload=payload.shown if isinstance(payload, Sealed) else load_payload(store.blobs, payload),
        sealed=isinstance(payload, Sealed),
    )


def resolution_of(
    store: EventStore,
    service: OperationService,
    state: JobState,
    resolution: str,
    *,
    answer: object,
    message: str | None,
    code: str,
    by: str,
) -> ResolveDoubt:
    """What the supervisor is told; see `Runtime.resolve`.

    Raises:
        NotInDoubt: no action of the job waits for anybody's word.
        InvalidResolution: the words fit no resolution, or the answer not the operation.
        SecretsError, StoreError: the answer cannot be sealed, or stored.
    """
    _check(resolution, answer, message, code, by)
    if state.status is not Status.ATTENTION or state.intent is None:
        raise NotInDoubt(str(state.job_id), str(state.status))
    intent, sequence, _ = _intent(store, state)
    recorded: Recorded = Inline(b"")
    if resolution == "succeeded":
        recorded = service.stated(state.extension, state.library_id, intent, _encoded(answer), "")
    elif resolution == "failed":
        recorded = service.stated(state.extension, state.library_id, intent, failure_answer(code, message or ""), code)
    stated = code if resolution == "failed" else ""
    return ResolveDoubt(state.job_id, sequence, resolution, recorded, stated, by)


def _check(resolution: str, answer: object, message: str | None, code: str, by: str) -> None:
    if resolution not in DOUBT_RESOLUTIONS:
        raise InvalidResolution(f"{resolution!r} is none of {', '.join(DOUBT_RESOLUTIONS)}")
    if resolution == "succeeded" and answer is None:
        raise InvalidResolution("an action that succeeded has an answer, which its guest waits for: say which")
    if resolution == "failed" and not isinstance(message, str):
        raise InvalidResolution("an action that failed has a message, which its guest gets: say which")
    if code not in CODES:
        raise InvalidResolution(f"{code!r} is none of the codes: {', '.join(CODES)}")
    if not by:
        raise InvalidResolution("say who decided")
    if (answer is not None and resolution != "succeeded") or (message is not None and resolution != "failed"):
        raise InvalidResolution(f"an answer is for succeeded and a message for failed, not for {resolution}")


def _intent(store: EventStore, state: JobState) -> tuple[ActionIntended, int, int]:
    sequence = state.intent.sequence if state.intent is not None else 0
    for stored in store.read(job_stream(state.job_id), after=sequence - 1, until=sequence):
        if isinstance(stored.event, ActionIntended):
            return stored.event, stored.sequence, stored.time
    raise StoreError(f"job {state.job_id} has no intent of an action at sequence {sequence}")


def _encoded(answer: Any) -> bytes:
    if isinstance(answer, bytes):
        return answer
    try:
        return msgspec.json.encode(answer)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidResolution(f"the answer cannot be said in JSON: {error}") from None
