"""Calls that take too long, that nobody waits for any more, that outlive their router or the runtime."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from uuid import UUID

import pytest
from tests.support.actor_rig import Rig, nudge
from tests.support.handlers import Handler, Handlers
from tests.support.job_events import LIBRARY
from tests.support.puppet import Puppet, Puppets, Stopped
from tests.support.python_guest import PythonExtension
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import CancelToken, OperationCall, OperationDone, OperationFailed, Outcome, RestartLimit
from perdure.actors.messages import Run, encode_message
from perdure.store import Status
from perdure.store import events as ev

MakeRig = Callable[..., Rig]


class Slow:
    """A handler that runs until the test lets it go; ``tokens`` has what each call of it was given."""

    def __init__(self) -> None:
        self.tokens: queue.SimpleQueue[CancelToken] = queue.SimpleQueue()
        self.go_on = threading.Event()

    def __call__(self, call: OperationCall, token: CancelToken) -> bytes:
        self.tokens.put(token)
        assert self.go_on.wait(TIMEOUT)
        return b'"late"'


class Stage:
    """A rig with a puppet that calls operations of these handlers."""

    def __init__(
        self, make_rig: MakeRig, operations: Handlers, *extensions: str, restarts: RestartLimit | None = None
    ) -> None:
        self.operations = operations
        self.puppets = Puppets()
        names = extensions or ("acme",)
        self.rig = make_rig(
            self.puppets,
            operations=operations,
            extensions={name: PythonExtension() for name in names},
            restarts=restarts,
        )

    def job(self, extension: str = "acme") -> tuple[UUID, Puppet]:
        job_id = self.rig.dispatch(extension=extension)
        return job_id, self.puppets.of(job_id)

    def advance(self, seconds: float) -> None:
        """Let time pass; returns when the router has done what was due."""
        nudge(self.rig.system.router)
        self.rig.advance(seconds)
        nudge(self.rig.system.router)
        nudge(self.rig.system.router)

    def host_call(self, method: str, timeout_ms: int | None = None) -> Future[OperationDone]:
        """Call an operation as the host, from a thread of its own."""
        done: Future[OperationDone] = Future()
        call = OperationCall("python", None, None, "", LIBRARY, 0, method, b"{}", timeout_ms=timeout_ms)

        def ask() -> None:
            try:
                done.set_result(self.rig.system.call_operation(call, TIMEOUT))
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=ask, daemon=True).start()
        return done


def call(puppet: Puppet, method: str) -> Future[bytes]:
    return puppet.begin(lambda host: host.call(method))


def said(answer: bytes) -> tuple[str, str]:
    found: dict[str, Any] = json.loads(answer)
    return found["code"], found["error"]


# --- time limits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recorded", [False, True])
def test_a_handler_that_does_not_end_in_time(make_rig: MakeRig, recorded: bool) -> None:
    slow = Slow()
    stage = Stage(make_rig, Handlers(10.0, ("slow",) if recorded else (), slow=slow))
    job_id, puppet = stage.job()
    answer = call(puppet, "action:slow")
    token = slow.tokens.get(timeout=TIMEOUT)
    assert token.deadline == stage.rig.clock.monotonic() + 10.0
    stage.advance(9.9)
    assert not answer.done()

    stage.advance(0.2)

    end = "nothing was done" if recorded else "what it did is unknown"
    assert said(answer.result(TIMEOUT)) == ("failed", f"the operation did not end within 10.1 s; {end}")
    assert token.cancelled
    slow.go_on.set()  # it ends after its time: nobody hears of that
    puppet.end()
    stage.rig.wait(job_id, Status.COMPLETED)
    outcomes = [event for event in stage.rig.events(job_id) if isinstance(event, ev.ActionAnswered)]
    assert [event.code for event in outcomes] == ["failed"], "it may have done something, so that is on disk"


def test_a_call_that_never_came_to_its_turn_was_not_run(make_rig: MakeRig) -> None:
    slow = Slow()
    stage = Stage(make_rig, Handlers(10.0, slow=slow))
    running = [stage.job() for _ in range(2)]  # as many as there are workers
    answers = [call(puppet, "action:slow") for _, puppet in running]
    for _ in answers:
        slow.tokens.get(timeout=TIMEOUT)
    job_id, puppet = stage.job()
    late = call(puppet, "action:slow")
    calls = stage.rig.system._open_calls
    eventually(lambda: [one.task is not None for _, one in calls.all()] == [True] * 3)

    stage.advance(10.0)

    assert said(late.result(TIMEOUT))[0] == "unavailable"
    assert "not begun" in said(late.result())[1]
    assert [said(answer.result(TIMEOUT))[0] for answer in answers] == ["failed"] * 2
    puppet.end()
    stage.rig.wait(job_id, Status.COMPLETED)
    outcomes = [event for event in stage.rig.events(job_id) if isinstance(event, ev.ActionAnswered)]
    assert [event.code for event in outcomes] == ["unavailable"], "its intent is on disk, so this is too"
    slow.go_on.set()
    assert slow.tokens.empty(), "and it never is"


def test_all_threads_stuck_and_the_next_calls_run(make_rig: MakeRig) -> None:
    slow = Slow()
    stage = Stage(make_rig, Handlers(10.0, slow=slow, quick=lambda call, token: b'"quick"'))
    _, puppet = stage.job()
    for _ in range(6):
        answer = call(puppet, "query:slow")
        slow.tokens.get(timeout=TIMEOUT)
        stage.advance(10.0)
        assert said(answer.result(TIMEOUT))[0] == "failed"
    assert stage.rig.system.lost_threads() == 6

    assert call(puppet, "query:quick").result(TIMEOUT) == b'"quick"'

    slow.go_on.set()
    eventually(lambda: stage.rig.system.lost_threads() == 0)


def test_a_slow_extension_delays_neither_another_s_operations_nor_its_events(make_rig: MakeRig) -> None:
    slow = Slow()
    operations = Handlers(10.0, slow=slow, quick=lambda call, token: b'"quick"')
    stage = Stage(make_rig, operations, "acme", "bell")
    blocked = [call(stage.job()[1], "query:slow") for _ in range(4)]  # twice as many as there are workers
    for _ in range(2):
        slow.tokens.get(timeout=TIMEOUT)
    job_id, puppet = stage.job("bell")

    assert call(puppet, "query:quick").result(TIMEOUT) == b'"quick"'
    assert puppet.do(lambda host: host.checkpoint(b"1"))
    puppet.end()
    stage.rig.wait(job_id, Status.COMPLETED)
    # Nor the events of its own jobs.
    _, other = stage.job()
    assert other.do(lambda host: host.checkpoint(b"1"))

    assert not any(answer.done() for answer in blocked)
    slow.go_on.set()


# --- asynchronous handlers -------------------------------------------------------------------------------------------


class Endless:
    """An asynchronous handler that waits for ever, and says how that ended."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.begun = threading.Semaphore(0)
        self.ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.deaf = deaf

    async def __call__(self, call: OperationCall, token: CancelToken) -> bytes:
        self.begun.release()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.ended.put("cancelled")
            if not self.deaf:
                raise
        return b'"ignored it"'


def endless(handler: Endless) -> Handler:
    async def handle(call: OperationCall, token: CancelToken) -> bytes:
        return await handler(call, token)

    return handle


def test_an_asynchronous_handler_is_cancelled_when_its_time_is_over(make_rig: MakeRig) -> None:
    handler = Endless()
    stage = Stage(make_rig, Handlers(10.0, wait=endless(handler)))
    _, puppet = stage.job()
    answer = call(puppet, "query:wait")
    assert handler.begun.acquire(timeout=TIMEOUT)

    stage.advance(10.0)

    assert said(answer.result(TIMEOUT))[0] == "failed"
    assert handler.ended.get(timeout=TIMEOUT) == "cancelled"


@pytest.mark.parametrize("deaf", [False, True])
def test_an_asynchronous_handler_is_cancelled_with_its_job(make_rig: MakeRig, deaf: bool) -> None:
    handler = Endless(deaf=deaf)
    stage = Stage(make_rig, Handlers(10.0, wait=endless(handler)))
    job_id, puppet = stage.job()
    answer = call(puppet, "query:wait")
    assert handler.begun.acquire(timeout=TIMEOUT)

    stage.rig.control(job_id, "cancel")

    assert handler.ended.get(timeout=TIMEOUT) == "cancelled"
    if deaf:
        assert answer.result(TIMEOUT) == b'"ignored it"'
    else:
        assert said(answer.result(TIMEOUT)) == ("unavailable", "the call was cancelled")


@pytest.mark.parametrize("error", [RuntimeError("/secret"), SystemExit("/secret"), asyncio.CancelledError("/secret")])
def test_an_asynchronous_handler_with_a_defect(make_rig: MakeRig, error: BaseException) -> None:
    async def fail(call: OperationCall, token: CancelToken) -> bytes:
        raise error

    async def fine(call: OperationCall, token: CancelToken) -> bytes:
        return b"{}"

    stage = Stage(make_rig, Handlers(10.0, fail=fail, fine=fine))
    _, puppet = stage.job()
    assert said(call(puppet, "query:fail").result(TIMEOUT)) == ("failed", "the operation failed on the host")
    assert call(puppet, "query:fine").result(TIMEOUT) == b"{}"


def test_a_blocked_event_loop_delays_no_answer_beyond_its_time(make_rig: MakeRig) -> None:
    slow = Slow()

    async def block(call: OperationCall, token: CancelToken) -> bytes:
        return slow(call, token)

    async def never(call: OperationCall, token: CancelToken) -> bytes:
        raise AssertionError("its time was over")

    stage = Stage(make_rig, Handlers(10.0, block=block, never=never))
    (_, one), (_, two) = stage.job(), stage.job()
    first = call(one, "query:block")
    slow.tokens.get(timeout=TIMEOUT)
    second = call(two, "query:never")
    eventually(lambda: len(stage.operations.admitted) == 2)

    stage.advance(10.0)

    assert said(first.result(TIMEOUT))[0] == "failed"
    assert said(second.result(TIMEOUT))[0] == "unavailable"
    slow.go_on.set()


# --- calls that are held ---------------------------------------------------------------------------------------------


def test_a_call_that_is_held_runs_when_there_is_room(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, Handlers(ping=lambda call, token: b"{}"))
    stage.operations.held["ping"] = 5.0
    _, puppet = stage.job()
    answer = call(puppet, "query:ping")
    eventually(lambda: stage.rig.system.held_calls() == 1)
    stage.advance(4.0)
    del stage.operations.held["ping"]
    assert not answer.done()

    stage.advance(1.0)

    assert answer.result(TIMEOUT) == b"{}"
    assert stage.rig.system.held_calls() == 0


def test_a_caller_that_waits_no_longer_is_told_why(make_rig: MakeRig) -> None:
    stage = Stage(make_rig, Handlers(ping=lambda call, token: b"{}"))
    stage.operations.held["ping"] = 5.0
    done = stage.host_call("query:ping", timeout_ms=3_000)
    eventually(lambda: stage.rig.system.held_calls() == 1)

    stage.advance(3.0)

    answer = done.result(TIMEOUT)
    assert (answer.code, json.loads(answer.answer)["retry_after_ms"]) == ("rate_limited", 5_000)
    assert stage.operations.admitted == []


def test_a_caller_that_waits_a_moment_for_a_slow_operation(make_rig: MakeRig) -> None:
    slow = Slow()
    stage = Stage(make_rig, Handlers(10.0, slow=slow))
    done = stage.host_call("query:slow", timeout_ms=2_000)
    assert slow.tokens.get(timeout=TIMEOUT).deadline == stage.rig.clock.monotonic() + 2.0

    stage.advance(2.0)

    assert done.result(TIMEOUT).code == "failed"
    slow.go_on.set()


# --- attempts --------------------------------------------------------------------------------------------------------


def test_an_answer_that_comes_late_is_not_taken_for_that_of_the_next_attempt(make_rig: MakeRig) -> None:
    slow = Slow()
    stage = Stage(make_rig, Handlers(60.0, slow=slow))
    job_id, puppet = stage.job()
    old = call(puppet, "query:slow")
    slow.tokens.get(timeout=TIMEOUT)
    stage.rig.control(job_id, "pause")
    stage.rig.advance(5.0)  # it did not honour that
    with pytest.raises(Stopped):
        old.result(TIMEOUT)
    stage.rig.wait(job_id, Status.PAUSED)
    stage.rig.over(job_id)
    stage.rig.control(job_id, "resume")
    again = stage.puppets.of(job_id)
    late, slow.go_on = slow.go_on, threading.Event()
    new = call(again, "query:slow")  # the first of its attempt, as the other one was
    slow.tokens.get(timeout=TIMEOUT)

    stage.rig.system.jobs.answer(job_id, 1, OperationDone(1, "", b'"of the first attempt"'))
    late.set()
    nudge(stage.rig.system.router)
    assert not new.done()

    slow.go_on.set()
    assert new.result(TIMEOUT) == b'"late"'
    again.end()
    stage.rig.wait(job_id, Status.COMPLETED)


# --- the router dies -------------------------------------------------------------------------------------------------


def test_the_next_router_watches_over_the_calls_of_the_one_that_died(make_rig: MakeRig) -> None:
    slow = Slow()
    stage = Stage(make_rig, Handlers(60.0, slow=slow, ping=lambda call, token: b"{}"))
    (_, one), (_, two) = stage.job(), stage.job()
    open_call = call(one, "query:slow")
    slow.tokens.get(timeout=TIMEOUT)
    stage.operations.held["ping"] = 30.0
    held = call(two, "query:ping")
    eventually(lambda: stage.rig.system.held_calls() == 1)
    router = stage.rig.system.router.ref
    assert router is not None
    router.tell(encode_message(Run()))  # no message for a router
    eventually(lambda: not router.is_alive())
    stage.rig.advance(1.0)
    eventually(lambda: stage.rig.system.router.ref is not router)

    del stage.operations.held["ping"]
    stage.advance(29.0)
    assert held.result(TIMEOUT) == b"{}"
    stage.advance(30.0)

    assert said(open_call.result(TIMEOUT))[0] == "failed", "its time is over, though its router is gone"
    slow.go_on.set()


def test_calls_are_answered_when_there_will_be_no_router_any_more(make_rig: MakeRig) -> None:
    slow = Slow()
    operations = Handlers(60.0, slow=slow, ping=lambda call, token: b"{}")
    stage = Stage(make_rig, operations, restarts=RestartLimit(deaths=0))
    (_, one), (_, two) = stage.job(), stage.job()
    open_call = call(one, "query:slow")
    token = slow.tokens.get(timeout=TIMEOUT)
    stage.operations.held["ping"] = 30.0
    held = call(two, "query:ping")
    eventually(lambda: stage.rig.system.held_calls() == 1)

    router = stage.rig.system.router.ref
    assert router is not None
    router.tell(encode_message(Run()))

    assert [said(answer.result(TIMEOUT))[0] for answer in (open_call, held)] == ["unavailable"] * 2
    assert token.cancelled
    slow.go_on.set()


# --- the end ---------------------------------------------------------------------------------------------------------


def test_closing_answers_whoever_waits_and_tells_the_handlers(make_rig: MakeRig) -> None:
    slow, handler = Slow(), Endless()
    stage = Stage(make_rig, Handlers(60.0, slow=slow, wait=endless(handler), ping=lambda call, token: b"{}"))
    stage.operations.held["ping"] = 30.0
    calls = [stage.host_call(method) for method in ("query:slow", "query:wait", "query:ping")]
    token = slow.tokens.get(timeout=TIMEOUT)
    assert handler.begun.acquire(timeout=TIMEOUT)
    eventually(lambda: stage.rig.system.held_calls() == 1)

    stage.rig.shutdown(grace=0.0)  # with a handler that does not end

    assert [done.result(TIMEOUT).code for done in calls] == ["unavailable"] * 3
    assert token.cancelled
    assert handler.ended.get(timeout=TIMEOUT) == "cancelled"
    slow.go_on.set()


# --- words -----------------------------------------------------------------------------------------------------------


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("error", [Unspeakable(), BaseExceptionGroup("many", [KeyboardInterrupt()]), GeneratorExit()])
def test_errors_that_cannot_be_said_fail_like_others(make_rig: MakeRig, error: BaseException) -> None:
    def fail(call: OperationCall, token: CancelToken) -> bytes:
        raise error

    stage = Stage(make_rig, Handlers(fail=fail))
    _, puppet = stage.job()
    for _ in range(3):
        assert said(call(puppet, "query:fail").result(TIMEOUT)) == ("failed", "the operation failed on the host")


@pytest.mark.parametrize(
    ("words", "answer"),
    [("x" * 1_000_000, "x" * 4096 + "…"), ("\ud800 \0", "? \0"), ("", "")],
)
def test_a_failure_s_words_are_cut_and_made_text(make_rig: MakeRig, words: str, answer: str) -> None:
    def fail(call: OperationCall, token: CancelToken) -> bytes:
        raise OperationFailed("not_found", words)

    stage = Stage(make_rig, Handlers(fail=fail))
    _, puppet = stage.job()
    assert said(call(puppet, "query:fail").result(TIMEOUT)) == ("not_found", answer)


def test_a_code_that_the_contract_does_not_know_is_a_defect(make_rig: MakeRig) -> None:
    def fail(call: OperationCall, token: CancelToken) -> Outcome:
        raise OperationFailed("teapot", "I am one")

    stage = Stage(make_rig, Handlers(fail=fail))
    _, puppet = stage.job()
    assert said(call(puppet, "query:fail").result(TIMEOUT))[0] == "failed"
