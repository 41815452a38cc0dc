"""A guest's calls of operations, and their answers."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from tests.support.actor_rig import Rig
from tests.support.job_events import LIBRARY
from tests.support.puppet import Puppet, Puppets, Stopped
from tests.support.python_guest import PythonOperations
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import ActorHooks, Admission, Hold, OperationCall, OperationFailed, failure_answer
from perdure.store import MemoryBlobs, Status, StoreFailed
from perdure.store import events as ev
from perdure.store.events import INLINE_LIMIT, BlobRef, Inline

MakeRig = Callable[..., Rig]
OTHER = UUID(int=7)


class Answered(ActorHooks):
    def __init__(self) -> None:
        self.facts: list[tuple[str, str]] = []

    def operation(self, name: str, effect: str, code: str, seconds: float) -> None:
        assert seconds >= 0
        self.facts.append((name, code))


class Counter:
    """A job that calls operations."""

    def __init__(self, make_rig: MakeRig, **operations: Callable[[OperationCall], bytes]) -> None:
        self.hooks = Answered()
        puppets = Puppets()
        self.rig = make_rig(puppets, operations=PythonOperations(**operations), hooks=self.hooks)
        self.job_id = self.rig.dispatch()
        self.puppet: Puppet = puppets.of(self.job_id)

    def call(self, method: str, payload: bytes = b"{}", library_id: UUID | None = None) -> bytes:
        return self.puppet.do(lambda host: host.call(method, payload, library_id))

    def recorded(self) -> list[ev.OperationAnswered]:
        self.puppet.end()
        self.rig.wait(self.job_id, Status.COMPLETED)
        return [event for event in self.rig.events(self.job_id) if isinstance(event, ev.OperationAnswered)]


def test_a_call_is_answered_and_recorded(make_rig: MakeRig) -> None:
    calls: list[OperationCall] = []

    def ping(call: OperationCall) -> bytes:
        calls.append(call)
        return b'{"pong": true}'

    counter = Counter(make_rig, ping=ping)

    assert counter.call("query:ping", b'{"n": 1}', OTHER) == b'{"pong": true}'

    [call] = calls
    assert (call.job_id, call.extension, call.library_id) == (counter.job_id, "acme", OTHER)
    assert (call.method, call.payload) == ("query:ping", b'{"n": 1}')
    assert counter.hooks.facts == [("ping", "ok")]
    assert counter.recorded() == [
        ev.OperationAnswered(1, 10, "query:ping", OTHER, Inline(b'{"n": 1}'), Inline(b'{"pong": true}'), "")
    ]


def test_a_call_without_a_library_runs_in_the_jobs(make_rig: MakeRig) -> None:
    libraries: list[UUID | None] = []

    def ping(call: OperationCall) -> bytes:
        libraries.append(call.library_id)
        return b"{}"

    counter = Counter(make_rig, ping=ping)
    counter.call("query:ping")

    assert libraries == [LIBRARY]
    assert counter.recorded()[0].library_id is None, "what the guest said, for a replay"


def test_a_call_that_is_refused_is_answered_with_the_reason(make_rig: MakeRig) -> None:
    counter = Counter(make_rig)

    answer = counter.call("query:nothing")

    assert json.loads(answer) == {"error": "there is no operation query:nothing", "code": "unknown_method"}
    assert counter.hooks.facts == [("unknown", "unknown_method")]
    assert counter.recorded()[0].code == "unknown_method"


def test_an_operation_that_fails_says_why(make_rig: MakeRig) -> None:
    def read(call: OperationCall) -> bytes:
        raise OperationFailed("not_found", "there is no such sidecar: größe")

    counter = Counter(make_rig, read=read)

    assert json.loads(counter.call("query:read")) == {
        "error": "there is no such sidecar: größe",
        "code": "not_found",
    }
    assert counter.hooks.facts == [("read", "not_found")]


@pytest.mark.parametrize("error", [RuntimeError("/secret/path"), KeyboardInterrupt("/secret"), SystemExit("/secret")])
def test_an_operation_with_a_defect_fails_without_details(
    make_rig: MakeRig, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def read(call: OperationCall) -> bytes:
        raise error

    counter = Counter(make_rig, read=read)

    with caplog.at_level(logging.ERROR):
        answer = counter.call("query:read")

    assert json.loads(answer) == {"error": "the operation failed on the host", "code": "failed"}
    assert counter.hooks.facts == [("read", "failed")]
    assert "/secret" in caplog.text, "but the host's log has them"


def test_a_call_that_cannot_be_checked_fails_and_the_router_lives_on(make_rig: MakeRig) -> None:
    class Broken(PythonOperations):
        def admit(self, call: OperationCall) -> Admission | Hold:
            if call.payload == b"poison":
                raise ZeroDivisionError("/secret")
            return super().admit(call)

    puppets = Puppets()
    rig = make_rig(puppets, operations=Broken(ping=lambda call: b"{}"))
    puppet = puppets.of(rig.dispatch())
    router = rig.system.router.ref
    assert router is not None

    for _ in range(20):
        answer = puppet.do(lambda host: host.call("query:ping", b"poison"))
        assert json.loads(answer) == {"error": "the operation failed on the host", "code": "failed"}

    assert puppet.do(lambda host: host.call("query:ping")) == b"{}"
    assert rig.system.router.ref is router
    assert router.is_alive()


def test_large_payloads_and_answers_go_to_the_blob_store(make_rig: MakeRig) -> None:
    large = b"a" * (INLINE_LIMIT + 1)
    counter = Counter(make_rig, read=lambda call: large + call.payload[:1])

    assert counter.call("query:read", large) == large + b"a"

    [recorded] = counter.recorded()
    assert isinstance(recorded.payload, BlobRef)
    assert isinstance(recorded.answer, BlobRef)
    assert counter.rig.store.blobs.get(recorded.answer.digest) == large + b"a"


def test_an_answer_that_cannot_be_recorded_never_reaches_the_guest(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter(make_rig, read=lambda call: b"a" * (INLINE_LIMIT + 1))

    def fail(self: MemoryBlobs, data: bytes) -> str:
        raise StoreFailed("blobs", "no luck")  # type: ignore[arg-type]  # any path will do

    monkeypatch.setattr(MemoryBlobs, "put", fail)

    with pytest.raises(Stopped):
        counter.call("query:read")

    counter.rig.over(counter.job_id)
    assert counter.rig.tags(counter.job_id)[-1] == "started"


def test_calls_of_many_jobs_run_side_by_side(make_rig: MakeRig) -> None:
    both = threading.Barrier(2, timeout=TIMEOUT)  # as many as there are workers

    def meet(call: OperationCall) -> bytes:
        both.wait()
        return call.payload

    puppets = Puppets()
    rig = make_rig(puppets, operations=PythonOperations(meet=meet))
    one, two = (puppets.of(rig.dispatch()) for _ in range(2))

    first = one.begin(lambda host: host.call("query:meet", b"1"))
    second = two.begin(lambda host: host.call("query:meet", b"2"))

    assert (first.result(TIMEOUT), second.result(TIMEOUT)) == (b"1", b"2")


def test_a_guest_that_waits_for_an_answer_can_be_killed(make_rig: MakeRig) -> None:
    running: queue.SimpleQueue[None] = queue.SimpleQueue()
    go_on = threading.Event()

    def hang(call: OperationCall) -> bytes:
        running.put(None)
        go_on.wait(TIMEOUT)
        return b"late"

    puppets = Puppets()
    rig = make_rig(puppets, operations=PythonOperations(hang=hang))
    job_id = rig.dispatch()
    puppet = puppets.of(job_id)
    call = puppet.begin(lambda host: host.call("query:hang"))
    running.get(timeout=TIMEOUT)
    rig.control(job_id, "cancel")

    rig.advance(5.0)

    assert isinstance(call.exception(TIMEOUT), Stopped)
    rig.wait(job_id, Status.CANCELLED)
    go_on.set()


def test_a_guest_learns_of_a_pause_after_its_call(make_rig: MakeRig) -> None:
    running: queue.SimpleQueue[None] = queue.SimpleQueue()
    go_on = threading.Event()

    def hang(call: OperationCall) -> bytes:
        running.put(None)
        go_on.wait(TIMEOUT)
        return b"{}"

    counter = Counter(make_rig, hang=hang)
    call = counter.puppet.begin(lambda host: host.call("query:hang"))
    running.get(timeout=TIMEOUT)
    counter.rig.control(counter.job_id, "pause")
    go_on.set()

    assert call.result(TIMEOUT) == b"{}"
    assert counter.puppet.do(lambda host: host.check_interrupt()) == 1


def test_calls_when_there_are_no_more_workers_are_unavailable(make_rig: MakeRig) -> None:
    counter = Counter(make_rig, ping=lambda call: b"{}")
    counter.rig.system._workers.pool("acme").close()

    answer: dict[str, Any] = json.loads(counter.call("query:ping"))

    assert answer["code"] == "unavailable"
    eventually(lambda: counter.hooks.facts == [("ping", "unavailable")])


def test_an_answer_for_a_failure_is_json_whatever_it_says() -> None:
    assert json.loads(failure_answer("failed", 'a "quote"\n\0')) == {"error": 'a "quote"\n\0', "code": "failed"}
