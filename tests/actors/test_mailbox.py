from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import ActorRestarted, SystemStopped
from perdure.actors.mailbox import DEFERRED, Address, MailboxActor
from perdure.actors.messages import AnyMessage, LaneReady, Run, encode_message

HELLO = LaneReady("hello")


class Probe(MailboxActor):
    """Does what the test says; reports its death in ``deaths``."""

    def __init__(self, handle: Callable[[Probe, AnyMessage], object]) -> None:
        self.deaths: queue.SimpleQueue[str] = queue.SimpleQueue()
        super().__init__("probe", self.deaths.put)
        self._handle = handle
        self.due: float | None = None
        self.woken = threading.Event()

    def on_message(self, message: AnyMessage) -> object:
        return self._handle(self, message)

    def wakeup(self) -> float | None:
        return self.due

    def on_wakeup(self) -> None:
        self.due = None
        self.woken.set()


class Started:
    """A started probe: its address and the actor itself."""

    def __init__(self, handle: Callable[[Probe, AnyMessage], object]) -> None:
        self.ref = Probe.start(handle)
        actor = self.ref._actor_weakref()
        assert actor is not None
        self.actor = actor
        self.address = Address("probe")
        self.address.set(self.ref)


@pytest.fixture
def start() -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def start(handle: Callable[[Probe, AnyMessage], object] = lambda probe, message: None) -> Started:
        started.append(Started(handle))
        return started[-1]

    yield start
    for probe in started:
        probe.ref.stop(block=True, timeout=TIMEOUT)


Start = Callable[..., Started]


def fail_with(error: BaseException) -> Callable[[Probe, AnyMessage], object]:
    def handle(probe: Probe, message: AnyMessage) -> object:
        raise error

    return handle


# --- asking and telling ----------------------------------------------------------------------------------------------


def test_a_message_arrives_decoded_and_its_result_is_the_reply(start: Start) -> None:
    probe = start(lambda probe, message: message)

    assert probe.address.ask(HELLO, TIMEOUT) == HELLO


def test_messages_are_handled_in_their_order(start: Start) -> None:
    seen: list[str] = []

    def handle(probe: Probe, message: AnyMessage) -> object:
        assert isinstance(message, LaneReady)
        seen.append(message.stream)
        return None

    probe = start(handle)

    for number in range(100):
        probe.address.tell(LaneReady(str(number)))
    probe.address.ask(LaneReady("last"), TIMEOUT)

    assert seen == [*map(str, range(100)), "last"]


def test_a_reply_can_be_given_later(start: Start) -> None:
    waiting: list[pykka.Future[Any] | None] = []

    def handle(probe: Probe, message: AnyMessage) -> object:
        if isinstance(message, Run):
            assert waiting[0] is not None
            waiting[0].set("later")
            return "now"
        waiting.append(probe.defer())
        return DEFERRED

    probe = start(handle)
    first = probe.address.send(HELLO)

    assert probe.address.ask(Run(), TIMEOUT) == "now"
    assert probe.address.wait(first, TIMEOUT) == "later"


def test_there_is_no_reply_to_defer_when_nobody_waits(start: Start) -> None:
    deferred: queue.SimpleQueue[object] = queue.SimpleQueue()

    def handle(probe: Probe, message: AnyMessage) -> object:
        deferred.put(probe.defer())
        return DEFERRED

    start(handle).address.tell(HELLO)

    assert deferred.get(timeout=TIMEOUT) is None


def test_an_answer_that_does_not_come_is_a_timeout(start: Start) -> None:
    go_on = threading.Event()
    probe = start(lambda probe, message: go_on.wait(TIMEOUT))

    with pytest.raises(TimeoutError, match="probe gave no answer within"):
        probe.address.ask(HELLO, 0.01)
    go_on.set()


def test_the_depth_is_the_number_of_waiting_messages(start: Start) -> None:
    go_on, busy = threading.Event(), threading.Event()

    def handle(probe: Probe, message: AnyMessage) -> object:
        busy.set()
        return go_on.wait(TIMEOUT)

    probe = start(handle)
    for _ in range(4):
        probe.address.tell(HELLO)
    assert busy.wait(TIMEOUT)

    assert probe.address.depth() == probe.actor.mailbox_depth() == 3
    go_on.set()


# --- time ------------------------------------------------------------------------------------------------------------


def test_is_woken_when_no_message_comes(start: Start) -> None:
    def handle(probe: Probe, message: AnyMessage) -> object:
        probe.due = 0.001
        return None

    probe = start(handle)
    probe.address.tell(HELLO)

    assert probe.actor.woken.wait(TIMEOUT)


def test_is_not_kept_from_what_is_due_by_messages_that_keep_coming(start: Start) -> None:
    busy, go_on, woken_at = threading.Event(), threading.Event(), []

    def handle(probe: Probe, message: AnyMessage) -> object:
        if isinstance(message, Run):
            busy.set()
            go_on.wait(TIMEOUT)
            probe.due = 0.0
        else:
            woken_at.append(probe.woken.is_set())
        return None

    probe = start(handle)
    probe.address.tell(Run())
    assert busy.wait(TIMEOUT)
    for _ in range(10):
        probe.address.tell(HELLO)
    go_on.set()
    probe.address.ask(HELLO, TIMEOUT)

    assert woken_at == [True] * 11


# --- failures --------------------------------------------------------------------------------------------------------


def test_what_goes_wrong_for_somebody_who_waits_is_theirs_to_handle(start: Start) -> None:
    probe = start(fail_with(LookupError("no such thing")))

    with pytest.raises(LookupError, match="no such thing"):
        probe.address.ask(HELLO, TIMEOUT)

    assert probe.ref.is_alive()


def test_what_goes_wrong_otherwise_ends_the_actor(start: Start) -> None:
    probe = start(fail_with(LookupError("no such thing")))

    probe.address.tell(HELLO)

    assert probe.actor.deaths.get(timeout=TIMEOUT) == "LookupError: no such thing"
    assert not probe.ref.is_alive()


def test_what_goes_wrong_after_the_reply_was_deferred_ends_the_actor(start: Start) -> None:
    def handle(probe: Probe, message: AnyMessage) -> object:
        reply = probe.defer()
        assert reply is not None
        reply.set_exception((LookupError, LookupError("told"), None))
        raise LookupError("a defect")

    probe = start(handle)

    with pytest.raises(LookupError, match="told"):
        probe.address.ask(HELLO, TIMEOUT)
    assert probe.actor.deaths.get(timeout=TIMEOUT) == "LookupError: a defect"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
@pytest.mark.parametrize("waits", [True, False])
def test_no_exception_stops_the_actors_of_another_runtime(start: Start, error: BaseException, waits: bool) -> None:
    probe, other = start(fail_with(error)), start(lambda probe, message: "alive")

    future = probe.address.send(HELLO) if waits else None
    if future is None:
        probe.address.tell(HELLO)

    assert probe.actor.deaths.get(timeout=TIMEOUT).startswith(type(error).__name__)
    assert other.address.ask(HELLO, TIMEOUT) == "alive"
    assert other.ref in pykka.ActorRegistry.get_all()
    eventually(lambda: probe.ref not in pykka.ActorRegistry.get_all())
    if future is not None:
        with pytest.raises(SystemStopped):
            probe.address.wait(future, TIMEOUT)


def test_bytes_that_are_no_message_end_the_actor_only(start: Start) -> None:
    probe = start()

    probe.ref.tell(encode_message(HELLO)[:-1])

    assert probe.actor.deaths.get(timeout=TIMEOUT).startswith("DecodeError")


def test_a_supervisor_that_cannot_be_told_does_not_make_it_worse(start: Start) -> None:
    def refuse(reason: str) -> None:
        raise RuntimeError("no supervisor")

    probe = start(fail_with(LookupError()))
    probe.actor._died = refuse

    probe.address.tell(HELLO)

    eventually(lambda: not probe.ref.is_alive())
    assert probe.address.tell(HELLO) is False


# --- between two lives -----------------------------------------------------------------------------------------------


def died(start: Start) -> Started:
    probe = start(fail_with(LookupError()))
    probe.address.tell(HELLO)
    probe.actor.deaths.get(timeout=TIMEOUT)
    return probe


def test_a_message_to_an_actor_between_two_lives_is_lost(start: Start) -> None:
    assert died(start).address.tell(HELLO) is False


def test_a_message_to_a_living_actor_is_not(start: Start) -> None:
    assert start().address.tell(HELLO) is True


def test_a_question_to_an_actor_between_two_lives_can_be_asked_again(start: Start) -> None:
    with pytest.raises(ActorRestarted, match="probe is being restarted; try again"):
        died(start).address.ask(HELLO, TIMEOUT)


def test_a_question_that_the_actor_died_of_can_be_asked_again(start: Start) -> None:
    go_on = threading.Event()

    def handle(probe: Probe, message: AnyMessage) -> object:
        go_on.wait(TIMEOUT)
        raise LookupError

    probe = start(handle)
    probe.address.tell(HELLO)
    future = probe.address.send(Run())
    go_on.set()

    with pytest.raises(ActorRestarted):
        probe.address.wait(future, TIMEOUT)


def test_the_next_life_is_reached_at_the_same_address(start: Start) -> None:
    probe = died(start)

    probe.address.set(start(lambda probe, message: "second life").ref)

    assert probe.address.ask(HELLO, TIMEOUT) == "second life"


def test_an_actor_that_is_gone_for_good_says_so(start: Start) -> None:
    address = died(start).address
    address.set(None)

    with pytest.raises(SystemStopped, match="probe is stopped; open the runtime again"):
        address.tell(HELLO)
    with pytest.raises(SystemStopped) as caught:
        address.ask(HELLO, TIMEOUT)
    assert not isinstance(caught.value, ActorRestarted)
    assert address.depth() == 0
    assert address.ref is None
