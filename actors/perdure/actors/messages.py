"""What the actors tell each other: msgpack bytes of tagged structs.

Any actor could be moved to another process without a change here. The one exception is on purpose: a job's events do
not travel in a message of their own but in the job's lane (`perdure.actors.lane`), as the very bytes that are stored.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec


class Message(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """Base of all messages."""


# --- to the log writer -----------------------------------------------------------------------------------------------


class Append(Message, frozen=True):
    """Append these encoded events; the reply comes after the commit is synced."""

    stream: str
    bodies: list[bytes]
    times: list[int]
    expected: int | None = None


class LaneReady(Message, frozen=True):
    """The lane has buffered events: commit them within 20 ms."""

    stream: str


class LaneFlush(Message, frozen=True):
    """The lane has a durable event: commit it now."""

    stream: str


# --- to a job --------------------------------------------------------------------------------------------------------


class Run(Message, frozen=True):
    """Start the attempt."""


class Committed(Message, frozen=True):
    """The durable event with this token is on disk, at ``sequence``."""

    token: int
    sequence: int


class CommitFailed(Message, frozen=True):
    """The durable event with this token was not stored. ``refused``: it never will be; else a later try may do."""

    token: int
    reason: str
    refused: bool


class PauseJob(Message, frozen=True):
    """Stop at the next check, and wait for a person."""


class SuspendJob(Message, frozen=True):
    """Stop at the next check; the next host goes on."""

    reason: str


class CancelJob(Message, frozen=True):
    """Stop at the next check, for good."""


class KillJob(Message, frozen=True):
    """The grace period is over: stop now. ``cause`` is ``grace`` or ``timeout``."""

    cause: str


class OperationDone(Message, frozen=True):
    """The answer to an operation call; ``code`` is empty on success, else one of the ABI's error codes."""

    call: int
    code: str
    answer: bytes


# --- to the operation router -----------------------------------------------------------------------------------------


class OperationCall(Message, frozen=True):
    """A guest's call of an operation; ``payload`` is UTF-8 JSON, ``call`` identifies it within the job's attempt."""

    job_id: UUID
    extension: str
    library_id: UUID
    call: int
    method: str
    payload: bytes


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
    """Let the job go on ``delay_ms`` from now, if ``attempts`` is still the number of its last attempt."""

    job_id: UUID
    delay_ms: int
    attempts: int


class KillLater(Message, frozen=True):
    """The job was asked to stop; kill it when the grace period is over."""

    job_id: UUID


class WatchDeadline(Message, frozen=True):
    """Kill the job's attempt if it still runs ``after_ms`` from now."""

    job_id: UUID
    attempt: int
    after_ms: int


AnyMessage = (
    Append
    | LaneReady
    | LaneFlush
    | Run
    | Committed
    | CommitFailed
    | PauseJob
    | SuspendJob
    | CancelJob
    | KillJob
    | OperationDone
    | OperationCall
    | LoadExtension
    | UnloadExtension
    | Admit
    | Forget
    | JobEnded
    | SlotFree
    | StopAdmitting
    | Control
    | JobDied
    | ActorDied
    | WakeJob
    | WatchDeadline
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
