"""Steppers over HTTP: a job's run walked through call by call, in the engine.

A stepper holds a sandbox with the job's guest, so there are few at once, each is its client's own, and one that nobody
asks for is ended. What is asked of it names the call every time: whoever comes back after a while asks as before.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Endpoint
from perdure.api.events import Event
from perdure.api.jobs import ErrorShape, Job
from perdure.api.scopes import Scope

RunNumber = Annotated[int, Meta(ge=1, lt=1 << 53, description="A run, from 1.")]
CallNumber = Annotated[int, Meta(ge=0, lt=1 << 53, description="A host call of the run; 0 is before the first one.")]
_NEAR: Final = "So many calls at most."


class OpenStepper(msgspec.Struct, frozen=True, kw_only=True):
    """Which run of a job to walk through; none is the last one."""

    job_id: UUID
    run: RunNumber | None = None


class RunOfJob(msgspec.Struct, frozen=True, kw_only=True):
    """One of a job's runs. Its guest began at ``origin``, the sequence of a checkpoint, or 0 for the job's start.

    ``end`` is the event that ended it, or ``broken off``, or ``unfinished``.
    """

    run: int
    origin: int
    first_event: int
    last_event: int
    first_call: int
    last_call: int
    attempts: int
    end: str


class CallShape(msgspec.Struct, frozen=True, kw_only=True):
    """A host call as the log has it: what the guest asked, and what it was told.

    ``sequence`` is its event's; None for a check for interrupts that was answered with "go on", which leaves none.
    ``arguments`` are those of any call but an operation's, which has ``method``, ``library_id`` and ``payload``, and an
    ``answer``; ``code`` is empty on success. Payloads are JSON where they are JSON, else text; of sealed ones there is
    what may be shown, of large ones the digest. ``open``: it got no answer. ``recorded`` is all of it as bytes in
    msgpack, if that was asked for.
    """

    call: int
    fuel: int
    sequence: int | None
    function: str
    type: str | None
    method: str | None = None
    library_id: UUID | None = None
    arguments: dict[str, Any] = {}
    payload: Any = None
    answer: Any = None
    code: str = ""
    open: bool = False
    recorded: bytes | None = None


class DivergenceShape(msgspec.Struct, frozen=True, kw_only=True):
    """Where the guest, run again, did something else than it had done."""

    call: int
    sequence: int
    recorded: dict[str, Any]
    came: dict[str, Any]


class EndShape(msgspec.Struct, frozen=True, kw_only=True):
    """How the run ends: ``recorded`` in the log, ``exit`` and ``error`` by the guest now; see `Stepper`."""

    recorded: Event | None
    exit: str | None
    error: ErrorShape | None
    open_call: CallShape | None
    divergence: DivergenceShape | None
    unreadable: str


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where the guest stands: before the first call (``begin``), at a ``call``, or at the ``end``.

    At a call it has not been answered yet. ``fuel`` is what it has consumed in this run by now.
    """

    stepper: UUID
    run: int
    at: Literal["begin", "call", "end"]
    call: int
    fuel: int
    first: int
    last: int
    recorded: CallShape | None = None
    end: EndShape | None = None


class StepperShape(msgspec.Struct, frozen=True, kw_only=True):
    """A stepper, standing before its run's first call. It ends ``idle_seconds`` after it was asked last."""

    stepper: UUID
    job_id: UUID
    runs: list[RunOfJob]
    position: Position
    idle_seconds: float


class OneStepper(msgspec.Struct, frozen=True, kw_only=True):
    """Which stepper."""

    job_id: UUID
    stepper: UUID


class StepTo(msgspec.Struct, frozen=True, kw_only=True):
    """Go to a call; behind the last one is the end. ``run`` None: the run that it is in.

    ``event`` is a sequence of the job's history, and goes before ``run`` and ``call``: the call that left it, or the
    first one behind it.
    """

    job_id: UUID
    stepper: UUID
    call: CallNumber = 0
    run: RunNumber | None = None
    event: Annotated[int, Meta(ge=1, lt=1 << 53)] | None = None
    bodies: bool = False


class FindCall(msgspec.Struct, frozen=True, kw_only=True):
    """The next call behind ``call`` of a run, or the last one before it; ``run`` None: the one that it is in.

    Its event is one of ``type``, if there are some, and ``text``, in any case, stands in its function, method, payload
    or answer.
    """

    job_id: UUID
    stepper: UUID
    call: CallNumber = 0
    run: RunNumber | None = None
    text: Annotated[str, Meta(max_length=1000)] = ""
    type: list[str] = []
    backward: bool = False


class FoundCall(msgspec.Struct, frozen=True, kw_only=True):
    """The call's number; None: there is none."""

    call: int | None


class ListCalls(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of a run from ``first`` on, as far as they left events; ``run`` None: the one that it is in."""

    job_id: UUID
    stepper: UUID
    first: CallNumber = 0
    run: RunNumber | None = None
    limit: Annotated[int, Meta(ge=1, le=500, description=_NEAR)] = 100
    bodies: bool = False


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """Some calls; ``next`` is the first one of those behind them."""

    calls: list[CallShape]
    next: int | None


class StateHere(msgspec.Struct, frozen=True, kw_only=True):
    """The job as it was at a call, ``sequence`` being its history's last event then.

    ``before`` and ``after`` are the guest's state, as it was saved last, before this call and behind it: they differ at
    a checkpoint. ``recorded`` is the one behind it as bytes in msgpack, if that was asked for.
    """

    sequence: int
    job: Job
    before: Any
    after: Any
    recorded: bytes | None = None


OPEN: Final = Endpoint(
    "steppers.open",
    "POST",
    "/v1/jobs/{job_id}/steppers",
    Scope.CONTROL,
    OpenStepper,
    StepperShape,
    "Begin to walk through a run of a job, call by call: its guest is run again, and nothing live happens",
    acts=True,
    status=201,
)
STEP: Final = Endpoint(
    "steppers.step",
    "GET",
    "/v1/jobs/{job_id}/steppers/{stepper}",
    Scope.CONTROL,
    StepTo,
    Position,
    "Go to a call: what was asked, what was told, and what the guest had consumed",
)
FIND: Final = Endpoint(
    "steppers.find",
    "GET",
    "/v1/jobs/{job_id}/steppers/{stepper}/find",
    Scope.CONTROL,
    FindCall,
    FoundCall,
    "Look for a call",
)
CALLS: Final = Endpoint(
    "steppers.calls",
    "GET",
    "/v1/jobs/{job_id}/steppers/{stepper}/calls",
    Scope.CONTROL,
    ListCalls,
    Calls,
    "The calls of the run, as the log has them",
)
STATE: Final = Endpoint(
    "steppers.state",
    "GET",
    "/v1/jobs/{job_id}/steppers/{stepper}/state",
    Scope.CONTROL,
    StepTo,
    StateHere,
    "The job and its guest's state, as they were at a call",
)
CLOSE: Final = Endpoint(
    "steppers.close",
    "DELETE",
    "/v1/jobs/{job_id}/steppers/{stepper}",
    Scope.CONTROL,
    OneStepper,
    type(None),
    "End a stepper",
    status=204,
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (OPEN, STEP, FIND, CALLS, STATE, CLOSE)
