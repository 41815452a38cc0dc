"""Watching the log, jobs and lists of jobs over HTTP, while the server dies and comes back."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from tests.support.acme import install_acme
from tests.support.gate import Gate
from tests.support.servers import Served, server_on, serving
from tests.support.waiting import TIMEOUT, eventually

from perdure.api.errors import BadRequest, Forbidden, ServerUnreachable, TooMany
from perdure.api.problems import Problem, error_of
from perdure.client.event_stream import EventStream, Message
from perdure.runtime import Runtime, RuntimeSettings, Status
from perdure.server.settings import ServerSettings
from perdure.store import UnknownJob

WATCHERS = 8


class Watching:
    """A stream of events as it comes."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._stream = EventStream()
        self._messages = (message for part in response.iter_raw() for message in self._stream.feed(part))

    def until(self, wanted: Callable[[Message], object]) -> list[Message]:
        """The messages up to one that is wanted."""
        found: list[Message] = []
        for message in self._messages:
            found.append(message)
            if wanted(message):
                return found
        raise AssertionError(f"the stream ended after {found}")

    def rest(self) -> list[Message]:
        """All until its end."""
        return list(self._messages)


@contextmanager
def watching(served: Served, target: str, headers: dict[str, str] | None = None) -> Iterator[Watching]:
    sent = {**served.headers, **(headers or {})}
    with httpx.stream("GET", served.address + target, headers=sent, timeout=TIMEOUT) as response:
        if response.is_error:
            raise error_of(msgspec.json.decode(response.read(), type=Problem))
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Watching(response)


def tags(messages: list[Message]) -> list[str]:
    return [message.event for message in messages]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("watched")
    settings = ServerSettings(port=0, log_level="error", watchers=WATCHERS)
    runtime_settings = RuntimeSettings(kill_grace=5.0, shutdown_grace=0.2)
    with serving(folder / "data", settings, runtime_settings=runtime_settings) as served:
        install_acme(served.runtime, folder, rate_limits={"requests_per_minute": 100_000, "concurrent_jobs": 16})
        yield served


@pytest.fixture(scope="module")
def gate_of_all(served: Served) -> Iterator[Gate]:
    with Gate(served.runtime) as gate:
        yield gate


@pytest.fixture
def gate(gate_of_all: Gate) -> Iterator[Gate]:
    yield gate_of_all
    gate_of_all.shut()


def test_the_log_as_it_goes_on(served: Served, gate: Gate) -> None:
    with watching(served, "/v1/events?extension=acme&type=dispatched&type=completed") as stream:
        job = served.runtime.dispatch("acme:nothing")
        messages = stream.until(lambda message: message.event == "completed")
    assert tags(messages) == ["dispatched", "completed"]
    events = [json.loads(message.data) for message in messages]
    assert {event["stream"] for event in events} == {f"job:{job.job_id}"}
    assert [int(message.id) for message in messages] == [event["position"] for event in events]
    stored = list(served.runtime.store.read(f"job:{job.job_id}"))
    assert [event["hash"] for event in events] == [stored[0].hash.hex(), stored[-1].hash.hex()]


def test_whoever_comes_back_misses_nothing(served: Served, gate: Gate) -> None:
    target = f"/v1/events?type=completed&after={served.runtime.store.position()}"
    jobs = [served.runtime.dispatch("acme:nothing") for _ in range(3)]
    for job in jobs:
        job.wait(TIMEOUT)
    with watching(served, target) as stream:
        first = stream.until(lambda message: True)
    with watching(served, target, {"Last-Event-ID": first[0].id}) as stream:
        rest = stream.until(lambda message: message.id and len(message.data) and _is_last(served, message))
    streams = [json.loads(message.data)["stream"] for message in [*first, *rest]]
    assert sorted(streams) == sorted(f"job:{job.job_id}" for job in jobs)


def _is_last(served: Served, message: Message) -> bool:
    last = [event.position for event in served.runtime.store.read_all() if type(event.event).__name__ == "JobCompleted"]
    return int(message.id) == last[-1]


def test_a_job_until_its_end(served: Served, gate: Gate) -> None:
    job = served.runtime.dispatch("acme:gate")
    arrival = gate.arrival()
    with watching(served, f"/v1/jobs/{job.job_id}/watch") as stream:
        stream.until(lambda message: message.event == "started")
        arrival.let_go()
        messages = stream.rest()
    assert tags(messages)[-2:] == ["completed", "end"]
    ended = json.loads(messages[-1].data)
    assert (ended["status"], ended["job_id"], ended["items"]) == ("completed", str(job.job_id), 1)
    assert int(messages[-1].id) == job.state.sequence
    with watching(served, f"/v1/jobs/{job.job_id}/watch", {"Last-Event-ID": str(job.state.sequence)}) as stream:
        assert tags(stream.rest()) == ["end"]


def test_a_list_of_jobs_that_change(served: Served, gate: Gate) -> None:
    with watching(served, "/v1/jobs/live?extension=acme&status=running") as stream:
        (first,) = stream.until(lambda message: True)
        assert (first.event, json.loads(first.data)["jobs"]) == ("jobs", [])
        before = json.loads(first.data)["counts"]
        job = served.runtime.dispatch("acme:gate")
        arrival = gate.arrival()
        seen = stream.until(lambda message: _names(message, "jobs", job.job_id))
        shown = next(each for each in json.loads(seen[-1].data)["jobs"] if each["job_id"] == str(job.job_id))
        assert shown["status"] == "running"
        arrival.let_go()
        stream.until(lambda message: _names(message, "left", job.job_id))
    assert served.runtime.store.count_jobs()[Status.COMPLETED] == before["completed"] + 1
    with watching(served, "/v1/jobs/live", {"Last-Event-ID": "1"}) as stream:
        assert tags(stream.until(lambda message: message.event == "reset"))[-1] == "reset"


def _names(message: Message, field: str, job_id: UUID) -> bool:
    found = json.loads(message.data).get(field, [])
    return str(job_id) in [each["job_id"] if isinstance(each, dict) else each for each in found]


def test_a_limited_token_sees_its_own(served: Served, gate: Gate) -> None:
    token = served.runtime.issue_token("others", ["read"], extensions=["others"]).text
    limited = {"Authorization": f"Bearer {token}"}
    own = served.runtime.issue_token("own", ["read"], extensions=["acme"]).text
    job = served.runtime.dispatch("acme:nothing")
    job.wait(TIMEOUT)
    with pytest.raises(UnknownJob), watching(served, f"/v1/jobs/{job.job_id}/watch", limited):
        pass
    with pytest.raises(Forbidden), watching(served, "/v1/events?extension=acme", limited):
        pass
    with pytest.raises(Forbidden), watching(served, "/v1/events?stream=access", limited):
        pass
    with watching(served, "/v1/events?after=0", {"Authorization": f"Bearer {own}"}) as stream:
        messages = stream.until(lambda message: _of(message) == f"job:{job.job_id}" and message.event == "completed")
    assert {_of(message).partition(":")[0] for message in messages} <= {"job", "extension"}
    with watching(served, "/v1/jobs/live", {"Authorization": f"Bearer {own}"}) as stream:
        (first,) = stream.until(lambda message: True)
    assert json.loads(first.data)["counts"] is None


def _of(message: Message) -> str:
    return str(json.loads(message.data)["stream"])


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/v1/events?after=-1", {}),
        ("/v1/events?after=x", {}),
        ("/v1/events?nonsense=1", {}),
        ("/v1/jobs/live?status=nonsense", {}),
        ("/v1/events", {"Last-Event-ID": "x"}),
        ("/v1/events", {"Last-Event-ID": "9" * 30}),
        ("/v1/jobs/nonsense/watch", {}),
    ],
)
def test_what_cannot_be_watched(served: Served, target: str, headers: dict[str, str]) -> None:
    with pytest.raises(BadRequest), watching(served, target, headers):
        pass


def test_there_are_only_so_many(served: Served) -> None:
    with ExitStack() as streams:
        for _ in range(WATCHERS):
            eventually(lambda: enters(served, streams))  # the server may not have seen yet that others have gone
        with pytest.raises(TooMany), watching(served, "/v1/events"):
            pass
    with ExitStack() as streams:
        eventually(lambda: enters(served, streams))


def enters(served: Served, streams: ExitStack) -> bool:
    """Whether there is room for one more, who stays."""
    try:
        streams.enter_context(watching(served, "/v1/events"))
    except TooMany:
        return False
    return True


def test_watchers_live_through_deaths_of_the_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Runtime.open(data) as runtime:
        install_acme(runtime, tmp_path)
    with server_on(data) as server, server.client() as client:
        job = client.dispatch("acme:polite")
        eventually(lambda: job.status is Status.RUNNING, every=0.05)
        seen: list[Any] = []
        ends: list[Any] = []
        threads = [
            threading.Thread(target=lambda: seen.extend(job.watch())),
            threading.Thread(target=lambda: ends.append(job.wait(2 * TIMEOUT))),  # servers are started meanwhile
        ]
        for thread in threads:
            thread.start()
        eventually(lambda: seen, every=0.05)
        os.kill(server.web, signal.SIGKILL)  # the engine starts another
        eventually(lambda: _answers(client), every=0.05)
        server.kill()
        with server_on(data, port=server.port):
            eventually(lambda: _answers(client), every=0.05)
            eventually(lambda: job.attempts == 2, every=0.05)
            job.cancel()
            for thread in threads:
                thread.join(TIMEOUT)
            assert [end.status for end in ends] == [Status.CANCELLED]
            assert seen == [entry.stored for entry in client.history(job.job_id)]


def _answers(client: Any) -> bool:
    try:
        client.jobs_by_status()
    except ServerUnreachable:
        return False
    return True
