"""Steppers: a job's run walked through call by call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from perdure.api import steppers
from perdure.api.errors import UnexpectedAnswer
from perdure.api.events import stored_of
from perdure.api.jobs import job_error_of, state_of
from perdure.api.recorded_calls import decode_call, decode_payload
from perdure.api.steppers import (
    Calls,
    CallShape,
    ListCalls,
    OneStepper,
    OpenStepper,
    Position,
    StateHere,
    StepperShape,
    StepTo,
)
from perdure.client.calls.call import Call
from perdure.runtime.identifiers import job_id_of
from perdure.store.events import Payload
from perdure.store.job_state import JobState

if TYPE_CHECKING:
    from perdure.actors.replay.recorded_calls import RecordedCall
    from perdure.runtime.timetravel.stepping import End, Step

PAGE: Final = 500  # calls; as many as the server gives at once
END: Final = (1 << 53) - 1  # a call behind all others


@dataclass(frozen=True)
class Standing:
    """Where a stepper stands: in run ``run``, whose calls go from ``first`` to ``last``."""

    run: int
    first: int
    last: int
    here: Step | End


def opened(job_id: UUID | str, run: int | None) -> Call[StepperShape]:
    """A new stepper."""
    return Call(steppers.OPEN, OpenStepper(job_id=job_id_of(job_id), run=run), lambda found: found)


def standing(job_id: UUID, stepper: UUID, run: int, call: int) -> Call[Standing]:
    """Go to a call of a run."""
    wanted = StepTo(job_id=job_id, stepper=stepper, run=run, call=max(0, min(call, END)), bodies=True)
    return Call(steppers.STEP, wanted, standing_of)


def run_of(job_id: UUID, stepper: UUID, event: int) -> Call[tuple[int, int]]:
    """The run and the call of an event."""
    wanted = StepTo(job_id=job_id, stepper=stepper, event=event)
    return Call(steppers.STEP, wanted, lambda found: (found.run, found.call + (found.at == "end")))


def listed(job_id: UUID, stepper: UUID, run: int, first: int) -> Call[tuple[list[RecordedCall], int | None]]:
    """Some calls, and the first one of those behind them."""
    wanted = ListCalls(job_id=job_id, stepper=stepper, run=run, first=first, limit=PAGE, bodies=True)
    return Call(steppers.CALLS, wanted, _calls_of)


def state(job_id: UUID, stepper: UUID, run: int, call: int) -> Call[tuple[int, JobState, Payload]]:
    """The last event that had happened at a call, the job and its guest's state."""
    wanted = StepTo(job_id=job_id, stepper=stepper, run=run, call=max(0, min(call, END)), bodies=True)
    return Call(steppers.STATE, wanted, _state_of)


def closed(job_id: UUID, stepper: UUID) -> Call[None]:
    """End it."""
    return Call(steppers.CLOSE, OneStepper(job_id=job_id, stepper=stepper), lambda _: None)


def standing_of(position: Position) -> Standing:
    """A position as `Stepper` has it."""
    return Standing(position.run, position.first, position.last, _here_of(position))


def _here_of(position: Position) -> Step | End:
    from perdure.actors.guest import Exit  # noqa: PLC0415  # what a client without steppers does not need
    from perdure.actors.replay.divergence import Divergence  # noqa: PLC0415
    from perdure.runtime.timetravel.stepping import End, Step  # noqa: PLC0415

    end = position.end
    if end is None:
        return Step(call=position.call, fuel=position.fuel, recorded=_recorded(position.recorded))
    divergence = end.divergence
    return End(
        call=position.call,
        fuel=position.fuel,
        recorded=stored_of(end.recorded) if end.recorded is not None else None,
        exit=Exit(end.exit) if end.exit is not None else None,
        error=job_error_of(end.error) if end.error is not None else None,
        open_call=_recorded(end.open_call),
        divergence=Divergence(**msgspec.structs.asdict(divergence)) if divergence is not None else None,
        unreadable=end.unreadable,
    )


def _recorded(call: CallShape | None) -> RecordedCall | None:
    return decode_call(call.recorded) if call is not None and call.recorded is not None else None


def _calls_of(found: Calls) -> tuple[list[RecordedCall], int | None]:
    calls = [recorded for call in found.calls if (recorded := _recorded(call)) is not None]
    return calls, found.next


def _state_of(found: StateHere) -> tuple[int, JobState, Payload]:
    if found.recorded is None:
        raise UnexpectedAnswer("the server", "there is no guest's state in it")
    return found.sequence, state_of(found.job), decode_payload(found.recorded)
