"""``jobs.get`` and ``jobs.list``: an extension sees its own jobs of this library, and nothing tells it of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.cast import Cast, install_cast
from tests.support.waiting import TIMEOUT

from perdure.actors import Exit
from perdure.runtime import DEFAULT_LIBRARY, JobHandle, OperationError, Runtime, Status
from perdure.runtime.permissions import operation_name

ELSEWHERE = UUID(int=7)
OPERATIONS = ("action:jobs.dispatch", "query:jobs.get", "query:jobs.list", "action:jobs.cancel", "query:jobs.wait")
NAMED = ("query:jobs.get", "action:jobs.cancel", "query:jobs.wait")


def test_a_job_as_it_is(cast: Cast) -> None:
    parent, puppet = cast.start()
    child, other = cast.child(puppet)
    other.do(lambda host: host.increment_items(3))
    other.do(lambda host: host.report_progress(0.5, "half"))
    other.do(lambda host: host.checkpoint(b"{}"))
    seen = cast.call(puppet, "query:jobs.get", job_id=child.job_id)
    assert seen == {
        "job_id": str(child.job_id),
        "job_type": "acme:run",
        "status": "running",
        "finished": False,
        "progress": 0.5,
        "message": "half",
        "items": 3,
        "bytes": 0,
        "warnings": 0,
        "attempts": 1,
        "dispatched": child.state.dispatched_at,
        "ended": None,
        "error": None,
        "parent": str(parent.job_id),
    }
    other.fail()
    child.wait(TIMEOUT)
    seen = cast.call(puppet, "query:jobs.get", job_id=child.job_id)
    assert (seen["status"], seen["finished"], seen["ended"]) == ("failed", True, child.state.ended_at)
    assert seen["error"] == {"kind": "trap", "message": "the guest failed", "blame": "guest"}


@pytest.mark.parametrize("method", NAMED)
def test_other_jobs_are_not_found(cast: Cast, method: str) -> None:
    _, puppet = cast.start()
    others: list[JobHandle] = [cast.start("shop:run")[0], cast.start(library_id=ELSEWHERE)[0]]
    for job_id in (*(other.job_id for other in others), UUID(int=1)):
        answer = cast.call(puppet, method, job_id=job_id)
        assert answer == {"error": f"there is no job {job_id}", "code": "not_found"}
    assert {other.status for other in others} == {Status.RUNNING}
    # In its own library the same extension's job is found.
    seen = cast.call(puppet, "query:jobs.get", ELSEWHERE, job_id=others[1].job_id)
    assert seen["job_id"] == str(others[1].job_id)


@pytest.mark.parametrize("method", NAMED)
@pytest.mark.parametrize("job_id", ["", "x", "00000000-0000-0000-0000-00000000000g", None, 7, "../job", "\0"])
def test_what_is_no_id(cast: Cast, method: str, job_id: Any) -> None:
    _, puppet = cast.start()
    payload = {} if job_id is None else {"job_id": job_id}
    assert cast.call(puppet, method, **payload)["code"] == "invalid_payload"


def test_lists(cast: Cast) -> None:
    parent, puppet = cast.start()
    cast.start("shop:run")
    cast.start(library_id=ELSEWHERE)
    children = [cast.dispatch(puppet, "run" if number % 2 else "other") for number in range(5)]
    first = cast.puppets.of(children[0].job_id)
    cast.runtime.cancel(children[0].job_id)

    def listed(**request: Any) -> list[str]:
        return [job["job_id"] for job in cast.call(puppet, "query:jobs.list", **request)["jobs"]]

    ids = [str(job.job_id) for job in children]
    assert listed() == [*reversed(ids), str(parent.job_id)]
    assert listed(parent=parent.job_id) == ids[::-1]
    assert listed(parent=children[1].job_id) == []
    assert listed(job_type="other") == listed(job_type="acme:other") == [ids[4], ids[2], ids[0]]
    first.end(Exit.INTERRUPTED)
    children[0].wait(TIMEOUT)
    assert listed(statuses=["cancelled"]) == [ids[0]]
    assert listed(job_type="shop:run") == []
    page = cast.call(puppet, "query:jobs.list", limit=2)
    assert [job["job_id"] for job in page["jobs"]] == ids[:2:-1]
    assert page["next"] == ids[3]
    assert listed(cursor=page["next"], limit=1) == [ids[2]]
    assert cast.call(puppet, "query:jobs.list", parent=UUID(int=1))["code"] == "not_found"
    for wrong in ({"limit": 0}, {"limit": 201}, {"statuses": ["lost"]}, {"cursor": "x"}, {"statuses": ["failed"] * 99}):
        assert cast.call(puppet, "query:jobs.list", **wrong)["code"] == "invalid_payload"


def test_the_host_sees_all_of_a_library(cast: Cast) -> None:
    jobs = [cast.start()[0], cast.start("shop:run")[0]]
    cast.start(library_id=ELSEWHERE)
    seen = cast.runtime.call("query:jobs.list")
    assert [job.job_id for job in seen.jobs] == [job.job_id for job in reversed(jobs)]
    with pytest.raises(OperationError) as refused:
        cast.runtime.call("query:jobs.get", {"job_id": jobs[0].job_id}, library_id=ELSEWHERE)
    assert refused.value.code == "not_found"
    assert cast.runtime.call("query:jobs.get", {"job_id": jobs[0].job_id}, extension="acme").status is Status.RUNNING


@pytest.mark.parametrize("method", OPERATIONS)
def test_each_operation_needs_its_permission(runtime: Runtime, tmp_path: Path, method: str) -> None:
    declared = operation_name(method)
    assert declared is not None
    found = runtime.operations.get(declared)
    assert found is not None
    assert all(found.schemas())
    install_cast(runtime, tmp_path, "strict", methods=[other for other in OPERATIONS if other != method])
    cast = Cast(runtime)
    _, puppet = cast.start("strict:run")
    for spelling in (method, f"{method}.v1", f"{method}.input.v1"):
        answer = cast.call(puppet, spelling, DEFAULT_LIBRARY, job_id=UUID(int=1), job_type="run")
        assert answer["code"] == "permission_denied"
