"""A job's run walked through over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.support.python_guest import PythonHost
from tests.support.python_jobs import PythonJobs
from tests.support.servers import Served, serving
from tests.support.travellers import World, travel, travellers
from tests.support.waiting import TIMEOUT

from perdure.actors import GuestResult, GuestSpec
from perdure.actors.replay.recorded_calls import RecordedCall
from perdure.api.errors import NotFound
from perdure.client.async_client import AsyncClient
from perdure.runtime import CannotStep, JobHandle
from perdure.server.engine.open_steppers import IDLE, MOST, MOST_EACH, OpenSteppers
from perdure.store.events import CheckpointSaved


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("steppers")) as found:
        yield found


@pytest.fixture(scope="module")
def jobs(served: Served) -> PythonJobs:
    World(served.runtime)
    return travellers(served.runtime, served.data)


@pytest.fixture(scope="module")
def http(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.address, headers=served.headers, timeout=TIMEOUT, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def job(jobs: PythonJobs) -> JobHandle:
    jobs.body = travel
    made = jobs.start()
    made.wait(TIMEOUT)
    return made


class Walk:
    """A stepper over HTTP."""

    def __init__(self, http: httpx.Client, job_id: UUID, **body: object) -> None:
        answer = http.post(f"/v1/jobs/{job_id}/steppers", json=body)
        assert answer.status_code == 201, answer.text
        self.opened: dict[str, Any] = answer.json()
        self.path = f"/v1/jobs/{job_id}/steppers/{self.opened['stepper']}"
        self._http = http

    def ask(self, below: str = "", **query: Any) -> Any:
        answer = self._http.get(self.path + below, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def close(self) -> int:
        return self._http.delete(self.path).status_code


def test_a_walk_from_the_beginning_to_the_end_and_back(served: Served, http: httpx.Client, job: JobHandle) -> None:
    walk = Walk(http, job.job_id)
    begin = walk.opened["position"]
    assert (begin["at"], begin["call"], begin["first"]) == ("begin", 0, 1)
    assert [run["end"] for run in walk.opened["runs"]] == ["completed"]
    with served.runtime.stepper(job.job_id) as stepper:
        for call in (1, 2, 3, stepper.last, 2, 1):
            expected, came = stepper.at(call), walk.ask(call=call)
            assert (came["at"], came["call"], came["fuel"]) == ("call", call, expected.fuel)
    asked = walk.ask(call=2)["recorded"]
    assert (asked["function"], asked["method"], asked["answer"]) == ("call", "query:world.ask", {"n": 3})
    end = walk.ask(call=10_000)
    assert (end["at"], end["end"]["exit"], end["end"]["recorded"]["type"]) == ("end", "completed", "completed")
    assert end["end"]["divergence"] is None
    assert walk.close() == 204
    assert walk.close() == 204


def test_a_client_walks_as_the_runtime_does(served: Served, job: JobHandle) -> None:
    with (
        served.client() as client,
        served.runtime.stepper(job.job_id) as local,
        client.stepper(job.job_id) as remote,
    ):
        assert (remote.first, remote.last, remote.run.end) == (local.first, local.last, "completed")
        assert remote.here == local.here
        for move in ("forward", "forward", "forward", "back"):
            assert getattr(remote, move)() == getattr(local, move)()
        for call in (6, 12, 0, 3, 10**9):
            assert remote.at(call) == local.at(call)
            assert remote.back() == local.back()
            assert (remote.sequence(), remote.guest_state()) == (local.sequence(), local.guest_state())
            assert remote.state() == local.state()
        assert list(remote.calls()) == list(local.calls())
        for backward in (False, True):
            remote.at(7)
            local.at(7)
            assert remote.find(is_saved, backward=backward) == local.find(is_saved, backward=backward)
        for sequence in (1, 3, 9, 10**6):
            assert remote.run_of(sequence) == local.run_of(sequence)
        with pytest.raises(CannotStep):
            remote.enter(7)
        assert remote.enter(1) == local.enter(1)
        with pytest.raises(CannotStep):
            client.stepper(job.job_id, 9)
        remote.close()
        with pytest.raises(NotFound):
            remote.at(1)


def test_and_so_does_a_client_of_an_event_loop(served: Served, job: JobHandle) -> None:
    async def walk() -> None:
        async with (
            AsyncClient.connect(served.address, token=served.token) as client,
            await client.stepper(job.job_id) as remote,
        ):
            with served.runtime.stepper(job.job_id) as local:
                assert await remote.at(6) == local.at(6)
                assert await remote.back(2) == local.back(2)
                assert await remote.find(is_saved) == local.find(is_saved)
                assert [call async for call in remote.calls()] == list(local.calls())
                assert (await remote.state(), await remote.guest_state()) == (local.state(), local.guest_state())
                assert await remote.run_of(9) == local.run_of(9)
                assert await remote.enter(1) == local.enter(1)

    asyncio.run(walk())


def is_saved(call: RecordedCall) -> bool:
    return isinstance(call.event, CheckpointSaved)


def test_looking_for_calls_and_at_the_state(http: httpx.Client, job: JobHandle) -> None:
    walk = Walk(http, job.job_id)
    saved = walk.ask("/find", type="checkpoint")["call"]
    assert saved == 6
    assert walk.ask("/find", call=6, type="checkpoint")["call"] == 12
    assert walk.ask("/find", call=12, type="checkpoint")["call"] is None
    assert walk.ask("/find", call=12, type="checkpoint", backward=True)["call"] == 6
    assert walk.ask("/find", text="WORLD.SEND")["call"] == 4
    state = walk.ask("/state", call=saved)
    assert (state["before"], state["after"]) == (None, {"round": 1})
    assert state["job"]["items"] == 3
    page = walk.ask("/calls", first=2, limit=3)
    assert [call["call"] for call in page["calls"]] == [2, 3, 4]
    assert walk.ask("/calls", first=page["next"], limit=1)["calls"][0]["call"] == 5
    assert walk.ask(event=page["calls"][1]["sequence"])["call"] == 3
    walk.close()


def test_only_whoever_opened_it_may_use_it(served: Served, http: httpx.Client, job: JobHandle) -> None:
    walk = Walk(http, job.job_id)
    other = served.runtime.issue_token("another", ["control", "read"], by="test").text
    reader = served.runtime.issue_token("reader", ["read"], by="test").text
    answer = httpx.get(served.address + walk.path, headers={"Authorization": f"Bearer {other}"}, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")
    answer = httpx.get(served.address + walk.path, headers={"Authorization": f"Bearer {reader}"}, trust_env=False)
    assert answer.status_code == 403
    assert http.get(f"/v1/jobs/{uuid4()}/steppers/{walk.opened['stepper']}").status_code == 404
    assert walk.ask(call=1)["call"] == 1
    walk.close()
    assert http.get(walk.path).status_code == 404


def test_what_cannot_be_walked_through(http: httpx.Client, job: JobHandle) -> None:
    steppers = f"/v1/jobs/{job.job_id}/steppers"
    assert http.post(steppers, json={"run": 7}).json()["code"] == "CannotStep"
    assert http.post(steppers, json={"run": 0}).status_code == 422
    assert http.post(f"/v1/jobs/{uuid4()}/steppers", json={}).json()["code"] == "UnknownJob"
    walk = Walk(http, job.job_id)
    assert http.get(walk.path, params={"event": 1}).json()["code"] == "CannotStep"
    assert http.get(walk.path, params={"call": -1}).status_code == 422
    assert walk.ask(call=1)["call"] == 1
    walk.close()


def test_a_guest_that_does_something_else_is_seen(http: httpx.Client, jobs: PythonJobs, job: JobHandle) -> None:
    def other(host: PythonHost, state: bytes, spec: GuestSpec) -> GuestResult | None:
        host.log(1, f"I am {spec.job_id}")
        host.increment_items(99)
        return None

    jobs.body = other
    try:
        walk = Walk(http, job.job_id)
        end = walk.ask(call=5)
        assert end["at"] == "end"
        assert end["end"]["divergence"]["came"] == {"function": "increment_items", "count": 99}
        walk.close()
    finally:
        jobs.body = travel


def test_few_at_once_and_none_for_ever(served: Served, job: JobHandle) -> None:
    now = [0.0]
    steppers = OpenSteppers(served.runtime, clock=lambda: now[0])
    first = steppers.open("token:a", job.job_id, None)
    for step in range(MOST_EACH):
        now[0] = 1.0 + step
        steppers.open("token:a", job.job_id, None)
    assert len(steppers) == MOST_EACH
    with pytest.raises(NotFound), steppers.using("token:a", job.job_id, first.number):
        pass  # the one that was used longest ago made room
    for number in range(MOST - MOST_EACH):
        steppers.open(f"token:{number}", job.job_id, None)
    with pytest.raises(Exception, match="too many steppers"):
        steppers.open("token:z", job.job_id, None)
    now[0] += IDLE + 1
    assert steppers.sweep() is None
    assert len(steppers) == 0
    steppers.close()
