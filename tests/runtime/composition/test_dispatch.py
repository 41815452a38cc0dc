"""``jobs.dispatch``: a child is there if and only if its dispatch is, once, within what its parent may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.cast import Cast, install_cast
from tests.support.job_history import events_of
from tests.support.waiting import TIMEOUT, eventually

from perdure.runtime import JobLimits, OperationError, RetryPolicy, Runtime, RuntimeSettings, Status
from perdure.runtime.budgets.budgets import AtEdge, Budget, Budgets
from perdure.runtime.composition.operations import is_allowed
from perdure.store.events import ActionAnswered, JobDispatched, JobLinked

ELSEWHERE = UUID(int=7)
NOBODY = UUID(int=8)
DISPATCH = "action:jobs.dispatch"


def test_a_job_dispatches_another(cast: Cast) -> None:
    parent, puppet = cast.start()
    child, other = cast.child(puppet, state={"page": 3})
    assert json.loads(other.state) == {"page": 3}
    assert (child.state.job_type, child.state.library_id) == ("acme:run", parent.state.library_id)
    (linked,) = events_of(child, JobLinked)
    (outcome,) = events_of(parent, ActionAnswered)
    assert (linked.parent, linked.call) == (parent.job_id, outcome.call)
    assert [state.job_id for state in cast.runtime.jobs(parent=parent.job_id).jobs] == [child.job_id]
    cast.finish(parent, puppet)
    assert child.status is Status.RUNNING  # the end of a parent is not its children's
    cast.finish(child, other)


def test_no_state_is_no_state_and_null_is_one(cast: Cast) -> None:
    _, puppet = cast.start()
    for request, state in (({}, b""), ({"state": None}, b"null"), ({"state": [1, "é"]}, b'[1, "\\u00e9"]')):
        child, other = cast.child(puppet, **request)
        assert other.state == state
        cast.finish(child, other)


def test_a_repeated_call_gives_the_same_child(cast: Cast) -> None:
    parent, puppet = cast.start(retry=RetryPolicy(attempts=2, initial_ms=0))
    first, second = (cast.dispatch(puppet).job_id for _ in range(2))
    assert first != second
    puppet.fail()
    again = cast.puppets.of(parent.job_id)
    assert [cast.dispatch(again).job_id for _ in range(2)] == [first, second]
    third = cast.dispatch(again).job_id
    children = [state.job_id for state in cast.runtime.jobs(parent=parent.job_id).jobs]
    assert children == sorted((first, second, third), reverse=True)


def test_after_a_checkpoint_the_same_call_is_another(cast: Cast) -> None:
    _, puppet = cast.start()
    first = cast.dispatch(puppet)
    assert puppet.do(lambda host: host.checkpoint(b"{}"))
    assert cast.dispatch(puppet).job_id != first.job_id


def test_the_host_dispatches_too(cast: Cast) -> None:
    call = cast.runtime.call
    one = call(DISPATCH, {"job_type": "acme:run"}, effect_key="a \0 key")
    assert call(DISPATCH, {"job_type": "acme:run"}, effect_key="a \0 key").job_id == one.job_id
    other = call(DISPATCH, {"job_type": "run"}, extension="acme", effect_key="a \0 key")
    assert other.job_id != one.job_id
    assert cast.runtime.job(one.job_id).state.parent is None
    with pytest.raises(OperationError) as refused:
        call(DISPATCH, {"job_type": "run"})
    assert refused.value.code == "not_found"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"job_type": "absent"}, "not_found"),
        ({"job_type": "acme:absent"}, "not_found"),
        ({"job_type": ":run"}, "permission_denied"),
        ({"job_type": ""}, "invalid_payload"),
        ({"job_type": "x" * 301}, "invalid_payload"),
        ({}, "invalid_payload"),
        ({"job_type": "run", "parent": "x"}, "invalid_payload"),
        ({"job_type": "run", "limits": {"fuel": 0}}, "invalid_payload"),
        ({"job_type": "run", "limits": {"fuel": 2**63}}, "invalid_payload"),
        ({"job_type": "run", "limits": {"cores": 2}}, "invalid_payload"),
        ({"job_type": "run", "limits": {"stack_bytes": 3}}, "invalid_payload"),
        ({"job_type": "run", "retry": {"attempts": 101}}, "invalid_payload"),
        ({"job_type": "run", "retry": {"initial_ms": 0, "attempts": 100}}, "invalid_payload"),
    ],
)
def test_requests_that_are_refused(cast: Cast, request_: dict[str, Any], code: str) -> None:
    parent, puppet = cast.start()
    assert cast.call(puppet, DISPATCH, **request_)["code"] == code
    assert cast.runtime.jobs().jobs == [parent.state]


def test_a_child_may_use_what_its_parent_may(cast: Cast) -> None:
    limits = JobLimits(fuel=1_000, wall_clock_ms=60_000, payload_bytes=4096, checkpoint_bytes=200)
    _, puppet = cast.start(limits=limits)

    def limits_of(**wanted: int) -> JobLimits:
        (dispatched,) = events_of(cast.dispatch(puppet, limits=wanted), JobDispatched)
        return dispatched.limits

    assert limits_of() == limits
    assert limits_of(fuel=10**9, payload_bytes=10**9, memory_bytes=10**12) == limits
    assert limits_of(fuel=7, wall_clock_ms=8).fuel == 7
    (inherited,) = events_of(cast.dispatch(puppet), JobDispatched)
    assert inherited.limits == limits
    answer = cast.call(puppet, DISPATCH, job_type="run", state="x" * 300)
    assert answer["code"] == "invalid_payload"


def test_retries_of_a_child(cast: Cast) -> None:
    _, puppet = cast.start()
    child, other = cast.child(puppet, retry={"attempts": 2, "initial_ms": 100})
    other.fail()
    again = cast.puppets.of(child.job_id)
    assert child.state.failures == 1
    cast.finish(child, again)


def test_a_library_that_is_not_allowed(runtime: Runtime, tmp_path: Path) -> None:
    install_cast(runtime, tmp_path, "narrow", libraries=[str(ELSEWHERE)])
    cast = Cast(runtime)
    _, puppet = cast.start("narrow:run", library_id=ELSEWHERE)
    assert cast.call(puppet, DISPATCH, UUID(int=0), job_type="run")["code"] == "library_denied"
    assert cast.dispatch(puppet).state.library_id == ELSEWHERE


# --- other extensions' jobs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("job_type", ["shop:run", "shop:absent", "absent:run", "acme2:run", "Acme:run", "acme :run"])
def test_others_jobs_are_denied_alike_whether_they_exist_or_not(cast: Cast, job_type: str) -> None:
    _, puppet = cast.start()
    answer = cast.call(puppet, DISPATCH, job_type=job_type)
    assert answer["code"] == "permission_denied"
    assert answer["error"].replace(job_type, "X") == (
        "X is another extension's; the host has to allow it (cross_extension)"
    )


def test_what_the_embedder_allows() -> None:
    others = {"acme": ("shop:run", "mail:*"), "*": ("clock:tick",)}
    assert is_allowed(others, "acme", "shop:run")
    assert is_allowed(others, "acme", "mail:anything")
    assert is_allowed(others, "shop", "clock:tick")
    for extension, job_type in (("acme", "shop:other"), ("shop", "mail:send"), ("acme", "mail2:x"), ("a", "clock:*")):
        assert not is_allowed(others, extension, job_type)


def test_a_job_of_another_extension_that_is_allowed(tmp_path: Path) -> None:
    settings = RuntimeSettings(cross_extension={"acme": ("shop:run", "shut:run")}, shutdown_grace=0.1)
    with Runtime.in_memory(settings=settings) as runtime:
        install_cast(runtime, tmp_path, "acme")
        install_cast(runtime, tmp_path, "shop")
        install_cast(runtime, tmp_path, "shut", libraries=[str(ELSEWHERE)])
        cast = Cast(runtime)
        parent, puppet = cast.start()
        child, other = cast.child(puppet, "shop:run")
        assert cast.call(puppet, DISPATCH, job_type="shop:other")["code"] == "permission_denied"
        assert cast.call(puppet, DISPATCH, job_type="shut:run")["code"] == "library_denied"  # it is not for this one
        # Each sees it; to its own extension it is a job like any other.
        assert cast.call(puppet, "query:jobs.get", job_id=child.job_id)["parent"] == str(parent.job_id)
        listed = cast.call(puppet, "query:jobs.list", parent=parent.job_id)["jobs"]
        assert [job["job_id"] for job in listed] == [str(child.job_id)]
        assert cast.call(other, "query:jobs.get", job_id=child.job_id)["parent"] is None
        assert cast.call(other, "query:jobs.get", job_id=parent.job_id)["code"] == "not_found"
        waiting = cast.begin(puppet, "query:jobs.wait", job_id=child.job_id)
        cast.finish(child, other)
        assert json.loads(waiting.result(TIMEOUT))["status"] == "completed"


# --- bounds ----------------------------------------------------------------------------------------------------------


def bounded(tmp_path: Path, **bounds: int) -> Runtime:
    runtime = Runtime.in_memory(settings=RuntimeSettings(**bounds, shutdown_grace=0.1, kill_grace=0.1))  # type: ignore[arg-type]
    install_cast(runtime, tmp_path, "acme", rate_limits={"requests_per_minute": 10_000, "concurrent_jobs": 100})
    return runtime


def test_generations_are_bounded(tmp_path: Path) -> None:
    with bounded(tmp_path, job_depth=3) as runtime:
        cast = Cast(runtime)
        _, one = cast.start()
        _, two = cast.child(one)
        _, three = cast.child(two)
        answer = cast.call(three, DISPATCH, job_type="run")
        assert (answer["code"], answer["error"]) == (
            "failed",
            "jobs may be dispatched by jobs 3 deep, this one is the last",
        )
        cast.dispatch(two)


def test_only_the_host_dispatches(tmp_path: Path) -> None:
    with bounded(tmp_path, job_depth=1) as runtime:
        cast = Cast(runtime)
        _, one = cast.start()
        assert cast.call(one, DISPATCH, job_type="run")["code"] == "failed"


def test_children_of_one_job_are_bounded_also_over_attempts(tmp_path: Path) -> None:
    with bounded(tmp_path, children_per_job=3) as runtime:
        cast = Cast(runtime)
        parent, one = cast.start(retry=RetryPolicy(attempts=2, initial_ms=0))
        children = [cast.dispatch(one, state=number).job_id for number in range(3)]
        assert cast.call(one, DISPATCH, job_type="run", state=3)["code"] == "failed"
        one.fail()
        again = cast.puppets.of(parent.job_id)
        assert cast.dispatch(again, state=0).job_id == children[0]
        assert cast.call(again, DISPATCH, job_type="run", state=3)["code"] == "failed"


def test_a_fork_bomb(tmp_path: Path) -> None:
    """Every job dispatches two more, as often as it may."""
    with bounded(tmp_path, family_jobs=20, job_depth=6) as runtime:
        cast = Cast(runtime)
        root, puppet = cast.start()
        left = [puppet]
        refused = 0
        while left:
            one = left.pop(0)
            for _ in range(2):
                answer = cast.call(one, DISPATCH, job_type="run")
                if "job_id" in answer:
                    left.append(cast.puppets.of(UUID(answer["job_id"])))
                else:
                    assert answer["code"] == "failed"
                    refused += 1
        assert len(runtime.jobs().jobs) == 21
        assert refused == 22
        runtime.cancel(root.job_id)
        eventually(lambda: not runtime.jobs(statuses=frozenset({Status.RUNNING, Status.QUEUED})).jobs)


def test_dispatches_beyond_a_budget_are_refused(tmp_path: Path) -> None:
    budgets = Budgets(concurrent_jobs=Budget(limit=3, at_edge=AtEdge.REFUSE))
    with Runtime.in_memory(settings=RuntimeSettings(budgets=budgets, shutdown_grace=0.1)) as runtime:
        install_cast(runtime, tmp_path, "acme", rate_limits={"concurrent_jobs": 3})
        cast = Cast(runtime)
        _, one = cast.start()
        _, two = cast.start()
        # Both find the last place free; one of them finds it taken when it looks again.
        answers = [cast.begin(puppet, DISPATCH, job_type="run") for puppet in (one, two)]
        codes = sorted(json.loads(answer.result(TIMEOUT)).get("code", "") for answer in answers)
        assert codes == ["", "rate_limited"]


def test_a_refused_dispatch_leaves_nothing(cast: Cast) -> None:
    parent, puppet = cast.start()
    assert cast.call(puppet, DISPATCH, job_type="absent")["code"] == "not_found"
    store = cast.runtime.store
    assert store.rows(b"jobs.") + store.rows(b"child") == []
    assert cast.runtime.jobs().jobs == [parent.state]
    cast.dispatch(puppet)
    assert len(store.rows(b"jobs.")) + len(store.rows(b"child")) == 3
