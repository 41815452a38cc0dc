"""The host calls of a run as the log has them: pure.

A call leaves one event that says what the guest asked and, where that was a question, what it was told. Beside it
there may be the intent of an action and edges of budgets. A ``check_interrupt`` that was answered with 0 leaves
nothing: where the numbers have a gap, there was one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from perdure.store.event_store import StoredEvent
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    ActionReused,
    BudgetReached,
    DoubtResolved,
    GuestEvent,
    JobForked,
    OperationAnswered,
    Recorded,
)

AskedEvent = ActionIntended | ActionAnswered | OperationAnswered


class RecordedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One host call.

    ``event`` is what the guest stated, at ``sequence`` of the stream; None if nothing but the edge of a budget is known
    of it. ``asked`` is an operation's call (for a reused action the one that was done), with its ``answer`` and
    ``code``. ``is_open``: the run was broken off before the guest had its answer. ``intended``: an action that is open
    was begun, and nobody said that it is to be begun anew.
    """

    call: int
    fuel: int
    sequence: int
    event: GuestEvent | None
    asked: AskedEvent | None = None
    answer: Recorded | None = None
    code: str = ""
    is_open: bool = False
    intended: bool = False


# Events of which more is known than what the guest stated; a long run has few of them.
_ASKING: Final = frozenset({BudgetReached, ActionIntended, ActionAnswered, OperationAnswered, ActionReused})

Outcome = Callable[[int], RecordedCall]  # the action's call whose outcome stands at a sequence of the stream


def recorded_calls(events: Iterable[StoredEvent], outcome: Outcome, after: int = 0) -> Iterator[RecordedCall]:
    """The calls of a run, from the events of its stream in order; only the last one may be open.

    ``after`` is the number of the run's call before the first of them.
    """
    now: RecordedCall | None = None
    for stored in events:
        event = stored.event
        if isinstance(event, DoubtResolved) and now is not None and now.is_open:
            now = _resolved(now, event)
        elif isinstance(event, JobForked) and now is not None and now.intended:
            now = _of_original(now)
        elif isinstance(event, BudgetReached):
            # Of a call that has left something already it says nothing new: it was met between two calls, or where the
            # run was taken up.
            if event.call > after:
                if now is not None and now.event is not None:
                    yield now
                now, after = _with(event, stored.sequence, outcome), event.call
        elif isinstance(event, GuestEvent):
            # Else it is an edge alone: a check_interrupt was answered behind it, and that left nothing.
            if now is not None and event.call != now.call and now.event is not None:
                yield now
            now, after = _with(event, stored.sequence, outcome), event.call
    if now is not None:
        yield now


def _with(event: GuestEvent, sequence: int, outcome: Outcome) -> RecordedCall:
    call, fuel = event.call, event.fuel
    if type(event) not in _ASKING:
        return RecordedCall(call=call, fuel=fuel, sequence=sequence, event=event)
    if isinstance(event, BudgetReached):
        return RecordedCall(call=call, fuel=fuel, sequence=sequence, event=None, is_open=True)
    if isinstance(event, ActionIntended):
        return RecordedCall(
            call=call, fuel=fuel, sequence=sequence, event=event, asked=event, is_open=True, intended=True
        )
    if isinstance(event, ActionAnswered | OperationAnswered):
        return RecordedCall(
            call=call, fuel=fuel, sequence=sequence, event=event, asked=event, answer=event.answer, code=event.code
        )
    if isinstance(event, ActionReused):
        done = outcome(event.sequence)
        return RecordedCall(
            call=call, fuel=fuel, sequence=sequence, event=event, asked=done.asked, answer=done.answer, code=done.code
        )
    return RecordedCall(call=call, fuel=fuel, sequence=sequence, event=event)


def _of_original(open_call: RecordedCall) -> RecordedCall:
    """What another job had begun when it was forked: of what may be repeated, the fork begins its own."""
    intent = open_call.event
    doubtful = isinstance(intent, ActionIntended) and intent.effect == "non_idempotent"
    return open_call if doubtful else msgspec.structs.replace(open_call, intended=False)


def _resolved(open_call: RecordedCall, event: DoubtResolved) -> RecordedCall:
    if event.resolution == "again":
        return msgspec.structs.replace(open_call, intended=False)
    return msgspec.structs.replace(open_call, answer=event.answer, code=event.code, is_open=False, intended=False)
