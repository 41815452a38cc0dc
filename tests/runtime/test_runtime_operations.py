"""``query:test.ping`` from a guest to Python and back, and every way in which it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.support.extension_folders import write_extension
from tests.support.job_events import plain
from tests.support.job_history import events_of, store_of
from tests.support.manual_clock import ManualClock
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT
from tests.support.wat import LIBRARY_ID, repeat

from perdure.runtime import JobHandle, Runtime, Status, grant_as_asked
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.store import load_payload
from perdure.store.events import ActionAnswered, LogWritten, OperationAnswered

PING = {"methods": ["query:test.ping"]}
HELLO = '{"message": "hello"}'


def caller(folder: Path, method: str | bytes, payload: str | bytes, library: bool = False, times: int = 1) -> Path:
    """An extension whose job ``call`` makes the call and logs the answer's text, which ends with a NUL."""
    wat = RuntimeWat(memory="4")
    call = wat.operation(method, payload, wat.library_id if library else 0)
    wat.job(
        "call",
        repeat(
            times,
            f"""(local.set $p {call})
              (local.set $q (local.get $p))
              (loop $seek
                (local.set $q (i32.add (local.get $q) (i32.const 1)))
                (br_if $seek (i32.load8_u (local.get $q))))
              {wat.call("spacedrive_log", 1, "(local.get $p)", "(i32.sub (local.get $q) (local.get $p))")}""",
        )
        + "(i32.const 0)",
    )
    return write_extension(folder / "caller", wat.module(), extension="caller")


def grant(folder: Path, **permissions: Any) -> Path:
    """Write the extension's permissions."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "permissions": permissions}))
    return folder


class Nothing(msgspec.Struct):
    pass


def answers(
    job: JobHandle, answered: type[OperationAnswered | ActionAnswered] = OperationAnswered
) -> list[dict[str, Any]]:
    """What the guest was answered, as it read it, which is what is recorded."""
    assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
    read = [event.message.encode() for event in events_of(job, LogWritten)]
    blobs = store_of(job).blobs
    assert [load_payload(blobs, plain(event.answer)) for event in events_of(job, answered)] == read
    return [json.loads(text) for text in read]


def answer(runtime: Runtime, folder: Path) -> dict[str, Any]:
    runtime.install(folder)
    job = runtime.dispatch("caller:call")
    (only,) = answers(job)
    (event,) = events_of(job, OperationAnswered)
    assert event.code == only.get("code", "")
    return only


@pytest.mark.parametrize("method", ["query:test.ping", "query:test.ping.v1", "query:test.ping.input.v1"])
@pytest.mark.parametrize(
    "granted", ["query:test.ping", "query:", "query:test.", "*", "query:test.ping.v1", "query:te*"]
)
def test_a_ping_that_is_allowed(runtime: Runtime, tmp_path: Path, method: str, granted: str) -> None:
    folder = grant(caller(tmp_path, method, HELLO), methods=[granted])
    assert answer(runtime, folder) == {"echo": "Pong: hello", "count": 1, "extension_works": True}


def test_a_count_comes_back(runtime: Runtime, tmp_path: Path) -> None:
    folder = grant(caller(tmp_path, "query:test.ping", '{"message": "é\\u0000", "count": 7}'), **PING)
    assert answer(runtime, folder) == {"echo": "Pong: é\0", "count": 7, "extension_works": True}


@pytest.mark.parametrize("granted", [[], ["query:test.pin"], ["action:*"], ["query:test.ping.v2"], ["query:ai."]])
def test_a_ping_that_is_not_allowed(runtime: Runtime, tmp_path: Path, granted: list[str]) -> None:
    refused = answer(runtime, grant(caller(tmp_path, "query:test.ping", HELLO), methods=granted))
    assert refused["code"] == "permission_denied"
    assert "query:test.ping" in refused["error"]


def test_a_library_that_is_not_allowed(runtime: Runtime, tmp_path: Path) -> None:
    folder = caller(tmp_path, "query:test.ping", HELLO, library=True)
    refused = answer(runtime, grant(folder, **PING, libraries=[str(UUID(int=0))]))
    assert refused["code"] == "library_denied"
    assert str(LIBRARY_ID) in refused["error"]


def test_a_library_is_the_jobs_own_unless_it_is_named(runtime: Runtime, tmp_path: Path) -> None:
    seen: list[CallContext] = []

    @action("test.look", effect=Effect.IDEMPOTENT)
    def look(context: CallContext, request: Nothing) -> Nothing:
        """Look who calls."""
        seen.append(context)
        return request

    runtime.operations.register(look)
    own = UUID(int=5)
    for library in (False, True):
        folder = grant(caller(tmp_path, "action:test.look", "{}", library), methods=["action:"])
        runtime.install(folder)
        answers(runtime.dispatch("caller:call", library_id=own), ActionAnswered)
    assert [(context.extension, context.library_id) for context in seen] == [("caller", own), ("caller", LIBRARY_ID)]


def test_more_calls_than_the_manifest_allows(tmp_path: Path) -> None:
    clock = ManualClock()
    limits = {"requests_per_minute": 3}
    with Runtime.open(tmp_path / "data", clock=clock, consent=grant_as_asked) as runtime:
        runtime.install(grant(caller(tmp_path, "query:test.ping", HELLO, times=5), **PING, rate_limits=limits))
        first = answers(runtime.dispatch("caller:call"))
        assert [one.get("code") for one in first] == [None, None, None, "rate_limited", "rate_limited"]
        assert first[-1]["error"] == "more than 3 requests a minute; try again in 60000 ms"
        assert first[-1]["retry_after_ms"] == 60_000
        assert runtime.rate_limit_remaining() == {"caller": 0.0}
        clock.advance(40)
        # The limit is the extension's, not a job's; and a reload does not fill it up.
        runtime.reload("caller")
        second = answers(runtime.dispatch("caller:call"))
        assert {one["code"] for one in second} == {"rate_limited"}
        assert second[-1]["retry_after_ms"] == 20_000
        clock.advance(20)
        third = answers(runtime.dispatch("caller:call"))
        assert [one.get("code") for one in third] == [None, None, None, "rate_limited", "rate_limited"]


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("query:test.pong", "unknown_method"),
        ("query:test.ping.v2", "unknown_method"),
        ("action:test.ping", "unknown_method"),
        ("", "unknown_method"),
        ("test.ping", "unknown_method"),
        ("query:test.ping ", "unknown_method"),
        ("query:test.ping\0", "unknown_method"),
        ("QUERY:test.ping", "unknown_method"),
        ("query:" + "x" * 10_000, "unknown_method"),
        (b"query:test.ping\xff", "invalid_payload"),
    ],
)
def test_a_method_that_is_not_there(runtime: Runtime, tmp_path: Path, method: str | bytes, code: str) -> None:
    runtime.install(grant(caller(tmp_path, method, HELLO), methods=["*"]))
    job = runtime.dispatch("caller:call")
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    (logged,) = events_of(job, LogWritten)
    assert json.loads(logged.message)["code"] == code


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"message": 5}',
        '{"message": "hello", "count": -1}',
        '{"message": "hello", "count": 1.5}',
        '{"message": "hello", "count": 4294967296}',
        '{"message": "hello", "count": 1e400}',
        "[" * 20_000,
        '{"message": "\\ud800"}',
        b'{"message": "\xff"}',
        HELLO + HELLO,
    ],
)
def test_a_payload_that_is_not_what_it_must_be(runtime: Runtime, tmp_path: Path, payload: str | bytes) -> None:
    runtime.install(grant(caller(tmp_path, "query:test.ping", payload), **PING))
    job = runtime.dispatch("caller:call")
    assert job.wait(TIMEOUT).status is Status.COMPLETED
    (logged,) = events_of(job, LogWritten)
    refused = json.loads(logged.message)
    assert refused["code"] == "invalid_payload"
    assert refused["error"]


def test_a_large_payload_and_answer_are_blobs(runtime: Runtime, tmp_path: Path) -> None:
    large = "x" * 70_000
    wat = RuntimeWat(memory="8")
    at = 200_000
    text = f'{{"message":"{large}"}}'
    wat.add(f'(data (i32.const {at}) "{text.replace(chr(34), chr(92) + "22")}")')
    method = wat.text("query:test.ping")
    wat.job("call", f"(drop {wat.call('spacedrive_call', method, 0, at, len(text))}) (i32.const 0)")
    folder = write_extension(tmp_path / "caller", wat.module(), extension="caller", permissions=PING)
    runtime.install(folder)
    job = runtime.dispatch("caller:call")
    assert job.wait(TIMEOUT).status is Status.COMPLETED, job.error
    (event,) = events_of(job, OperationAnswered)
    assert json.loads(load_payload(runtime.store.blobs, plain(event.payload)))["message"] == large
    assert json.loads(load_payload(runtime.store.blobs, plain(event.answer)))["echo"] == f"Pong: {large}"


def test_an_operation_that_breaks_tells_the_guest_nothing_of_it(
    runtime: Runtime, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @query("test.breaks")
    def breaks(context: CallContext, request: Nothing) -> Nothing:
        """Fail, by a defect."""
        raise RuntimeError("the secret of /etc/shadow")

    runtime.operations.register(breaks)
    refused = answer(runtime, grant(caller(tmp_path, "query:test.breaks", "{}"), methods=["*"]))
    assert refused["code"] == "failed"
    assert "secret" not in refused["error"]
    assert "the secret of /etc/shadow" in caplog.text
