"""Actions in doubt in a real runtime: what a person can say of them, what is recorded of it, what is charged."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import GuestSpec
from perdure.runtime import (
    Doubt,
    InvalidResolution,
    JobHandle,
    Runtime,
    RuntimeSettings,
    SecretsError,
    Sensitive,
    Status,
    grant_as_asked,
)
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action
from perdure.runtime.secrets.key_files import MemoryKeyFiles
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store import MemoryEventStore, check
from perdure.store.errors import NotInDoubt
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    ActionReused,
    DoubtResolved,
    Inline,
    OperationAnswered,
    Sealed,
    job_stream,
)

SECRET = "hunter2"
PAY = "action:bank.pay"


class Payment(msgspec.Struct):
    """What is paid; the card is secret."""

    amount: int
    card: Annotated[str, Sensitive] = ""


class Receipt(msgspec.Struct):
    """What the bank says; the number is secret."""

    number: Annotated[str, Sensitive]


class House:
    """One runtime after the other on one log in memory, with an action that stops until it is let go on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store, self.keys = MemoryEventStore(), MemoryKeyFiles()
        self.paid: list[str] = []
        self.stops = threading.Event()
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.answers: list[dict[str, Any]] = []
        self.body = self.pay_once
        self.effect = Effect.NON_IDEMPOTENT
        self.requests_per_minute = 1_000
        self.runtime: Runtime
        self.jobs: PythonJobs

    def open(self) -> None:
        @action("bank.pay", effect=self.effect)
        def pay(context: CallContext, request: Payment) -> Receipt:
            """Pay."""
            self.paid.append(context.effect_key)
            self.begun.set()
            if self.stops.is_set():
                assert self.go_on.wait(TIMEOUT)
            return Receipt(f"{SECRET}-{len(self.paid)}")

        options = RuntimeSettings(kill_grace=0.05, shutdown_grace=0.05)
        self.runtime = Runtime.in_memory(
            settings=options, consent=grant_as_asked, store=self.store, keys=self.keys, recover=False
        )
        self.runtime.operations.register(pay)
        limits = {"requests_per_minute": self.requests_per_minute, "concurrent_jobs": 5}
        self.jobs = PythonJobs(self.runtime, self.folder, self.run, methods=["action:"], rate_limits=limits)
        self.runtime.recover()

    def run(self, host: PythonHost, state: bytes, spec: GuestSpec) -> None:
        self.body(host)

    def pay(self, host: PythonHost, amount: int = 1) -> None:
        payload = json.dumps({"amount": amount, "card": SECRET}).encode()
        self.answers.append(json.loads(host.call(PAY, payload)))

    def pay_once(self, host: PythonHost) -> None:
        self.pay(host)

    def stopped_in_its_action(self) -> JobHandle:
        """A job whose process ended while it paid; the next process has it."""
        self.stops.set()
        self.begun.clear()
        self.go_on.clear()
        job = self.jobs.start()
        assert self.begun.wait(TIMEOUT)
        self.runtime.close(grace=0.05)
        self.stops.clear()
        self.go_on.set()
        self.open()
        return self.runtime.job(job.job_id)

    def events(self, job: JobHandle, kind: type[Any]) -> list[Any]:
        found = [stored.event for stored in self.store.read(job_stream(job.job_id))]
        return [event for event in found if isinstance(event, kind)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.open()
    yield house
    house.go_on.set()
    house.runtime.close()
    assert check(house.store).problems == []


@pytest.mark.parametrize("answer", [Receipt("seven"), {"number": "seven"}, b'{"number": "seven"}'])
def test_it_succeeded_with_an_answer_as_a_handler_gives_it(house: House, answer: object) -> None:
    job = house.stopped_in_its_action()
    doubt = job.doubt
    assert isinstance(doubt, Doubt)
    assert (doubt.method, doubt.effect, doubt.sealed, doubt.effect_key) == (PAY, "non_idempotent", True, "")
    assert SECRET not in doubt.payload.decode()
    assert json.loads(doubt.payload)["amount"] == 1

    job.resolve("succeeded", answer=answer, by="ada")

    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert house.answers == [{"number": "seven"}]
    assert len(house.paid) == 1
    [resolved] = house.events(job, DoubtResolved)
    assert isinstance(resolved.answer, Sealed)
    assert b"seven" not in msgspec.msgpack.encode(resolved)
    assert open_recorded(house.runtime.keychain, house.store.blobs, resolved.answer) == b'{"number":"seven"}'
    assert (resolved.by, job.doubt) == ("ada", None)


def test_it_failed(house: House) -> None:
    job = house.stopped_in_its_action()
    job.resolve("failed", message="the bank knows nothing of it", code="not_found")
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert house.answers == [{"error": "the bank knows nothing of it", "code": "not_found"}]
    [resolved] = house.events(job, DoubtResolved)
    assert isinstance(resolved.answer, Sealed), "as a handler's words would be"


def test_of_an_operation_that_is_gone_nobody_can_tell_the_secrets(house: House) -> None:
    job = house.stopped_in_its_action()
    house.runtime.operations._operations.clear()
    with pytest.raises(InvalidResolution):
        job.resolve("succeeded", answer=b"{")
    job.resolve("succeeded", answer={"anything": SECRET})
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert house.answers == [{"anything": SECRET}]
    [resolved] = house.events(job, DoubtResolved)
    assert isinstance(resolved.answer, Sealed)
    assert SECRET.encode() not in resolved.answer.shown


@pytest.mark.parametrize(
    ("resolution", "options"),
    [
        ("perhaps", {}),
        ("succeeded", {}),
        ("succeeded", {"answer": {"number": 7}}),
        ("succeeded", {"answer": {}}),
        ("succeeded", {"answer": b"\xff"}),
        ("succeeded", {"answer": b'{"number": "1"'}),
        ("succeeded", {"answer": b"[" * 5_000}),
        ("succeeded", {"answer": object()}),
        ("succeeded", {"answer": {"number": "1"}, "message": "two things"}),
        ("failed", {}),
        ("failed", {"message": "x", "code": "teapot"}),
        ("failed", {"message": "x", "answer": {"number": "1"}}),
        ("again", {"message": "x"}),
        ("again", {"by": ""}),
    ],
)
def test_what_makes_no_sense_records_nothing(house: House, resolution: Any, options: dict[str, Any]) -> None:
    job = house.stopped_in_its_action()
    before = job.state
    with pytest.raises(InvalidResolution) as caught:
        job.resolve(resolution, **options)
    assert SECRET not in str(caught.value)
    assert job.state == before
    assert job.status is Status.ATTENTION


def test_only_what_is_in_doubt_is_resolved(house: House) -> None:
    job = house.jobs.start()
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    with pytest.raises(NotInDoubt):
        job.resolve("again")
    doubtful = house.stopped_in_its_action()
    doubtful.resolve("again")
    with pytest.raises(NotInDoubt):
        doubtful.resolve("again")
    assert doubtful.wait(TIMEOUT).status is Status.COMPLETED
    assert len(house.events(doubtful, DoubtResolved)) == 1


def test_an_answer_that_cannot_be_sealed_is_not_recorded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    job = house.stopped_in_its_action()

    def lost(*args: Any) -> bytes:
        raise SecretsError("the keyring is locked")

    with monkeypatch.context() as patched:
        patched.setattr(house.runtime.keychain, "encrypt", lost)
        with pytest.raises(SecretsError):
            job.resolve("succeeded", answer={"number": "seven"})
    assert job.status is Status.ATTENTION
    job.resolve("succeeded", answer={"number": "seven"})
    assert job.wait(TIMEOUT).status is Status.COMPLETED


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"{", b'{"amount": "x"}', b"[" * 10_000])
def test_a_payload_that_does_not_fit_leaves_no_intent(house: House, payload: bytes) -> None:
    house.body = lambda host: house.answers.append(json.loads(host.call(PAY, payload)))
    job = house.jobs.start()
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert [answer["code"] for answer in house.answers] == ["invalid_payload"]
    assert house.events(job, ActionIntended) == house.events(job, ActionAnswered) == []
    assert len(house.events(job, OperationAnswered)) == 1
    assert house.paid == []


# --- what is charged --------------------------------------------------------------------------------------------------


def test_an_idempotent_action_that_is_run_again_is_charged_once(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.effect, house.requests_per_minute = Effect.IDEMPOTENT, 1
    house.open()
    job = house.stopped_in_its_action()
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    assert [list(answer) for answer in house.answers] == [["number"]], "and not refused for want of a budget"
    assert len(house.paid) == 2
    assert len(set(house.paid)) == 1
    house.runtime.close()


def test_what_is_answered_from_the_log_is_charged_to_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.requests_per_minute = 2
    house.open()
    failed = threading.Event()

    def pay_twice(host: PythonHost) -> None:
        house.pay(host, 1)
        house.pay(host, 2)
        if not failed.is_set():
            failed.set()
            raise AssertionError("a defect of the guest")
        house.pay(host, 3)

    def body(host: PythonHost, state: bytes, spec: GuestSpec) -> Any:
        from perdure.actors import Exit, GuestResult  # only here
        from perdure.store.events import JobError  # as above

        try:
            pay_twice(host)
        except AssertionError:
            return GuestResult(Exit.FAILED, host.fuel, 0, JobError("trap", "the guest failed"))
        return None

    house.jobs.body = body
    job = house.jobs.start()
    assert job.wait(TIMEOUT).status is Status.FAILED
    job.retry()
    assert job.wait(TIMEOUT).status is Status.COMPLETED

    assert len(house.paid) == 2
    first, second, again, and_again, refused = house.answers
    assert (again, and_again) == (first, second), "sealed as they are"
    assert refused["code"] == "rate_limited"
    reused = [event.sequence for event in house.events(job, ActionReused)]
    events = list(house.store.read(job_stream(job.job_id)))
    assert [events[sequence - 1].event.__class__ for sequence in reused] == [ActionAnswered] * 2
    house.runtime.close()


def test_doubts_are_seen_in_the_list(house: House) -> None:
    job = house.stopped_in_its_action()
    listed = house.runtime.jobs(statuses=frozenset({Status.ATTENTION})).jobs
    assert [state.job_id for state in listed] == [job.job_id]
    assert house.runtime.jobs_by_status()["attention"] == 1
    assert house.runtime.recover() == [], "it does not go on by itself"
    assert isinstance(job.job_id, UUID)
    eventually(lambda: job.cancel() is Status.CANCELLED)
    assert job.doubt is not None
    [intent] = house.events(job, ActionIntended)
    assert not isinstance(intent.payload, Inline)
