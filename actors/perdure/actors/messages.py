"""What the actors tell each other: msgpack bytes of tagged structs.

Any actor could be moved to another process without a change here. The one exception is on purpose: a job's events do
not travel in a message of their own but in the job's lane (`perdure.actors.lane`), as the very bytes that are stored.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from perdure.store.event_store import Effects
from perdure.store.events import Recorded, RowWrite


class Message(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """Base of all messages."""


# --- to the log writer -----------------------------------------------------------------------------------------------


class Append(Message, frozen=True):
    """Append these encoded events, with their effects; the reply comes after the commit is synced."""

    stream: str
    bodies: list[bytes]
    times: list[int]
    expected: int | None = None
    effects: Effects | None = None


class LaneReady(Message, frozen=True):
    """The lane has buffered events: commit them within 20 ms."""

    stream: str


class LaneFlush(Message, frozen=True):
    """The lane has a durable event: commit it now."""

    stream: str


class LanesWait(Message, frozen=True):
    """Durable events wait for those of others to share their commit: look after them in a moment."""


class JobsKept(Message, frozen=True):
    """Threads of jobs are kept on one processor: let those go that compute, every few moments."""


# --- to a job --------------------------------------------------------------------------------------------------------


class Run(Message, frozen=True):
    """Start the attempt."""


class Committed(Message, frozen=True):
    """The durable event with this token is on disk, at ``sequence``."""

    token: int
    sequence: int


class CommitFailed(Message, frozen=True):
    """The durable event with this token was not stored. ``refused``: it never will be; else a later try may do.

    ``conflict``: only this event was refused, because what its effects were computed from has changed. ``unfit``: only
    this event was refused, because its effects are none that the log can take.
    """

    token: int
    reason: str
    refused: bool
    conflict: bool = False
    unfit: bool = False


class PauseJob(Message, frozen=True):
    """Stop at the next check, and wait for a person."""


class SuspendJob(Message, frozen=True):
    """Stop at the next check; the next host goes on."""

    reason: str


class MoveJob(Message, frozen=True):
    """Stop so that the next run is one of another ``version``: after the next checkpoint, or at once to ``restart``."""

    version: str
    restart: bool


class CancelJob(Message, frozen=True):
    """Stop at the next check, for good."""


class RoomDue(Message, frozen=True):
    """The time that a job waits for room in a budget is over; ``token`` is that of its `RingJob`."""

    token: int


class TurnDue(Message, frozen=True):
    """It may be the job's turn to be led by the log (`perdure.actors.replay.gate`), or it may need none any more."""


class KillJob(Message, frozen=True):
    """The grace period is over: stop now. ``cause`` is ``grace`` or ``timeout``."""

    cause: str


class BudgetUse(msgspec.Struct, array_like=True, frozen=True):
    """The edge of a budget, see `BudgetReached`; ``response`` is ``refuse``, ``wait`` or ``suspend``."""

    budget: str
    limit: int
    retry_after_ms: int
    response: str


class OperationDone(Message, frozen=True):
    """The answer to an operation call; ``code`` is empty on success, else one of the ABI's error codes.

    The other fields are those of `perdure.actors.operations.Outcome`; ``budget`` is the one whose edge the call met.
    """

    call: int
    code: str
    answer: bytes
    action: bool = False
    payload: Recorded | None = None
    recorded_answer: Recorded | None = None
    writes: tuple[RowWrite, ...] = ()
    effects: Effects | None = None
    budget: BudgetUse | None = None


class OperationAdmitted(Message, frozen=True):
    """The action of this call may run, and begins when its intent is on disk; `BeginOperation` says so.

    ``effect`` is ``idempotent`` or ``non_idempotent``.
    """

    call: int
    effect: str


# --- to the operation router -----------------------------------------------------------------------------------------


class OperationCall(Message, frozen=True):
    """A call of an operation.

    ``caller`` is ``job``, or whoever called from the host: ``python``, ``cli``. ``extension`` is the one it is made by
    or for; None is the host itself. ``job_id`` and ``job_type`` are None and empty for a call from the host. ``call``
    identifies it within the job's ``attempt``. ``payload`` is UTF-8 JSON. ``effect_key`` is an action's
    (`perdure.actors.effect_keys`). ``again`` counts the times that it had begun before: its effects met others', or its
    process died.
    ``timeout_ms`` is how long the caller waits at most, None for as long as the operation may take.
    """

    caller: str
    extension: str | None
    job_id: UUID | None
    job_type: str
    library_id: UUID | None
    call: int
    method: str
    payload: bytes
    effect_key: str = ""
    again: int = 0
    timeout_ms: int | None = None
    attempt: int = 0


class CancelOperation(Message, frozen=True):
    """The job does not want this call's answer any more: let its handler know.

    ``held``: only if it has not begun, for want of room in a budget; what runs may go on.
    """

    job_id: UUID
    attempt: int
    call: int
    held: bool = False


class BeginOperation(Message, frozen=True):
    """The intent of this action is on disk; the time that it may take begins now."""

    job_id: UUID
    attempt: int
    call: int


# --- to an extension -------------------------------------------------------------------------------------------------


class LoadExtension(Message, frozen=True):
    """Run the module's initialisation and register its job types; the reply is a tuple of `JobType`."""

    version: str
    module: str


class UnloadExtension(Message, frozen=True):
    """Clean up and record it. Refused with `ExtensionBusy` while jobs run."""

    record: bool


class Admit(Message, frozen=True):
    """A queued job wants to run."""

    job_id: UUID


class AdmitAll(Message, frozen=True):
    """These queued jobs want to run, in this order."""

    job_ids: list[UUID]


class Forget(Message, frozen=True):
    """The job no longer waits."""

    job_id: UUID


class JobEnded(Message, frozen=True):
    """The job's actor is done with it."""

    job_id: UUID


class SlotFree(Message, frozen=True):
    """The runtime has room for another job."""


class StopAdmitting(Message, frozen=True):
    """Start no more jobs; the reply comes when that holds."""


# --- to the supervisor -----------------------------------------------------------------------------------------------


class Control(Message, frozen=True):
    """A person's wish; ``action`` is ``pause``, ``resume``, ``cancel`` or ``retry``. The reply is the status after."""

    job_id: UUID
    action: str


class ResolveDoubt(Message, frozen=True):
    """A person says what became of the job's action in doubt; see `DoubtResolved`. The reply is the status after.

    ``sequence`` is that of the intent that the person means.
    """

    job_id: UUID
    sequence: int
    resolution: str
    answer: Recorded
    code: str
    by: str


class JobDied(Message, frozen=True):
    """The job's actor ended without recording an end; ``blame`` is ``host`` (a defect) or ``store`` (no commits)."""

    job_id: UUID
    reason: str
    blame: str


class ActorDied(Message, frozen=True):
    """The actor with this name failed; names are ``log``, ``router`` and ``extension:ID``."""

    name: str
    reason: str


class WakeJob(Message, frozen=True):
    """Let the job go on ``delay_ms`` from now, if ``attempts`` is still the number of its last attempt.

    ``cause`` is that of the `JobResumed`, where neither the job's status nor a budget has one of its own.
    """

    job_id: UUID
    delay_ms: int
    attempts: int
    cause: str = "resume"


class CallOff(Message, frozen=True):
    """The job was dispatched after a cancel that should have taken it along: cancel it."""

    job_id: UUID


class KillLater(Message, frozen=True):
    """The job was asked to stop; kill it when the grace period is over.

    ``cause`` is ``grace``, or ``move``: then only its guest is stopped, a call that has begun may end.
    """

    job_id: UUID
    cause: str = "grace"


class RingJob(Message, frozen=True):
    """Tell the job's attempt in ``after_us`` microseconds, if it still runs; ``token`` is its own."""

    job_id: UUID
    attempt: int
    token: int
    after_us: int


class WatchDeadline(Message, frozen=True):
    """Kill the job's attempt if it still runs ``after_ms`` from now."""

    job_id: UUID
    attempt: int
    after_ms: int


AnyMessage = (
    Append
    | LaneReady
    | LaneFlush
    | LanesWait
    | JobsKept
    | Run
    | Committed
    | CommitFailed
    | PauseJob
    | SuspendJob
    | MoveJob
    | CancelJob
    | RoomDue
    | TurnDue
    | KillJob
    | OperationDone
    | OperationAdmitted
    | OperationCall
    | CancelOperation
    | BeginOperation
    | LoadExtension
    | UnloadExtension
    | Admit
    | AdmitAll
    | Forget
    | JobEnded
    | SlotFree
    | StopAdmitting
    | Control
    | ResolveDoubt
    | JobDied
    | ActorDied
    | WakeJob
    | RingJob
    | WatchDeadline
    | CallOff
    | KillLater
)

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final[msgspec.msgpack.Decoder[AnyMessage]] = msgspec.msgpack.Decoder(AnyMessage)


def encode_message(message: Message) -> bytes:
    """The bytes that travel."""
    return _encoder.encode(message)


def decode_message(data: bytes) -> AnyMessage:
    """The message that ``data`` holds."""
    return _decoder.decode(data)
