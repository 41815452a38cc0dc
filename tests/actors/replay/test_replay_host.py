"""A guest that is led: each host function, gaps, what was open, and the first thing that differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from tests.support.job_events import LIBRARY, checkpoint, counted_bytes, items, progress, warning
from tests.support.recorded_run import FIRST, Led, action, edge, intent, query

from perdure.actors import Interrupt, StopGuest
from perdure.actors.errors import UnreadableNow
from perdure.actors.replay.replay_host import ReplayHost
from perdure.store import BlobMissing, CorruptLog, StoreClosed
from perdure.store import events as ev
from perdure.store.blobs import digest_of

LARGE = b"x" * (ev.INLINE_LIMIT + 1)
Ask = Callable[[ReplayHost], object]

# A recorded event, the call that leaves it, what the log answers; then a call of the same function that differs.
CALLS: dict[str, tuple[ev.AnyEvent, Ask, object, Ask]] = {
    "log": (
        ev.LogWritten(1, 10, 2, "here"),
        lambda host: host.log(10, 2, "here"),
        None,
        lambda host: host.log(10, 1, "here"),
    ),
    "progress": (
        progress(1),
        lambda host: host.report_progress(10, 0.5, "half"),
        None,
        lambda host: host.report_progress(10, 0.5, "other"),
    ),
    "checkpoint": (
        checkpoint(1, b"1"),
        lambda host: host.checkpoint(10, b"1"),
        True,
        lambda host: host.checkpoint(10, b"2"),
    ),
    "large checkpoint": (
        ev.CheckpointSaved(1, 10, ev.BlobRef(digest_of(LARGE), len(LARGE))),
        lambda host: host.checkpoint(10, LARGE),
        True,
        lambda host: host.checkpoint(10, LARGE + b"y"),
    ),
    "refused checkpoint": (
        ev.CheckpointRefused(1, 10, bytes.fromhex(digest_of(b"1")), "budget"),
        lambda host: host.checkpoint(10, b"1"),
        False,
        lambda host: host.checkpoint(10, b"2"),
    ),
    "interrupt": (
        ev.InterruptAnswered(1, 10, 2),
        lambda host: host.check_interrupt(10),
        Interrupt.CANCEL,
        lambda host: host.log(10, 1, "no question"),
    ),
    "warning": (
        warning(1),
        lambda host: host.add_warning(10, "odd"),
        None,
        lambda host: host.add_warning(10, "even"),
    ),
    "items": (
        items(1, 5),
        lambda host: host.increment_items(10, 5),
        None,
        lambda host: host.increment_items(10, 6),
    ),
    "bytes": (
        counted_bytes(1, 5),
        lambda host: host.increment_bytes(10, 5),
        None,
        lambda host: host.increment_items(10, 5),
    ),
    "query": (
        query(1),
        lambda host: host.call(10, "query:test.ping", None, b"{}"),
        b'"told"',
        lambda host: host.call(10, "query:test.ping", None, b'{"a": 1}'),
    ),
    "refused": (
        query(1, b'{"error": "no", "code": "denied"}', code="permission_denied"),
        lambda host: host.call(10, "query:test.ping", None, b"{}"),
        b'{"error": "no", "code": "denied"}',
        lambda host: host.call(10, "query:test.pong", None, b"{}"),
    ),
    "action": (
        action(1),
        lambda host: host.call(10, "action:mail.send", None, b"{}"),
        b'"sent"',
        lambda host: host.call(10, "action:mail.send", LIBRARY, b"{}"),
    ),
}


@pytest.fixture(params=CALLS)
def case(request: pytest.FixtureRequest) -> tuple[ev.AnyEvent, Ask, object, Ask]:
    return CALLS[request.param]


def test_a_call_is_answered_as_it_was(case: tuple[ev.AnyEvent, Ask, object, Ask]) -> None:
    event, ask, answer, _ = case
    led = Led(event, warning(2))

    assert ask(led.begin()) == answer

    assert (led.replayed_calls, led.host.answered, led.host.is_live) == ([1], 1, False)
    assert led.live_host.calls == []


def test_behind_the_last_one_the_guest_is_served_again(case: tuple[ev.AnyEvent, Ask, object, Ask]) -> None:
    event, ask, _, _ = case
    led = Led(event)
    ask(led.begin())

    assert led.went_live == [(1, 10, None)]
    ask(led.host)
    assert len(led.live_host.calls) == 1
    assert led.host.answered == 1


def test_a_call_that_differs_stops_the_guest(case: tuple[ev.AnyEvent, Ask, object, Ask]) -> None:
    event, _, _, other = case
    led = Led(event)
    led.begin()

    assert led.stops(other)

    assert led.host.divergence is not None
    assert (led.host.divergence.call, led.host.divergence.sequence) == (1, FIRST)
    assert led.host.divergence.recorded != led.host.divergence.came
    assert json.loads(json.dumps(led.host.divergence.recorded)), "it may be recorded"
    assert (led.replayed_calls, led.went_live, led.live_host.calls) == ([], [], [])


def test_other_fuel_is_a_difference_only_if_it_is_asked_for(case: tuple[ev.AnyEvent, Ask, object, Ask]) -> None:
    event, ask, answer, _ = case
    assert isinstance(event, ev.GuestEvent)
    dearer = type(event)(**{name: getattr(event, name) for name in event.__struct_fields__} | {"fuel": 11})

    assert ask(Led(dearer).begin()) == answer
    led = Led(dearer, exact=True)
    led.begin()
    assert led.stops(ask)

    assert led.host.divergence is not None
    assert (led.host.divergence.recorded["fuel"], led.host.divergence.came["fuel"]) == (11, 10)


def test_a_log_without_calls_has_ended() -> None:
    led = Led()
    host = led.begin()

    assert (host.is_live, led.went_live) == (True, [(0, 0, None)])


def test_what_is_clamped_is_compared_as_it_was_recorded() -> None:
    led = Led(ev.ProgressReported(1, 10, 0.0, ""), ev.ProgressReported(2, 20, 1.0, ""), ev.LogWritten(3, 30, 3, ""))
    host = led.begin()

    host.report_progress(10, float("nan"), "")
    host.report_progress(20, 17.0, "")
    host.log(30, 99, "")
    assert host.is_live


def test_zeros_of_two_signs_differ() -> None:
    led = Led(ev.ProgressReported(1, 10, 0.0, ""))
    led.begin()
    assert led.stops(lambda host: host.report_progress(10, -0.0, ""))


# --- gaps ------------------------------------------------------------------------------------------------------------


def test_a_gap_is_a_question_that_was_answered_with_go_on() -> None:
    led = Led(items(3), items(5))
    host = led.begin()

    assert [host.check_interrupt(1), host.check_interrupt(2)] == [Interrupt.CONTINUE] * 2
    host.increment_items(30, 1)
    assert host.check_interrupt(40) is Interrupt.CONTINUE
    host.increment_items(50, 1)

    assert led.replayed_calls == [1, 2, 3, 4, 5]
    assert (host.told, host.is_live) == (Interrupt.CONTINUE, True)


@pytest.mark.parametrize(
    "ask",
    [
        lambda host: host.increment_items(10, 1),
        lambda host: host.call(10, "query:test.ping", None, b"{}"),
        lambda host: host.checkpoint(10, b"{}"),
    ],
)
def test_in_a_gap_nothing_else_may_come(ask: Ask) -> None:
    led = Led(items(2))
    led.begin()
    assert led.stops(ask)

    assert led.host.divergence is not None
    assert led.host.divergence.call == 1
    assert led.host.divergence.recorded == {"function": "check_interrupt", "answer": 0}


def test_where_there_is_no_gap_a_question_differs() -> None:
    led = Led(items(1))
    led.begin()
    assert led.stops(lambda host: host.check_interrupt(10))
    assert led.host.divergence is not None
    assert led.host.divergence.came == {"function": "check_interrupt"}


def test_a_question_behind_the_last_call_is_asked_anew() -> None:
    led = Led(items(1))
    host = led.begin()
    host.increment_items(10, 1)

    assert host.check_interrupt(20) is Interrupt.CONTINUE
    assert led.live_host.names == ["check_interrupt"]


def test_what_it_was_told_last_is_known() -> None:
    host = Led(ev.InterruptAnswered(1, 10, 1), items(2)).begin()
    host.check_interrupt(10)
    assert host.told is Interrupt.PAUSE


# --- what was open ---------------------------------------------------------------------------------------------------


def test_an_action_that_was_begun_is_left_to_whoever_serves_now() -> None:
    led = Led(items(1), intent(2))
    host = led.begin()
    host.increment_items(10, 1)
    assert not host.is_live

    assert host.call(20, "action:mail.send", None, b"{}") == b'"live"'

    ((calls, fuel, open_call),) = led.went_live
    assert (calls, fuel) == (1, 20)
    assert open_call is not None
    assert (open_call.call, open_call.intended) == (2, True)
    assert led.live_host.calls == [("call", "action:mail.send", None, b"{}")]


def test_an_action_that_was_begun_has_to_be_the_one_that_comes() -> None:
    led = Led(intent(1))
    led.begin()
    assert led.stops(lambda host: host.call(10, "action:mail.send", None, b'{"to": "another"}'))
    assert led.host.divergence is not None
    assert led.went_live == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda host: host.check_interrupt(20),
        lambda host: host.checkpoint(20, b"{}"),
        lambda host: host.call(20, "query:test.ping", None, b"{}"),
        lambda host: host.log(20, 1, "x"),
    ],
)
def test_of_a_call_that_met_an_edge_nothing_is_known_but_its_number(ask: Ask) -> None:
    led = Led(items(1), edge(2, "suspend"))
    host = led.begin()
    host.increment_items(10, 1)

    ask(host)

    assert [(calls, fuel) for calls, fuel, _ in led.went_live] == [(1, 20)]
    assert len(led.live_host.calls) == 1


# --- how it ends -----------------------------------------------------------------------------------------------------


def test_a_guest_that_ends_before_the_log_does_differs() -> None:
    led = Led(items(1), items(2))
    host = led.begin()
    host.increment_items(10, 1)

    host.ended("completed")

    assert host.divergence is not None
    assert (host.divergence.call, host.divergence.sequence) == (2, FIRST + 1)
    assert host.divergence.came == {"function": "none", "end": "completed"}
    assert host.divergence.as_error().kind == "diverged"
    assert host.divergence.as_error().blame == "host"


def test_a_guest_that_ends_where_the_log_does_is_as_it_was() -> None:
    host = Led(items(1)).begin()
    host.increment_items(10, 1)
    host.ended("completed")
    assert host.divergence is None


def test_whoever_watches_may_stop_it_and_the_log_is_not_used_up() -> None:
    led = Led(items(1), items(2))
    led.begin()

    def refuse() -> None:
        raise StopGuest

    led.refuses = refuse
    assert led.stops(lambda host: host.increment_items(10, 1))
    assert (led.host.divergence, led.host.answered) == (None, 0)


# --- what cannot be read ---------------------------------------------------------------------------------------------


def raising(error: Exception) -> Callable[[ev.Recorded], bytes]:
    def opened(recorded: ev.Recorded) -> bytes:
        raise error

    return opened


@pytest.mark.parametrize("error", [BlobMissing("ab" * 32), LookupError("the key was destroyed")])
def test_an_answer_that_is_lost(error: Exception) -> None:
    led = Led(query(1), opened=raising(error))
    led.begin()

    assert led.stops(lambda host: host.call(10, "query:test.ping", None, b"{}"))

    assert led.host.unreadable is not None
    assert led.host.unreadable.call == 1
    assert str(error) in str(led.host.unreadable)
    led.host.ended("failed")
    assert (led.host.divergence, led.host.broken) == (None, None)


@pytest.mark.parametrize("error", [StoreClosed(), UnreadableNow("the keyring is locked")])
def test_an_answer_that_cannot_be_read_now(error: Exception) -> None:
    led = Led(query(1), opened=raising(error))
    led.begin()

    assert led.stops(lambda host: host.call(10, "query:test.ping", None, b"{}"))

    assert led.host.broken is error
    assert (led.host.unreadable, led.host.divergence) == (None, None)


@pytest.mark.parametrize(("error", "lost"), [(StoreClosed(), False), (CorruptLog("job:1", "a hash"), True)])
def test_a_log_that_cannot_be_read_on(error: Exception, *, lost: bool) -> None:
    def calls() -> Any:
        yield from Led(items(1)).host._recorded
        raise error

    led = Led(calls=calls())
    led.begin()

    assert led.stops(lambda host: host.increment_items(10, 1))
    assert (led.host.unreadable is not None, led.host.broken is error) == (lost, not lost)
    assert led.went_live == []


def test_sealed_payloads_are_opened_to_compare_and_never_told() -> None:
    sealed = ev.Sealed("key", b'{"secret": "[sensitive]"}', ev.Inline(b"\0\1"))
    told = ev.ActionAnswered(1, 10, "action:credentials.store", None, "", sealed, ev.Inline(b"{}"), "")

    def opened(recorded: ev.Recorded) -> bytes:
        return b'{"secret": "hunter2"}' if isinstance(recorded, ev.Sealed) else b"{}"

    host = Led(told, opened=opened).begin()
    assert host.call(10, "action:credentials.store", None, b'{"secret": "hunter2"}') == b"{}"

    led = Led(told, opened=opened)
    led.begin()
    assert led.stops(lambda host: host.call(10, "action:credentials.store", None, b'{"secret": "other"}'))
    assert led.host.divergence is not None
    words = led.host.divergence.message
    assert led.host.divergence.recorded == {
        "function": "call", "method": "action:credentials.store", "library_id": None, "sealed": True
    }  # fmt: skip
    assert "hunter2" not in words
    assert "other" not in words
    assert digest_of(b'{"secret": "other"}') not in words, "it would be something to guess by"


def test_the_words_are_short_and_tell_long_texts_apart() -> None:
    led = Led(warning(1, "a" * 1_000 + "b"))
    led.begin()
    assert led.stops(lambda host: host.add_warning(10, "a" * 1_000 + "c"))
    assert led.host.divergence is not None
    assert led.host.divergence.recorded != led.host.divergence.came
    assert len(led.host.divergence.message) < 1_000


def test_a_long_run_is_led_from_where_it_was_taken_up() -> None:
    led = Led(items(41), items(43), after=40)
    host = led.begin()
    host.increment_items(1, 1)
    host.check_interrupt(2)
    host.increment_items(3, 1)
    assert led.went_live == [(43, 3, None)]
    assert host.answered == 3


def test_another_library_is_another_call() -> None:
    other = UUID(int=5)
    led = Led(query(1))
    led.begin()
    assert led.stops(lambda host: host.call(10, "query:test.ping", other, b"{}"))
    assert led.host.divergence is not None
    assert led.host.divergence.came["library_id"] == str(other)
