"""The events of a fork, and what they add up to: without a runtime."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from tests.support.job_events import (
    LIBRARY,
    START,
    checkpoint,
    completed,
    dispatched,
    failure,
    items,
    job_id,
    plain,
    start_job,
    started,
)

from perdure.actors.effect_keys import EffectKeys
from perdure.runtime.timetravel.fork_copy import Changes, ForkCopy, NewAnswer, NewModule
from perdure.store import CorruptLog, IllegalTransition, MemoryEventStore, Status, StoredEvent, evolve
from perdure.store import events as ev

FORK, PARENT = job_id(2), job_id(1)
MODULE = NewModule("2.0.0", "ef" * 32, "execute_other", False)


def acted(call: int, payload: bytes = b"{}", code: str = "") -> ev.ActionAnswered:
    writes = (ev.RowWrite(b"row", b"value"),)
    return ev.ActionAnswered(
        call, call * 10, "action:a.b", None, "ab" * 16, inline(payload), inline(b"{}"), code, writes
    )


def inline(data: bytes) -> ev.Inline:
    return ev.Inline(data)


def opened(recorded: ev.Recorded) -> bytes:
    payload = plain(recorded)
    assert isinstance(payload, ev.Inline)
    return payload.data


def stored(*events: ev.Event) -> list[StoredEvent]:
    store = MemoryEventStore(lambda: START)
    return list(store.read(start_job(store, more=events)))


def copied(*events: ev.Event, changes: Changes | None = None) -> tuple[list[ev.Event], ForkCopy]:
    """What a fork makes of a job that has begun and left these events; its own first two are left out."""
    fields = {name: getattr(dispatched(FORK), name) for name in ev.JobDispatched.__struct_fields__}
    begun = ev.ForkBegun(**fields, parent=PARENT)
    copy = ForkCopy(begun, changes or Changes(), opened, START)
    return [event for event, _ in copy.pairs(stored(*events))][2:], copy


def forked(copy: ForkCopy) -> None:
    copy.add(ev.JobForked(PARENT, copy.state.sequence, bytes(32), PARENT, state=False, answer=0, module=False))


def key(number: int = 0, checkpoint_at: int = 0, payload: bytes = b"{}") -> str:
    """The name of the n-th such action that the fork itself would use."""
    keys = EffectKeys(FORK, checkpoint_at)
    for _ in range(number):
        keys.done("action:a.b", LIBRARY, payload)
    return keys.next("action:a.b", LIBRARY, payload)


def keys_of(events: list[ev.Event]) -> list[str]:
    return [event.effect_key for event in events if isinstance(event, ev.ActionAnswered | ev.ActionIntended)]


# --- the names of effects --------------------------------------------------------------------------------------------


def test_actions_are_named_as_the_fork_would_name_them() -> None:
    events, _ = copied(acted(1), acted(2), acted(3, b'{"n":1}'), checkpoint(4), acted(5))
    assert keys_of(events) == [key(0), key(1), key(0, payload=b'{"n":1}'), key(0, checkpoint_at=6)]
    assert all(event.writes == () for event in events if isinstance(event, ev.ActionAnswered))


def test_an_action_that_failed_leaves_its_name_to_the_next() -> None:
    events, _ = copied(acted(1, code="failed"), acted(2), acted(3))
    assert keys_of(events) == [key(0), key(0), key(1)]


def test_an_intent_and_its_outcome_have_one_name() -> None:
    intent = ev.ActionIntended(1, 10, "action:a.b", None, "idempotent", "cd" * 16, inline(b"{}"))
    events, _ = copied(intent, acted(1), msgspec.structs.replace(intent, call=2), acted(2))
    assert keys_of(events) == [key(0), key(0), key(1), key(1)]


def test_a_run_that_begins_anew_counts_anew_and_what_it_reuses_is_counted() -> None:
    over = (ev.RetryScheduled(failure(), 1, 30), ev.JobResumed(0, "retry"), started(2))
    events, _ = copied(acted(1), acted(2), *over, ev.ActionReused(1, 10, 3), acted(2))
    assert keys_of(events) == [key(0), key(1), key(1)]


def test_a_name_that_is_not_in_the_log_is_not_in_the_copy() -> None:
    sealed = ev.Sealed("key", b'"shown"', inline(b"\0"))
    secret = msgspec.structs.replace(acted(1), effect_key="", payload=sealed)
    events, _ = copied(secret, acted(2))
    assert keys_of(events) == ["", key(0)]


# --- what is changed -------------------------------------------------------------------------------------------------


def test_without_changes_all_else_is_as_it_was() -> None:
    original = (items(1), checkpoint(2), ev.WarningAdded(3, 30, "odd"), ev.InterruptAnswered(4, 40, 1))
    events, copy = copied(*original)
    assert [ev.encode(event) for event in events] == [ev.encode(event) for event in original]
    assert copy.state.items == 1
    assert (copy.state.status, copy.state.copied) == (Status.COPYING, Status.RUNNING)


def test_the_state_of_one_checkpoint_or_of_the_dispatch() -> None:
    new = inline(b'{"new": true}')
    events, _ = copied(checkpoint(1), checkpoint(2), changes=Changes(state=new, state_at=4))
    assert [plain(event.state) for event in events if isinstance(event, ev.CheckpointSaved)] == [inline(b"{}"), new]
    _, copy = copied(changes=Changes(state=new))
    assert copy.begun.state == new


def test_an_answer() -> None:
    new = NewAnswer(2, 4, acted(2, b'{"other": 1}'))
    events, _ = copied(items(1), acted(2), changes=Changes(answer=new))
    assert isinstance(events[1], ev.ActionAnswered)
    assert opened(events[1].payload) == b'{"other": 1}'
    assert events[1].writes == ()


def test_the_module_wherever_one_is_named() -> None:
    move = ev.JobMoved("1.1.0", "cd" * 32, "execute_moved", True)
    over = (ev.JobPaused(forced=True, fuel=0), move)
    events, copy = copied(items(1), *over, changes=Changes(module=MODULE))
    assert (copy.begun.version, copy.begun.module, copy.begun.export) == ("2.0.0", "ef" * 32, "execute_other")
    assert events[-1] == ev.JobMoved("2.0.0", "ef" * 32, "execute_other", False)
    assert copied(items(1), *over)[0][-1] == move


def test_a_key_of_a_dispatch_stays_the_originals() -> None:
    keyed = ev.JobKeyed("once", (ev.RowWrite(b"key", b"value"),))
    store = MemoryEventStore(lambda: START)
    stream = ev.job_stream(PARENT)
    store.append(stream, [dispatched(PARENT), keyed])
    fields = {name: getattr(dispatched(FORK), name) for name in ev.JobDispatched.__struct_fields__}
    copy = ForkCopy(ev.ForkBegun(**fields, parent=PARENT), Changes(), opened, START)
    assert [event for event, _ in copy.pairs(store.read(stream))][1] == ev.JobKeyed("once", ())


def test_a_gap_is_no_history() -> None:
    def with_a_gap() -> Iterator[StoredEvent]:
        for event in stored(items(1), items(2), items(3)):
            if event.sequence != 4:
                yield event

    fields = {name: getattr(dispatched(FORK), name) for name in ev.JobDispatched.__struct_fields__}
    copy = ForkCopy(ev.ForkBegun(**fields, parent=PARENT), Changes(), opened, START)
    with pytest.raises(CorruptLog, match="sequence 4"):
        list(copy.pairs(with_a_gap()))


# --- what it adds up to ----------------------------------------------------------------------------------------------


def test_a_fork_is_its_own() -> None:
    store = MemoryEventStore(lambda: START)
    stream = ev.job_stream(PARENT)
    linked = ev.JobLinked(job_id(9), 4)
    store.append(stream, [dispatched(PARENT), linked, started(), ev.RetryScheduled(failure(), 1, 30)])
    fields = {name: getattr(dispatched(FORK), name) for name in ev.JobDispatched.__struct_fields__}
    copy = ForkCopy(ev.ForkBegun(**fields, parent=PARENT), Changes(), opened, START)
    list(copy.pairs(store.read(stream)))
    assert copy.state.parent == job_id(9)
    assert copy.state.failures == 1
    forked(copy)
    state = copy.state
    assert (state.status, state.parent, state.failures, state.error) == (Status.SUSPENDED, None, 0, None)
    assert state.forked_from == PARENT
    assert state.retry_at is None


def test_the_guest_is_who_it_was_until_its_next_run() -> None:
    _, copy = copied(items(1))
    forked(copy)
    assert copy.state.guest_id == PARENT
    copy.add(ev.JobRecovered(0, copy.state.sequence, "fork"))
    copy.add(started(2))
    assert copy.state.guest_id == PARENT
    copy.add(ev.RetryScheduled(failure(), 1, 30))
    copy.add(ev.JobResumed(0, "retry"))
    copy.add(started(3))
    assert copy.state.guest_id == FORK


def test_a_run_that_had_ended_leaves_nobody_to_be() -> None:
    _, copy = copied(items(1), ev.JobFailed(failure(), 30))
    forked(copy)
    assert copy.state.guest_id == FORK


@pytest.mark.parametrize("effect", ["idempotent", "non_idempotent"])
def test_what_the_original_had_begun(effect: str) -> None:
    intent = ev.ActionIntended(1, 10, "action:a.b", None, effect, "cd" * 16, inline(b"{}"))
    _, copy = copied(intent)
    forked(copy)
    assert copy.state.is_in_doubt is (effect == "non_idempotent")
    assert (copy.state.intent is None) is (effect == "idempotent")


def test_an_abandoned_fork_takes_no_event_any_more() -> None:
    _, copy = copied(items(1))
    copy.add(ev.ForkAbandoned("why"))
    assert copy.state.status is Status.CANCELLED
    for event in (
        ev.JobResumed(0, "rerun"),
        items(2),
        completed(),
        ev.ForkAbandoned("again"),
        ev.JobCancelled(False, 0),
    ):
        with pytest.raises(IllegalTransition):
            evolve(copy.state, event, copy.state.sequence + 1, START)
