"""The calls of a run, out of its events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.support.job_events import checkpoint, items, job_id, progress, started, warning
from tests.support.recorded_run import FIRST, action, calls_of, edge, intent, nothing_done, query, resolved, stored

from perdure.actors.replay.recorded_calls import RecordedCall, recorded_calls
from perdure.store import events as ev


def test_nothing() -> None:
    assert calls_of() == []


def test_each_event_of_a_guest_is_a_call() -> None:
    events = [items(1), progress(2), query(3), action(4), checkpoint(5), warning(7), ev.InterruptAnswered(8, 80, 1)]
    calls = calls_of(*events)

    assert [(call.call, call.fuel, call.event) for call in calls] == [(e.call, e.fuel, e) for e in events]
    assert [call.sequence for call in calls] == list(range(FIRST, FIRST + len(events)))
    assert not any(call.is_open or call.intended for call in calls)
    assert [call.answer for call in calls if call.asked is not None] == [ev.Inline(b'"told"'), ev.Inline(b'"sent"')]


def test_what_befell_the_job_is_no_call() -> None:
    broken = [ev.JobPaused(True, 20), ev.JobRecovered(0, 4, "resume"), started(2)]

    assert [call.call for call in calls_of(items(1), *broken, items(2))] == [1, 2]


def test_an_intent_and_its_outcome_are_one_call() -> None:
    (call,) = calls_of(intent(1), action(1, b'"done"', code="failed"))

    assert (call.answer, call.code, call.is_open, call.intended) == (ev.Inline(b'"done"'), "failed", False, False)
    assert call.sequence == FIRST + 1


def test_an_intent_without_an_outcome_is_open() -> None:
    before, call = calls_of(items(1), intent(2))

    assert (call.call, call.is_open, call.intended, call.answer) == (2, True, True, None)
    assert not before.is_open


def test_what_a_person_says_is_the_answer() -> None:
    (call,) = calls_of(intent(1), started(2), resolved(1, "failed", b'"it bounced"', "failed"))

    assert (call.answer, call.code, call.is_open) == (ev.Inline(b'"it bounced"'), "failed", False)


def test_a_person_may_say_that_it_is_to_be_begun_anew() -> None:
    (call,) = calls_of(intent(1), resolved(1, "again"))
    assert (call.is_open, call.intended, call.answer) == (True, False, None)

    (call,) = calls_of(intent(1), resolved(1, "again"), started(2), intent(1))
    assert (call.is_open, call.intended) == (True, True)

    first, second = calls_of(intent(1), resolved(1, "again"), intent(1), action(1), items(2))
    assert (first.answer, second.call) == (ev.Inline(b'"sent"'), 2)


def test_of_an_action_that_another_job_had_begun_a_fork_begins_its_own() -> None:
    forked = ev.JobForked(job_id(2), FIRST, bytes(32), job_id(2), False, 0, False)

    assert [call.intended for call in calls_of(intent(1, "idempotent"), forked)] == [False]
    assert [call.intended for call in calls_of(intent(1, "non_idempotent"), forked)] == [True]


def test_a_reused_action_is_the_one_that_was_done() -> None:
    done = RecordedCall(call=4, fuel=40, sequence=9, event=action(4), asked=action(4), answer=ev.Inline(b"1"), code="x")
    events = stored(ev.ActionReused(2, 20, 9))

    (call,) = recorded_calls(events, lambda sequence: done if sequence == 9 else nothing_done(sequence))

    assert (call.call, call.fuel, call.asked, call.answer, call.code) == (2, 20, action(4), ev.Inline(b"1"), "x")


# --- edges of budgets ------------------------------------------------------------------------------------------------


def test_an_edge_before_a_calls_own_event_is_part_of_it() -> None:
    assert [(call.call, call.event) for call in calls_of(items(1), edge(2), items(2))] == [(1, items(1)), (2, items(2))]


def test_an_edge_alone_is_an_open_call_if_it_is_the_last() -> None:
    _, call = calls_of(items(1), edge(2, "suspend"))

    assert (call.call, call.event, call.is_open, call.intended) == (2, None, True, False)


def test_an_edge_alone_is_a_call_that_left_nothing_if_others_follow() -> None:
    assert [call.call for call in calls_of(edge(1), items(2), edge(3), edge(4), items(5))] == [2, 5]


def test_an_edge_between_two_calls_says_nothing_of_either() -> None:
    # The fuel ran out behind call 2, or there was none when the run was taken up behind it.
    assert calls_of(items(1), items(2), edge(2, "suspend")) == calls_of(items(1), items(2))
    assert calls_of(edge(0, "suspend"), started(2), edge(0)) == []
    assert [call.call for call in calls_of(items(1), edge(2, "suspend"), edge(1, "suspend"))] == [1, 2]


def test_an_edge_at_the_checkpoint_that_a_long_run_was_taken_up_from_is_none_of_its_calls() -> None:
    assert calls_of(edge(9), after=9) == []
    assert [call.call for call in calls_of(edge(9), items(10), after=9)] == [10]


@given(st.lists(st.sampled_from(("fact", "edge", "silence")), max_size=12))
def test_however_edges_lie_only_the_last_call_is_open(kinds: list[str]) -> None:
    events: list[ev.AnyEvent] = []
    for number, kind in enumerate(kinds, 1):
        if kind == "edge":
            events.append(edge(number))
        elif kind == "fact":
            events.append(items(number))
    calls = calls_of(*events)

    assert [call.call for call in calls[:-1] if call.is_open] == []
    assert [call.call for call in calls if call.event is not None] == [
        number for number, kind in enumerate(kinds, 1) if kind == "fact"
    ]
    assert [call.call for call in calls] == sorted({call.call for call in calls})
