"""How a job of which nothing runs comes to another version: which events, in which case."""

from __future__ import annotations

import pytest
from tests.support.job_events import checkpoint, dispatched, failure, items, job_id, started

from perdure.actors.requeueing import ReplayLimit
from perdure.actors.upgrading import Upgrade, going_on, is_at_checkpoint
from perdure.store import JobState, MemoryEventStore
from perdure.store import events as ev
from perdure.store.job_evolution import fold

MODULE = "ab" * 32


def upgrade(*, restart: bool = False, resumable: bool = True) -> Upgrade:
    return Upgrade("2.0.0", MODULE, "execute_counter", resumable, restart)


def intent(effect: str, call: int = 3) -> ev.ActionIntended:
    return ev.ActionIntended(call, call * 10, "action:mail.send", None, effect, "ab" * 16, ev.Inline(b"{}"))


def state_of(*events: ev.Event) -> JobState:
    history = [dispatched(job_id(1)), *events]
    return fold(None, [(event, sequence, 0) for sequence, event in enumerate(history, 1)])


CRASHED = (started(), checkpoint(1))
WORKED_ON = (*CRASHED, items(2))
FAILED = (*WORKED_ON, ev.JobFailed(failure(), 30))
NO_POINT = (started(), items(1))
NOT_BEGUN: tuple[ev.Event, ...] = ()
MOVED = ev.JobMoved("2.0.0", MODULE, "execute_counter", True)


def tags(events: tuple[ev.JobEvent, ...]) -> list[str]:
    return [ev.tag_of(event) for event in events]


@pytest.mark.parametrize(
    ("history", "restart", "expected"),
    [
        (CRASHED, False, [MOVED, ev.JobResumed(3, "recovery")]),  # nothing was done since the checkpoint
        (WORKED_ON, False, ["recovered"]),
        (FAILED, False, [MOVED, ev.JobResumed(3, "recovery")]),
        (NO_POINT, False, ["recovered"]),
        (NOT_BEGUN, False, ["resumed"]),
        (CRASHED, True, [MOVED, ev.JobResumed(0, "recovery")]),
        (WORKED_ON, True, [MOVED, ev.JobResumed(0, "recovery")]),
        (FAILED, True, [MOVED, ev.JobResumed(0, "recovery")]),
        (NO_POINT, True, [MOVED, ev.JobResumed(0, "recovery")]),
        (NOT_BEGUN, True, [MOVED, ev.JobResumed(0, "recovery")]),
        # An action in doubt first, then the upgrade.
        ((*WORKED_ON, intent("idempotent")), True, ["recovered"]),
        ((*WORKED_ON, intent("idempotent")), False, ["recovered"]),
        ((*WORKED_ON, intent("non_idempotent")), True, ["in-doubt"]),
        ((*WORKED_ON, intent("non_idempotent")), False, ["in-doubt"]),
    ],
)
def test_how_it_goes_on(history: tuple[ev.Event, ...], restart: bool, expected: list[object]) -> None:
    store = MemoryEventStore()
    stream = ev.job_stream(job_id(1))
    store.append(stream, [dispatched(job_id(1)), *history])
    state = store.job(job_id(1))
    found = going_on(state, "recovery", ReplayLimit(), upgrade(restart=restart), lambda: is_at_checkpoint(store, state))
    assert (list(found) if isinstance(expected[0], ev.Event) else tags(found)) == expected


def test_without_an_upgrade_it_goes_on_as_ever() -> None:
    state = state_of(*WORKED_ON)
    assert tags(going_on(state, "recovery", ReplayLimit(), None, lambda: True)) == ["recovered"]


def test_a_version_that_cannot_resume_takes_over_no_checkpoint() -> None:
    state = state_of(*FAILED)
    found = going_on(state, "rerun", ReplayLimit(), upgrade(resumable=False), lambda: True)
    assert tags(found) == ["resumed"]


def test_a_move_is_folded() -> None:
    state = state_of(*CRASHED, MOVED)
    assert (state.version, state.module, state.moved_from) == ("2.0.0", MODULE, "0.1.0")
    assert (state.run, state.continues, state.attempting, str(state.status)) == (None, False, False, "suspended")


def test_what_stands_behind_the_last_checkpoint() -> None:
    store = MemoryEventStore()
    stream = ev.job_stream(job_id(1))
    store.append(stream, [dispatched(job_id(1)), started()])
    assert not is_at_checkpoint(store, store.job(job_id(1)))
    store.append(stream, [checkpoint(1), ev.JobSuspended("it moves", True, 10)])
    assert is_at_checkpoint(store, store.job(job_id(1)))
    store.append(stream, [ev.JobRecovered(0, 4, "recovery"), started(2), items(2)])
    assert not is_at_checkpoint(store, store.job(job_id(1)))
