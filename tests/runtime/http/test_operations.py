"""``http.request`` through a runtime: who may send what where, what comes back, and what is left of it in the log."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.extension_folders import write_extension
from tests.support.http_process import LOCAL, HttpProcess
from tests.support.job_history import events_of
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT, eventually
from tests.support.web_server import Visit, WebServer, web_server

from perdure.runtime import Grant, JobHandle, Runtime, Status, grant_as_asked
from perdure.runtime.errors import OperationError
from perdure.store.events import ActionAnswered, OperationAnswered, Sealed

READ, SEND = "query:http.request", "action:http.request"


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server(
        {"/": lambda visit: visit.reply(200, b'{"a": "\xc3\xa4"}', ("Content-Type", "application/json"))}
    ) as (server):
        yield server


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with Runtime.open(tmp_path / "data", settings=LOCAL, consent=grant_as_asked) as runtime:
        yield runtime


def write(folder: Path, server: WebServer, *calls: tuple[str, dict[str, Any]]) -> Path:
    """The extension ``caller``, that may reach the server; its job ``call`` makes the calls, one after the other."""
    wat = RuntimeWat(memory="4")
    wat.job("call", "".join(f"(drop {wat.operation(*_payload(call))})" for call in calls) + "(i32.const 0)")
    permissions = {"methods": [READ, SEND], "network_access": [entry(server)]}
    return write_extension(folder / "caller", wat.module(), extension="caller", permissions=permissions)


def install(runtime: Runtime, folder: Path, server: WebServer, *calls: tuple[str, dict[str, Any]]) -> None:
    runtime.install(write(folder, server, *calls))


def _payload(call: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    return call[0], json.dumps(call[1])


def entry(server: WebServer) -> str:
    return f"http://127.0.0.1:{server.port}"


def run(runtime: Runtime) -> JobHandle:
    job = runtime.dispatch("caller:call")
    assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
    return job


def refused(runtime: Runtime, method: str, request: object, extension: str | None = "caller") -> OperationError:
    with pytest.raises(OperationError) as caught:
        runtime.call(method, request, extension=extension)
    return caught.value


# --- reading and sending ---------------------------------------------------------------------------------------------


def test_an_extension_reads(runtime: Runtime, tmp_path: Path, server: WebServer) -> None:
    install(runtime, tmp_path, server)
    answer = runtime.call(READ, {"url": f"{entry(server)}/?q=1", "headers": {"X-A": "1"}}, extension="caller")
    assert (answer.status, answer.body, answer.body_base64) == (200, '{"a": "ä"}', None)
    assert (answer.origin, answer.url) == (entry(server), f"{entry(server)}/?q=1")
    assert ("content-type", "application/json") in answer.headers
    assert (server.seen[0].method, server.seen[0].header("x-a")) == ("GET", "1")


def test_bytes_go_and_come_as_base64(runtime: Runtime, tmp_path: Path, server: WebServer) -> None:
    server.pages["/"] = lambda visit: visit.reply(200, visit.seen.body[::-1])
    install(runtime, tmp_path, server)
    request = {"url": entry(server), "method": "PUT", "body_base64": base64.b64encode(b"\x00\xff\x01").decode()}
    answer = runtime.call(SEND, request, extension="caller")
    assert (answer.body, answer.body_base64) == (None, b"\x01\xff\x00")
    text = runtime.call(SEND, {"url": entry(server), "method": "PUT", "body": "ä"}, extension="caller")
    assert text.body_base64 == "ä".encode()[::-1]


def test_repeated_headers_are_a_list(runtime: Runtime, tmp_path: Path, server: WebServer) -> None:
    install(runtime, tmp_path, server)
    runtime.call(READ, {"url": entry(server), "headers": [["X-A", "1"], ["X-A", "2"]]}, extension="caller")
    assert [value for name, value in server.seen[0].headers if name == "x-a"] == ["1", "2"]


@pytest.mark.parametrize(
    "request_fields",
    [
        *({}, {"url": 5}, {"method": "POST"}, {"method": "get"}, {"body": "a"}, {"headers": {"A": 1}}, {"timeout": 5}),
        *({"headers": [["a"]]}, {"timeout_ms": 0}, {"timeout_ms": 300_001}, {"max_redirects": 11}, {"max_bytes": -1}),
    ],
)
def test_a_query_that_is_no_read(
    runtime: Runtime, tmp_path: Path, server: WebServer, request_fields: dict[str, Any]
) -> None:
    install(runtime, tmp_path, server)
    url = {"url": entry(server)} if request_fields else {}
    assert refused(runtime, READ, {**url, **request_fields}).code == "invalid_payload"
    assert server.connections == 0


@pytest.mark.parametrize(
    "request_fields",
    [
        *({"method": "POST", "body": "a", "body_base64": "YQ=="}, {"method": "POST", "body_base64": "?"}, {}),
        *({"method": "CONNECT"}, {"method": "post"}, {"method": "GET\n"}, {"method": "POST", "headers": {"Host": "x"}}),
    ],
)
def test_an_action_that_cannot_be_sent(
    runtime: Runtime, tmp_path: Path, server: WebServer, request_fields: dict[str, Any]
) -> None:
    install(runtime, tmp_path, server)
    assert refused(runtime, SEND, {"url": entry(server), **request_fields}).code == "invalid_payload"
    assert server.connections == 0


# --- where it may go -------------------------------------------------------------------------------------------------


def test_what_is_granted_decides(runtime: Runtime, tmp_path: Path, server: WebServer) -> None:
    install(runtime, tmp_path, server)
    request = {"url": entry(server)}
    runtime.grant("caller", Grant(methods=(READ, SEND)))
    error = refused(runtime, READ, request)
    assert (error.code, entry(server) in str(error)) == ("permission_denied", True)
    runtime.grant("caller", Grant(methods=(READ,), hosts=(entry(server), "https-only.example")))
    assert runtime.call(READ, request, extension="caller").status == 200
    assert refused(runtime, SEND, {**request, "method": "POST"}).code == "permission_denied"
    # A grant narrows what the manifest asks for; it adds nothing.
    other = {"url": "https://https-only.example/"}
    assert refused(runtime, READ, other).code == "permission_denied"
    assert len(server.seen) == 1


def test_the_host_itself_may_reach_every_host_but_not_every_network(runtime: Runtime, server: WebServer) -> None:
    assert runtime.call(READ, {"url": entry(server)}).status == 200
    error = refused(runtime, READ, {"url": "http://10.0.0.1/"}, extension=None)
    assert (error.code, "private" in str(error)) == ("permission_denied", True)


def test_no_private_network_is_open_by_default(tmp_path: Path, server: WebServer) -> None:
    with Runtime.open(tmp_path / "data", consent=grant_as_asked) as runtime:
        install(runtime, tmp_path, server)
        error = refused(runtime, READ, {"url": entry(server)})
    assert (error.code, "loopback" in str(error)) == ("permission_denied", True)
    assert server.connections == 0


def page_too_large(visit: Visit) -> None:
    visit.reply(200, b"a" * 100_001)


def page_elsewhere(visit: Visit) -> None:
    visit.reply(302, b"", ("Location", "https://elsewhere.example/"))


def page_in_circles(visit: Visit) -> None:
    visit.reply(302, b"", ("Location", "/circle"))


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ("/large", "failed", "more than 100000 bytes"),
        ("/elsewhere", "permission_denied", "'elsewhere.example'"),
        ("/circle", "failed", "redirects"),
        ("/slow", "unavailable", "within 0.2 s"),
    ],
)
def test_failures_have_codes(
    runtime: Runtime, tmp_path: Path, server: WebServer, path: str, code: str, says: str
) -> None:
    server.pages |= {"/large": page_too_large, "/elsewhere": page_elsewhere, "/circle": page_in_circles}
    server.pages["/slow"] = Visit.hang
    install(runtime, tmp_path, server)
    timeout = 200 if path == "/slow" else 20_000
    error = refused(runtime, READ, {"url": entry(server) + path, "max_bytes": 10**9, "timeout_ms": timeout})
    assert (error.code, says in str(error)) == (code, True), error


# --- effects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "GET", "DELETE"])
def test_the_effect_key_is_sent_where_repeating_does_harm(
    runtime: Runtime, tmp_path: Path, server: WebServer, method: str
) -> None:
    request = {"url": entry(server), "method": method}
    install(runtime, tmp_path, server, (SEND, request), (SEND, request))
    events = events_of(run(runtime), ActionAnswered)
    # It is a digest of the request, which is sealed, so the log does not have it.
    assert [event.effect_key for event in events] == ["", ""]
    first, second = (seen.header("idempotency-key") for seen in server.seen)
    if method in {"POST", "PATCH"}:
        assert (len(first or ""), len(second or "")) == (32, 32)
        assert first != second
    else:
        assert (first, second) == (None, None)


def test_an_extension_s_own_key_is_left_alone(runtime: Runtime, tmp_path: Path, server: WebServer) -> None:
    install(runtime, tmp_path, server)
    headers = {"idempotency-KEY": "mine"}
    runtime.call(SEND, {"url": entry(server), "method": "POST", "headers": headers}, extension="caller")
    assert [value for name, value in server.seen[0].headers if name == "idempotency-key"] == ["mine"]


def test_what_a_person_sends_again_after_a_crash_has_the_same_key(tmp_path: Path, server: WebServer) -> None:
    arrived = hanging(server)
    folder = write(tmp_path, server, (SEND, {"url": entry(server), "method": "POST", "body": "pay"}))
    with HttpProcess(tmp_path / "data", folder) as process:
        assert arrived.wait(TIMEOUT)
        process.kill()
    server.pages["/"] = lambda visit: visit.reply(200, b"paid")
    with Runtime.open(tmp_path / "data", settings=LOCAL) as runtime:
        (state,) = runtime.jobs().jobs
        job = runtime.job(state.job_id)
        assert job.status is Status.ATTENTION
        assert len(server.seen) == 1
        job.resolve("again")
        eventually(lambda: job.status is Status.COMPLETED)
        assert len(events_of(job, ActionAnswered)) == 1
    first, second = (seen.header("idempotency-key") for seen in server.seen)
    assert first == second
    assert len(first or "") == 32


# --- what is left of it ----------------------------------------------------------------------------------------------


def test_no_secret_is_in_the_clear_on_the_disk_or_in_the_log(
    runtime: Runtime, tmp_path: Path, server: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    secret = "pl4nted"
    server.pages["/"] = lambda visit: visit.reply(200, b"pl4nted-body", ("Set-Cookie", "pl4nted-cookie"))
    sensitive = {
        "url": f"{entry(server)}/?token={secret}-url",
        "headers": {"Authorization": f"{secret}-header"},
    }
    install(
        runtime,
        tmp_path / "folder",
        server,
        (READ, sensitive),
        (SEND, {**sensitive, "method": "POST", "body": f"{secret}-sent"}),
        (SEND, {**sensitive, "method": "POST", "url": f"https://127.0.0.1:{server.port}/{secret}"}),
        (SEND, {**sensitive, "method": "POST", "body_base64": "!", "body": secret}),
        (READ, {**sensitive, "headers": {f"{secret} name": "1"}}),
    )
    # The module has the payloads in it, so what the disk is searched for is what the server sent and what was recorded.
    job = run(runtime)
    assert len(server.seen) == 2
    answered: list[OperationAnswered | ActionAnswered] = [
        *events_of(job, OperationAnswered),
        *events_of(job, ActionAnswered),
    ]
    answered.sort(key=lambda event: event.call)
    assert [event.code for event in answered] == [
        *("", "", "permission_denied", "invalid_payload", "invalid_payload"),
    ]
    for event in answered:
        assert isinstance(event.payload, Sealed)
        assert secret.encode() not in event.payload.shown
        if isinstance(event.answer, Sealed):
            assert secret.encode() not in event.answer.shown
    read = answered[0]
    assert isinstance(read.answer, Sealed)
    shown = json.loads(read.answer.shown)
    assert (shown["status"], shown["origin"], shown["body_base64"]) == (200, entry(server), "[sensitive]")
    runtime.close()
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert files
    for planted in (b"pl4nted-body", b"pl4nted-cookie"):
        assert [path for path in files if planted in path.read_bytes()] == []
    assert secret not in caplog.text
    assert secret not in "".join(str(record.__dict__) for record in caplog.records)


# --- ends ------------------------------------------------------------------------------------------------------------


def hanging(server: WebServer) -> threading.Event:
    arrived = threading.Event()

    def page(visit: Visit) -> None:
        arrived.set()
        visit.hang()

    server.pages["/"] = page
    return arrived


def test_a_job_that_waits_for_a_server_can_be_cancelled(runtime: Runtime, tmp_path: Path, server: WebServer) -> None:
    arrived = hanging(server)
    install(runtime, tmp_path, server, (READ, {"url": entry(server), "timeout_ms": 300_000}))
    job = runtime.dispatch("caller:call")
    assert arrived.wait(TIMEOUT)
    job.cancel()
    state = job.wait(TIMEOUT)  # nobody waits for the server any more; this guest makes nothing of it and returns
    assert (state.status, state.cancel_requested) == (Status.COMPLETED, True)
    assert [event.code for event in events_of(job, OperationAnswered)] == ["unavailable"]


def test_a_runtime_closes_while_a_server_is_waited_for(tmp_path: Path, server: WebServer) -> None:
    arrived = hanging(server)
    with Runtime.open(tmp_path / "data", settings=LOCAL, consent=grant_as_asked) as runtime:
        install(runtime, tmp_path, server, (READ, {"url": entry(server), "timeout_ms": 300_000}))
        job = runtime.dispatch("caller:call")
        assert arrived.wait(TIMEOUT)
    # The next runtime lets the job go on: a read is simply sent again.
    server.pages["/"] = lambda visit: visit.reply(200, b"now")
    with Runtime.open(tmp_path / "data", settings=LOCAL) as runtime:
        again = runtime.job(job.job_id)
        eventually(lambda: again.status is Status.COMPLETED)
    assert len(server.seen) == 2


def test_one_extension_s_slow_server_is_nobody_else_s(runtime: Runtime, tmp_path: Path, server: WebServer) -> None:
    arrived = hanging(server)
    install(runtime, tmp_path, server, (READ, {"url": entry(server), "timeout_ms": 300_000}))
    jobs = [runtime.dispatch("caller:call") for _ in range(8)]
    assert arrived.wait(TIMEOUT)
    with web_server({"/": lambda visit: visit.reply(200, b"quick")}) as quick:
        assert runtime.call(READ, {"url": entry(quick)}).status == 200
    for job in jobs:
        job.cancel()
