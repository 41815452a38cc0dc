"""Random legal lives of a job, with crashes, for property tests."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from tests.support.job_events import dispatched, failure, job_id

from perdure.store import events as ev
from perdure.store.lifecycle import TRANSITIONS, Status

_COUNT: Final = st.integers(0, 1000)
_GUEST: Final[tuple[type[ev.Event], ...]] = (
    ev.ProgressReported,
    ev.CheckpointSaved,
    ev.WarningAdded,
    ev.ItemsCounted,
    ev.BytesCounted,
    ev.LogWritten,
    ev.InterruptAnswered,
    ev.OperationAnswered,
    ev.ActionAnswered,
    ev.BudgetReached,
)
# A guest does more than change its status: it is chosen this many times as often as each step of the table.
_WEIGHT: Final = 3


@st.composite
def histories(draw: st.DrawFn, *, number: int = 1, longest: int = 60) -> list[ev.Event]:
    """A job's events from its dispatch on: each is legal after those before it."""
    events: list[ev.Event] = [dispatched(job_id(number))]
    status = Status.QUEUED
    checkpoint = attempt = call = fuel = 0
    for _ in range(draw(st.integers(0, longest))):
        steps: list[type[ev.Event]] = [kind for kind, table in TRANSITIONS.items() if status in table]
        if status is Status.RUNNING:
            steps += _GUEST * _WEIGHT
        if not steps:
            break
        kind = draw(st.sampled_from(steps))
        sequence = len(events) + 1
        if kind is ev.JobStarted:
            attempt, call, fuel = attempt + 1, 0, 0
        elif kind is ev.JobResumed:
            checkpoint = draw(st.sampled_from(sorted({0, checkpoint})))
        elif status is Status.RUNNING:
            fuel += draw(st.integers(1, 100))
        if kind in _GUEST:
            call += 1
            checkpoint = sequence if kind is ev.CheckpointSaved else checkpoint
        spent = fuel if status is Status.RUNNING else 0
        events.append(_event(draw, kind, call=call, fuel=spent, attempt=attempt, checkpoint=checkpoint))
        status = TRANSITIONS.get(kind, {}).get(status, status)
    return events


def _event(draw: st.DrawFn, kind: type[ev.Event], *, call: int, fuel: int, attempt: int, checkpoint: int) -> ev.Event:
    drawn: dict[str, st.SearchStrategy[Any]] = {
        "cause": st.sampled_from(("recovery", "resume", "retry", "rerun", "restart")),
        "delay_ms": _COUNT,
        "progress": st.floats(0, 1),
        "message": st.text(max_size=5),
        "state": st.builds(ev.Inline, st.binary(max_size=5)),
        "count": _COUNT,
    }
    fixed: dict[str, Any] = {
        "call": call,
        "fuel": fuel,
        "attempt": attempt,
        "pid": 1,
        "checkpoint": checkpoint,
        "forced": False,
        "reason": "shutdown",
        "error": failure(),
        "level": 1,
        "answer": 1 if kind is ev.InterruptAnswered else ev.Inline(b"{}"),
        "parent": job_id(2),
        "effect_key": "ab" * 16,
        "writes": (),
        "budget": "requests_per_minute",
        "limit": 1,
        "retry_after_ms": 1,
        "response": "wait",
        "method": "query:test.ping",
        "library_id": None,
        "payload": ev.Inline(b"{}"),
        "code": "",
    }
    return kind(**{name: draw(drawn[name]) if name in drawn else fixed[name] for name in kind.__struct_fields__})
