"""Random legal lives of a job, with crashes, for property tests."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from tests.support.job_events import dispatched, failure, job_id

from perdure.store import JobState, evolve
from perdure.store import events as ev
from perdure.store.lifecycle import TRANSITIONS, Status

_COUNT: Final = st.integers(0, 1000)
_GUEST: Final[tuple[type[ev.Event], ...]] = (
    ev.ProgressReported,
    ev.CheckpointSaved,
    ev.CheckpointRefused,
    ev.WarningAdded,
    ev.ItemsCounted,
    ev.BytesCounted,
    ev.LogWritten,
    ev.InterruptAnswered,
    ev.OperationAnswered,
    ev.ActionIntended,
    ev.ActionAnswered,
    ev.ActionReused,
    ev.BudgetReached,
)
# A guest does more than change its status: it is chosen this many times as often as each step of the table.
_WEIGHT: Final = 3


@st.composite
def histories(draw: st.DrawFn, *, number: int = 1, longest: int = 60) -> list[ev.Event]:
    """A job's events from its dispatch on: each is legal after those before it."""
    first = dispatched(job_id(number))
    events: list[ev.Event] = [first]
    state = evolve(None, first, 1, 0)
    attempt = call = fuel = 0
    for _ in range(draw(st.integers(0, longest))):
        steps = [kind for kind, table in TRANSITIONS.items() if state.status in table and _fits(kind, state)]
        if state.status is Status.RUNNING:
            steps += _GUEST * _WEIGHT
        if not steps:
            break
        kind = draw(st.sampled_from(steps))
        checkpoint = state.checkpoint.sequence if state.checkpoint is not None else 0
        if kind is ev.JobStarted:
            attempt += 1
            if not state.continues:
                call = fuel = 0
        elif kind is ev.JobResumed:
            checkpoint = draw(st.sampled_from(sorted({0, checkpoint})))
        elif state.status is Status.RUNNING:
            fuel += draw(st.integers(1, 100))
        if kind in _GUEST:
            call += 1
        spent = fuel if state.status is Status.RUNNING else 0
        event = _event(draw, kind, state, call=call, fuel=spent, attempt=attempt, checkpoint=checkpoint)
        events.append(event)
        state = evolve(state, event, len(events), 0)
    return events


def _fits(kind: type[ev.Event], state: JobState) -> bool:
    """Whether the job is in the shape that the event needs, beyond its status."""
    if kind in (ev.JobRecovered, ev.JobRunEnded):
        return state.is_broken_off
    if kind in (ev.JobInDoubt, ev.DoubtResolved):
        return state.intent is not None
    return kind is not ev.JobFolded  # it has to have this job's summary; see tests/store/test_folding.py


def _event(
    draw: st.DrawFn, kind: type[ev.Event], state: JobState, *, call: int, fuel: int, attempt: int, checkpoint: int
) -> ev.Event:
    intent = state.intent
    drawn: dict[str, st.SearchStrategy[Any]] = {
        "cause": st.sampled_from(("recovery", "resume", "retry", "rerun", "restart")),
        "delay_ms": _COUNT,
        "progress": st.floats(0, 1),
        "message": st.text(max_size=5),
        "state": st.booleans() if kind is ev.JobForked else st.builds(ev.Inline, st.binary(max_size=5)),
        "count": _COUNT,
    }
    fixed: dict[str, Any] = {
        "call": intent.call if intent is not None and kind in (ev.JobInDoubt, ev.DoubtResolved) else call,
        "fuel": fuel,
        "attempt": attempt,
        "pid": 1,
        "checkpoint": checkpoint,
        "key": "order 4711",
        "forced": False,
        "resumable": True,
        "reason": "shutdown",
        "error": failure(),
        "level": 1,
        "answer": 1 if kind in (ev.InterruptAnswered, ev.JobForked) else ev.Inline(b"{}"),
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
        "origin": state.run.origin if state.run is not None else 0,
        "through": state.sequence,
        "sequence": intent.sequence if intent is not None else 1,
        "resolution": "again",
        "by": "test",
        "hash": bytes(32),
        "module": True if kind is ev.JobForked else "00" * 32,
        "version": "0.2.0",
        "export": "execute_counter",
        "digest": bytes(32),
        "effect": "idempotent",
    }
    return kind(**{name: draw(drawn[name]) if name in drawn else fixed[name] for name in kind.__struct_fields__})
