"""Steppers, for clients: jobs' runs walked through call by call."""

from __future__ import annotations

import itertools

from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.api import steppers
from perdure.api.jobs import job_of
from perdure.api.recorded_calls import encode_payload
from perdure.api.steppers import (
    Calls,
    FindCall,
    FoundCall,
    ListCalls,
    OneStepper,
    OpenStepper,
    Position,
    StateHere,
    StepperShape,
    StepTo,
)
from perdure.runtime.errors import CannotStep
from perdure.runtime.timetravel.call_search import find_call
from perdure.runtime.timetravel.stepping import Stepper
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.handlers import Handlers
from perdure.server.engine.open_steppers import IDLE
from perdure.server.engine.step_shapes import call_of, has_text, payload_of, position_of, runs_of
from perdure.store.events import tag_of


def add_handlers(handlers: Handlers) -> None:
    """The family's."""
    handlers.add(steppers.OPEN, open_stepper)
    handlers.add(steppers.STEP, step)
    handlers.add(steppers.FIND, find)
    handlers.add(steppers.CALLS, list_calls)
    handlers.add(steppers.STATE, state_here)
    handlers.add(steppers.CLOSE, close)


def open_stepper(engine: Engine, caller: Caller, request: OpenStepper) -> StepperShape:
    """See `Runtime.stepper`."""
    made = engine.steppers.open(caller.client, request.job_id, request.run)
    with engine.steppers.using(caller.client, request.job_id, made.number) as stepper:
        return StepperShape(
            stepper=made.number,
            job_id=request.job_id,
            runs=runs_of(stepper),
            position=position_of(made.number, stepper, engine.runtime.store.blobs, bodies=False),
            idle_seconds=IDLE,
        )


def step(engine: Engine, caller: Caller, request: StepTo) -> Position:
    """See `Stepper.at`, `Stepper.enter` and `Stepper.run_of`."""
    with engine.steppers.using(caller.client, request.job_id, request.stepper) as stepper:
        _go(stepper, request)
        return position_of(request.stepper, stepper, engine.runtime.store.blobs, bodies=request.bodies)


def find(engine: Engine, caller: Caller, request: FindCall) -> FoundCall:
    """See `Stepper.find`."""
    blobs, types = engine.runtime.store.blobs, frozenset(request.type)

    def is_wanted(call: RecordedCall) -> bool:
        if types and (call.event is None or tag_of(call.event) not in types):
            return False
        return not request.text or has_text(call_of(call, blobs), request.text)

    with engine.steppers.using(caller.client, request.job_id, request.stepper) as stepper:
        _enter(stepper, request.run)
        found = find_call(stepper.calls(), request.call, is_wanted, backward=request.backward)
    return FoundCall(call=found)


def list_calls(engine: Engine, caller: Caller, request: ListCalls) -> Calls:
    """See `Stepper.calls`."""
    blobs = engine.runtime.store.blobs
    with engine.steppers.using(caller.client, request.job_id, request.stepper) as stepper:
        _enter(stepper, request.run)
        behind = (call for call in stepper.calls() if call.call >= request.first)
        page = list(itertools.islice(behind, request.limit + 1))
    more = page[request.limit].call if len(page) > request.limit else None
    return Calls(calls=[call_of(call, blobs, bodies=request.bodies) for call in page[: request.limit]], next=more)


def state_here(engine: Engine, caller: Caller, request: StepTo) -> StateHere:
    """See `Stepper.state` and `Stepper.guest_state`."""
    blobs = engine.runtime.store.blobs
    with engine.steppers.using(caller.client, request.job_id, request.stepper) as stepper:
        _go(stepper, request)
        return StateHere(
            sequence=stepper.sequence(),
            job=job_of(stepper.state()),
            before=payload_of(blobs, stepper.guest_state_before()),
            after=payload_of(blobs, stepper.guest_state()),
            recorded=encode_payload(stepper.guest_state()) if request.bodies else None,
        )


def close(engine: Engine, caller: Caller, request: OneStepper) -> None:
    """See `Stepper.close`."""
    engine.steppers.end(caller.client, request.job_id, request.stepper)


def _go(stepper: Stepper, request: StepTo) -> None:
    run, call = request.run, request.call
    if request.event is not None:
        found = stepper.run_of(request.event)
        if found is None:
            raise CannotStep(str(request.job_id), f"event {request.event} is in none of its runs; it is the host's own")
        run, call = found
    _enter(stepper, run)
    stepper.at(call)


def _enter(stepper: Stepper, run: int | None) -> None:
    if run is not None and run != stepper.run.number:
        stepper.enter(run)
