"""Events wake extensions: each event one job, in its library, of those that subscribed, and may."""

from __future__ import annotations

import base64
import json
import queue
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.job_events import START
from tests.support.listeners import Listeners, install_listener
from tests.support.python_guest import PythonHost
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import GuestSpec
from perdure.runtime import Grant, InvalidPayload, OperationError, Runtime, RuntimeSettings, Status
from perdure.runtime.budgets.budgets import AtEdge, Budget, Budgets
from perdure.runtime.permissions import operation_name
from perdure.runtime.subscriptions.records import Subscriber
from perdure.store.events import CALLS_STREAM, HostActionAnswered, Inline

ELSEWHERE = UUID(int=7)
SUBSCRIBE = "action:events.subscribe"
OPERATIONS = ("action:events.publish", SUBSCRIBE, "action:events.unsubscribe", "query:events.list")


def refused(runtime: Runtime, method: str, request: dict[str, Any], **options: Any) -> str:
    with pytest.raises(OperationError) as error:
        runtime.call(method, request, **options)
    return error.value.code


def steps_of(runtime: Runtime) -> list[dict[str, Any]]:
    """The answers of the steps that subscriptions made."""
    found = []
    for stored in runtime.store.read(CALLS_STREAM):
        if isinstance(stored.event, HostActionAnswered) and stored.event.method == "action:events.wake":
            assert isinstance(stored.event.answer, Inline)
            found.append(json.loads(stored.event.answer.data))
    return found


def test_an_event_wakes_who_subscribed(listeners: Listeners) -> None:
    runtime = listeners.runtime
    subscription = listeners.subscribe("invoice.*", "note")
    listeners.subscribe("invoice.paid", extension="shop", job_type="other")
    for topic in ("invoice.paid", "note", "invoice", "noted", "invoice.sent.late"):
        runtime.publish(topic, {"about": topic})
    eventually(lambda: listeners.topics() == ["invoice.paid", "note", "invoice.sent.late"])
    eventually(lambda: listeners.topics("shop") == ["invoice.paid"])
    state = listeners.woken()[0]
    assert state == {
        "subscription_id": subscription,
        "library_id": str(UUID(int=0)),
        "sequence": 1,
        "time": state["time"],
        "topic": "invoice.paid",
        "data": {"about": "invoice.paid"},
        "extension": None,
        "job_id": None,
    }
    listeners.ended()
    assert {job.job_type for job in runtime.jobs(extension="shop").jobs} == {"shop:other"}
    assert {job.status for job in runtime.jobs().jobs} == {Status.COMPLETED}


def test_files_of_a_library_wake(listeners: Listeners) -> None:
    listeners.subscribe("entry.created")
    content = base64.b64encode(b"hello").decode()
    entry = listeners.runtime.call("action:vdfs.create_entry", {"name": "a.txt", "content": content})
    eventually(lambda: listeners.topics() == ["entry.created"])
    assert listeners.woken()[0]["data"]["entry_id"] == str(entry.id)


def test_only_events_of_the_own_library(listeners: Listeners) -> None:
    listeners.subscribe("*", library_id=ELSEWHERE)
    listeners.runtime.publish("here")
    listeners.runtime.publish("there", library_id=ELSEWHERE)
    eventually(lambda: listeners.topics() == ["there"])
    (job,) = listeners.runtime.jobs().jobs
    assert job.library_id == ELSEWHERE
    assert listeners.all("acme") == []
    assert [one.cursor for one in listeners.all("acme", ELSEWHERE)] == [1]


def test_from_now_on(listeners: Listeners) -> None:
    listeners.runtime.publish("before")
    listeners.subscribe("*")
    listeners.runtime.publish("after")
    eventually(lambda: listeners.topics() == ["after"])


def test_to_subscribe_again_changes_nothing(listeners: Listeners) -> None:
    ids = {listeners.subscribe("a", "b"), listeners.subscribe("b", "a", "a"), listeners.subscribe("a", "b")}
    assert len(ids) == 1
    assert len({*ids, listeners.subscribe("a"), listeners.subscribe("a", "b", job_type="other")}) == 3
    assert len({*ids, listeners.subscribe("a", "b", library_id=ELSEWHERE)}) == 2
    assert len({*ids, listeners.subscribe("a", "b", extension="shop")}) == 2
    listeners.runtime.publish("b")
    eventually(lambda: len(listeners.topics()) == 2)
    seen = listeners.all("acme")
    assert {(one.extension, one.job_type, one.latest) for one in seen} == {("acme", "run", 1), ("acme", "other", 1)}
    assert len(listeners.all()) == 4  # the host sees all


def test_to_end_a_subscription(listeners: Listeners) -> None:
    subscription = listeners.subscribe("*")
    call = listeners.runtime.call
    request = {"subscription_id": subscription}
    assert call("action:events.unsubscribe", request, extension="shop").removed is False
    assert call("action:events.unsubscribe", request, extension="acme", library_id=ELSEWHERE).removed is False
    assert call("action:events.unsubscribe", request, extension="acme").removed is True
    assert call("action:events.unsubscribe", request, extension="acme").removed is False
    listeners.runtime.publish("missed")
    listeners.subscribe("*")
    listeners.runtime.publish("seen")
    eventually(lambda: listeners.topics() == ["seen"])


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"topics": [], "job_type": "run"}, "invalid_payload"),
        ({"topics": ["a"] * 33, "job_type": "run"}, "invalid_payload"),
        ({"topics": ["A"], "job_type": "run"}, "invalid_payload"),
        ({"topics": ["a", "a.*.b"], "job_type": "run"}, "invalid_payload"),
        ({"topics": ["x" * 101], "job_type": "run"}, "invalid_payload"),
        ({"topics": ["a\0"], "job_type": "run"}, "invalid_payload"),
        ({"topics": ["a"]}, "invalid_payload"),
        ({"topics": ["a"], "job_type": "absent"}, "not_found"),
        ({"topics": ["a"], "job_type": "shop:run"}, "not_found"),
    ],
)
def test_subscriptions_that_are_refused(listeners: Listeners, request_: dict[str, Any], code: str) -> None:
    assert refused(listeners.runtime, SUBSCRIBE, request_, extension="acme") == code
    assert listeners.all() == []


def test_a_subscription_is_an_extensions(listeners: Listeners) -> None:
    assert refused(listeners.runtime, SUBSCRIBE, {"topics": ["a"], "job_type": "run"}) == "invalid_payload"


def test_how_many_subscriptions(listeners: Listeners) -> None:
    for number in range(100):
        listeners.subscribe(f"topic_{number}")
    assert refused(listeners.runtime, SUBSCRIBE, {"topics": ["a"], "job_type": "run"}, extension="acme") == "failed"
    listeners.subscribe("topic_7")
    listeners.subscribe("a", extension="shop")


@pytest.mark.parametrize("topic", ["", "A", "a..b", "x" * 101, "a.*", "*"])
def test_topics_that_are_none(listeners: Listeners, topic: str) -> None:
    assert refused(listeners.runtime, "action:events.publish", {"topic": topic}) == "invalid_payload"


def test_what_is_published(listeners: Listeners) -> None:
    publish = "action:events.publish"
    runtime = listeners.runtime
    assert refused(runtime, publish, {"topic": "entry.created"}, extension="acme") == "permission_denied"
    assert refused(runtime, publish, {"topic": "a", "data": "x" * 65_536}) == "invalid_payload"
    with pytest.raises(InvalidPayload):
        runtime.publish("a", object())
    listeners.subscribe("*")
    runtime.publish("a", "x" * 65_000)
    runtime.publish("entry.created")
    runtime.call(publish, {"topic": "b"}, extension="shop")
    eventually(lambda: listeners.topics() == ["a", "entry.created", "b"])
    assert [(state["extension"], len(str(state["data"]))) for state in listeners.woken()] == [
        (None, 65_000),
        (None, 4),
        ("shop", 4),
    ]


@pytest.mark.parametrize("method", OPERATIONS)
def test_each_operation_needs_its_permission(runtime: Runtime, tmp_path: Path, method: str) -> None:
    name = operation_name(method)
    assert name is not None
    declared = runtime.operations.get(name)
    assert declared is not None
    assert all(declared.schemas())
    install_listener(runtime, tmp_path, "strict", methods=[other for other in OPERATIONS if other != method])
    assert refused(runtime, method, {}, extension="strict") == "permission_denied"


@pytest.mark.parametrize("method", ["action:events.wake", "action:events.forget"])
def test_what_is_for_the_host(listeners: Listeners, method: str) -> None:
    subscription = listeners.subscribe("a", extension="shop")
    request = {"extension": "shop"} | ({"subscription_id": subscription} if method.endswith("wake") else {})
    assert refused(listeners.runtime, method, request, extension="acme") == "permission_denied"
    assert len(listeners.all()) == 1


# --- chains ----------------------------------------------------------------------------------------------------------


def test_a_chain_of_events_ends(runtime: Runtime, listeners: Listeners) -> None:
    """Each woken job publishes what wakes it, by a child of its own."""
    answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def publish(host: PythonHost, state: dict[str, Any], spec: GuestSpec) -> None:
        if "topic" in state:
            host.call("action:jobs.dispatch", b'{"job_type": "run", "state": {"publish": true}}')
        else:
            answers.put(host.call("action:events.publish", b'{"topic": "again"}'))

    listeners.on_wake = publish
    listeners.subscribe("again")
    runtime.publish("again")
    eventually(lambda: len(listeners.topics()) == 8)
    for _ in range(8):
        assert json.loads(answers.get(timeout=TIMEOUT)) == {}
    eventually(lambda: [(one.cursor, one.latest) for one in listeners.all("acme")] == [(9, 9)])
    listeners.ended()
    assert len(listeners.topics()) == 8
    (dropped,) = filter(None, (answer["dropped"] for answer in steps_of(runtime)))
    assert dropped == [9]
    # The chain has ended, not the subscription.
    listeners.on_wake = lambda host, state, spec: None
    runtime.publish("again")
    eventually(lambda: len(listeners.topics()) == 9)


def test_the_job_that_published_is_named_to_its_own_extension_only(listeners: Listeners) -> None:
    def publish(host: PythonHost, state: dict[str, Any], spec: GuestSpec) -> None:
        if state["topic"] == "first":
            host.call("action:events.publish", b'{"topic": "second"}')

    listeners.on_wake = publish
    listeners.subscribe("first", "second")
    listeners.subscribe("second", extension="shop")
    listeners.runtime.publish("first")
    eventually(lambda: len(listeners.woken()) == 2 and len(listeners.woken("shop")) == 1)
    publisher = next(job for job in listeners.runtime.jobs(extension="acme").jobs[::-1])
    assert listeners.woken()[1]["job_id"] == str(publisher.job_id)
    (seen,) = listeners.woken("shop")
    assert (seen["extension"], seen["job_id"]) == ("acme", None)


# --- who sleeps, and who has no room ---------------------------------------------------------------------------------


def test_events_wait_in_the_log_while_there_is_no_room(tmp_path: Path) -> None:
    settings = RuntimeSettings(queued_wakeups=3, shutdown_grace=0.1, kill_grace=0.1)
    with Runtime.in_memory(settings=settings) as runtime:
        install_listener(runtime, tmp_path, "acme")
        install_listener(runtime, tmp_path, "shop")
        listeners = Listeners(runtime)
        gate = listeners.hold()
        listeners.subscribe("*")
        for number in range(10):
            runtime.publish(f"t{number}")
        eventually(lambda: len(listeners.topics()) == 3)
        # The other one has room of its own.
        listeners.subscribe("t10", extension="shop")
        runtime.publish("t10")
        eventually(lambda: listeners.topics("shop") == ["t10"])
        assert len(listeners.topics()) == 3
        gate.set()
        eventually(lambda: listeners.topics() == [f"t{number}" for number in range(11)])
        listeners.ended()


def test_events_wait_while_jobs_beyond_a_budget_are_refused(tmp_path: Path) -> None:
    budgets = Budgets(concurrent_jobs=Budget(limit=2, at_edge=AtEdge.REFUSE))
    settings = RuntimeSettings(budgets=budgets, shutdown_grace=0.1, kill_grace=0.1)
    with Runtime.in_memory(settings=settings) as runtime:
        install_listener(runtime, tmp_path, "acme", rate_limits={"concurrent_jobs": 2})
        listeners = Listeners(runtime)
        gate = listeners.hold()
        listeners.subscribe("*")
        for number in range(5):
            runtime.publish(f"t{number}")
        eventually(lambda: len(listeners.topics()) == 2)
        gate.set()
        eventually(lambda: len(listeners.topics()) == 5)
        listeners.ended()


def test_an_extension_that_is_switched_off_sleeps(listeners: Listeners) -> None:
    listeners.subscribe("*")
    listeners.subscribe("*", extension="shop")
    listeners.runtime.unload("acme")
    listeners.runtime.publish("a")
    listeners.runtime.publish("b")
    eventually(lambda: listeners.topics("shop") == ["a", "b"])
    listeners.asleep("acme")
    assert listeners.topics() == []
    listeners.runtime.load("acme")
    eventually(lambda: listeners.topics() == ["a", "b"])


def test_an_extension_that_may_no_more_sleeps(listeners: Listeners, runtime: Runtime) -> None:
    listeners.subscribe("*")
    listeners.subscribe("*", extension="shop")
    grant = runtime.inspect("acme").grant
    assert grant is not None
    runtime.grant("acme", Grant(methods=("query:",), libraries=("*",)))
    runtime.publish("a")
    eventually(lambda: listeners.topics("shop") == ["a"])
    listeners.asleep("acme")
    assert listeners.topics() == []
    runtime.grant("acme", Grant(methods=("*",), libraries=(str(ELSEWHERE),)))
    runtime.publish("b")
    eventually(lambda: listeners.topics("shop") == ["a", "b"])
    listeners.asleep("acme")
    assert listeners.topics() == []
    runtime.grant("acme", grant)
    eventually(lambda: listeners.topics() == ["a", "b"])


def test_an_uninstalled_extension_has_no_subscriptions(listeners: Listeners, runtime: Runtime, tmp_path: Path) -> None:
    listeners.subscribe("*")
    listeners.subscribe("*", library_id=ELSEWHERE)
    listeners.subscribe("*", extension="shop")
    runtime.uninstall("acme")
    assert [one.extension for one in listeners.all()] == ["shop"]
    assert listeners.all(library_id=ELSEWHERE) == []
    install_listener(runtime, tmp_path, "acme")
    runtime.publish("a")
    eventually(lambda: listeners.topics("shop") == ["a"])
    assert listeners.topics() == []
    (cursor,) = runtime.store.rows(b"events.cursor")
    assert cursor.key.endswith(listeners.all()[0].subscription_id.encode())


def test_what_concerns_nobody_is_not_recorded_each_time(listeners: Listeners, runtime: Runtime) -> None:
    listeners.subscribe("rare")
    for number in range(20):
        runtime.publish(f"frequent.{number}")
    runtime.publish("rare")
    eventually(lambda: listeners.topics() == ["rare"])
    assert len(steps_of(runtime)) == 1


def test_nothing_runs_without_a_subscription(runtime: Runtime) -> None:
    runtime.publish("a")
    assert runtime._events._thread is None


def test_a_jobs_id_is_its_events() -> None:
    one = Subscriber(ELSEWHERE, "acme", "0" * 32)
    ids = {one.job_id(sequence, START) for sequence in range(1, 200)}
    assert len(ids) == 199
    assert one.job_id(1, START) in ids
    assert {identifier.version for identifier in ids} == {7}
    assert Subscriber(ELSEWHERE, "acme", "1" * 32).job_id(1, START) not in ids
    assert one.job_id(1, START) < one.job_id(1, START + 1_000)
