"""What the log keeps of calls: as it is, or sealed where there may be a secret in it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from tests.support.secret_calls import calls_of, install_calls, run_calls
from tests.support.waiting import eventually

from perdure.actors.operations import OperationFailed
from perdure.runtime import Runtime
from perdure.runtime.errors import OperationError
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, Sensitive, action, operation_of, query
from perdure.runtime.secrets.errors import NeverSealed
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.events import (
    CALLS_STREAM,
    ActionAnswered,
    BlobRef,
    CallEvent,
    Inline,
    OperationAnswered,
    Recorded,
    Sealed,
)

S = "s3cret"
MASK = "[sensitive]"


class Ask(msgspec.Struct, kw_only=True):
    name: str = ""
    token: Annotated[str, Sensitive] = ""
    how: str = "echo"


class Plain(msgspec.Struct):
    name: str = ""


class Operations:
    """Handlers that are given secrets, and one that is not."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.ran = 0

    def do(self, request: Ask) -> Ask:
        self.ran += 1
        if request.how == "refuse":
            raise OperationFailed("not_found", f"no {request.token}")
        if request.how == "break":
            try:
                raise KeyError(request.token)
            except KeyError as error:
                raise ValueError(f"bad {request.token}") from error
        if request.how == "exit":
            raise SystemExit(request.token)
        return request

    @action("test.act", effect=Effect.TRANSACTIONAL)
    def act(self, context: CallContext, request: Ask) -> Ask:
        """Act."""
        return self.do(request)

    @action("test.late", effect=Effect.TRANSACTIONAL, timeout=0.1)
    def late(self, context: CallContext, request: Ask) -> Ask:
        """Act, not in time."""
        self.over.wait(20)
        return request

    @query("test.ask")
    async def ask(self, context: CallContext, request: Ask) -> Ask:
        """Ask."""
        await asyncio.sleep(0)
        return self.do(request)

    @action("test.take", effect=Effect.IDEMPOTENT)
    def take(self, context: CallContext, request: Ask) -> Plain:
        """Take a secret, give none."""
        return Plain(self.do(request).name)

    @query("test.give")
    def give(self, context: CallContext, request: Plain) -> Ask:
        """Take no secret, give one."""
        return Ask(name=request.name, token=S)

    @query("test.whole", sensitive=True)
    def whole(self, context: CallContext, request: Plain) -> Plain:
        """All of it is secret."""
        return request

    @query("test.plain")
    def plain(self, context: CallContext, request: Plain) -> Plain:
        """None of it is secret."""
        return request


@pytest.fixture
def operations() -> Iterator[Operations]:
    operations = Operations()
    yield operations
    operations.over.set()


@pytest.fixture
def runtime(tmp_path: Path, operations: Operations) -> Iterator[Runtime]:
    with Runtime.open(tmp_path / "data") as runtime:
        register(runtime, operations)
        yield runtime
        operations.over.set()


def register(runtime: Runtime, operations: Operations) -> None:
    runtime.operations.register(
        operations.act,
        operations.late,
        operations.ask,
        operations.take,
        operations.give,
        operations.whole,
        operations.plain,
    )


def guest_call(
    runtime: Runtime, folder: Path, method: str, payload: bytes, **permissions: Any
) -> OperationAnswered | ActionAnswered:
    """What a guest's call left in the log."""
    install_calls(runtime, folder, (method, payload), **permissions)
    (event,) = calls_of(run_calls(runtime))
    return event


def shown(recorded: Recorded) -> Any:
    assert isinstance(recorded, Sealed), recorded
    assert S.encode() not in msgspec.msgpack.encode(recorded)
    return json.loads(recorded.shown)


def opened(runtime: Runtime, recorded: Recorded) -> bytes:
    return open_recorded(runtime.keychain, runtime.store.blobs, recorded)


def json_of(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize("method", ["action:test.act", "query:test.ask", "query:test.ask.v1"])
def test_secret_fields_are_sealed(runtime: Runtime, tmp_path: Path, method: str) -> None:
    payload = b'{"token" : "s3cret",   "name":"n"}'
    event = guest_call(runtime, tmp_path, method, payload)
    assert shown(event.payload) == {"name": "n", "token": MASK}
    assert shown(event.answer) == {"name": "n", "token": MASK, "how": "echo"}
    assert opened(runtime, event.payload) == payload
    assert json.loads(opened(runtime, event.answer)) == {"name": "n", "token": S, "how": "echo"}


def test_only_the_side_with_secrets_is_sealed(runtime: Runtime, tmp_path: Path) -> None:
    taken = guest_call(runtime, tmp_path, "action:test.take", json_of(name="n", token=S))
    assert shown(taken.payload) == {"name": "n", "token": MASK}
    assert taken.answer == Inline(b'{"name":"n"}')
    given = guest_call(runtime, tmp_path, "query:test.give", json_of(name="n"))
    assert given.payload == Inline(b'{"name": "n"}')
    assert shown(given.answer) == {"name": "n", "token": MASK, "how": "echo"}


def test_a_whole_operation(runtime: Runtime, tmp_path: Path) -> None:
    event = guest_call(runtime, tmp_path, "query:test.whole", json_of(name=S))
    assert (shown(event.payload), shown(event.answer)) == (MASK, MASK)
    assert json.loads(opened(runtime, event.answer)) == {"name": S}


def test_operations_without_secrets_are_recorded_as_they_are(runtime: Runtime, tmp_path: Path) -> None:
    event = guest_call(runtime, tmp_path, "query:test.plain", json_of(name="n"))
    assert (event.payload, event.answer) == (Inline(b'{"name": "n"}'), Inline(b'{"name":"n"}'))
    assert not (tmp_path / "data" / "keys").exists()
    assert operation_of(Operations().plain).secrets is None


def test_large_ones_are_sealed_blobs(runtime: Runtime, tmp_path: Path) -> None:
    runtime.call("query:test.ask", Ask(token=S * 20_000))
    eventually(lambda: runtime.store.head(CALLS_STREAM))
    (stored,) = runtime.store.read(CALLS_STREAM)
    assert isinstance(stored.event, CallEvent)
    payload = stored.event.payload
    assert isinstance(payload, Sealed)
    assert isinstance(payload.data, BlobRef)
    assert json.loads(opened(runtime, payload))["token"] == S * 20_000
    assert not any(S.encode() in path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())


# --- refused, malformed, unknown --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["action:test.atc", "query:nothing", "action:test.act.v2", "no name", ""])
def test_an_unknown_method_is_sealed_as_a_whole(runtime: Runtime, tmp_path: Path, method: str) -> None:
    event = guest_call(runtime, tmp_path, method, json_of(token=S))
    assert event.code == "unknown_method"
    assert shown(event.payload) == MASK
    assert opened(runtime, event.payload) == json_of(token=S)
    assert isinstance(event.answer, Inline)


@pytest.mark.parametrize(
    ("methods", "code", "method"),
    [
        (["query:other"], "permission_denied", "action:test.act"),
        (["query:other"], "permission_denied", "action:test.atc"),
    ],
)
def test_a_refused_call_is_sealed(
    runtime: Runtime, tmp_path: Path, methods: list[str], code: str, method: str, operations: Operations
) -> None:
    event = guest_call(runtime, tmp_path, method, json_of(name="n", token=S), methods=methods)
    assert event.code == code
    assert shown(event.payload) == ({"name": "n", "token": MASK} if method == "action:test.act" else MASK)
    assert isinstance(event.answer, Inline)  # the host's own words
    assert operations.ran == 0


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"s3cret",
        b'{"token": "s3cret"',
        b'{"token": "s3cret", "name": 5}',
        b'{"token": ["s3cret"]}',
        b'{"token": "s3cret", "name": {"s3cret": "s3cret"}}',
    ],
)
def test_a_payload_that_does_not_fit_is_sealed_as_a_whole(runtime: Runtime, tmp_path: Path, payload: bytes) -> None:
    event = guest_call(runtime, tmp_path, "action:test.act", payload)
    assert event.code == "invalid_payload"
    assert shown(event.payload) == MASK
    assert isinstance(event.answer, Inline)
    assert b"s3cret" not in event.answer.data


def test_bytes_that_are_no_text_are_sealed_too(runtime: Runtime) -> None:
    payload = b'{"token": "s3cret\xff"}'  # a guest's are refused before they are a call
    with pytest.raises(OperationError) as caught:
        runtime.call("query:test.ask", payload)
    assert caught.value.code == "invalid_payload"
    eventually(lambda: runtime.store.head(CALLS_STREAM))
    (stored,) = runtime.store.read(CALLS_STREAM)
    assert isinstance(stored.event, CallEvent)
    assert shown(stored.event.payload) == MASK
    assert opened(runtime, stored.event.payload) == payload


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["action:test.act", "query:test.ask"])
def test_the_words_of_a_handler_that_refuses_are_sealed(runtime: Runtime, tmp_path: Path, method: str) -> None:
    event = guest_call(runtime, tmp_path, method, json_of(token=S, how="refuse"))
    assert event.code == "not_found"
    assert shown(event.answer) == {"error": MASK, "code": "not_found"}
    assert json.loads(opened(runtime, event.answer)) == {"error": "no s3cret", "code": "not_found"}


@pytest.mark.parametrize("how", ["break", "exit"])
@pytest.mark.parametrize("method", ["action:test.act", "query:test.ask"])
def test_the_hosts_log_says_where_a_handler_broke_and_no_values(
    runtime: Runtime, tmp_path: Path, method: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    if how == "exit" and method == "query:test.ask":
        how = "break"  # a SystemExit ends an event loop, whoever raised it
    event = guest_call(runtime, tmp_path, method, json_of(token=S, how=how))
    assert event.code == "failed"
    assert json.loads(opened(runtime, event.answer))["error"] == "the operation failed on the host"
    assert "s3cret" not in caplog.text
    assert "test_recording.py" in caplog.text
    assert ("ValueError" in caplog.text and "KeyError" in caplog.text) or "SystemExit" in caplog.text


def test_a_handler_that_is_late(runtime: Runtime, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    event = guest_call(runtime, tmp_path, "action:test.late", json_of(token=S))
    assert event.code == "failed"
    assert shown(event.payload) == {"token": MASK}
    assert "s3cret" not in caplog.text


# --- without keys -----------------------------------------------------------------------------------------------------


def test_without_keys_calls_with_secrets_do_not_run(
    runtime: Runtime, tmp_path: Path, operations: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    guest_call(runtime, tmp_path, "query:nothing", b"{}")
    runtime.close()
    (tmp_path / "data" / "keys").chmod(0o700)
    master = tmp_path / "data" / "keys" / "master"
    master.write_bytes(b"rubbish")
    for file in (tmp_path / "data" / "keys").glob("extension-*"):
        file.unlink()
    with Runtime.open(tmp_path / "data") as again:
        register(again, operations)
        event = guest_call(again, tmp_path, "action:test.act", json_of(token=S))
        assert event.code == "unavailable"
        assert operations.ran == 0
        unknown = guest_call(again, tmp_path, "query:nothing", json_of(token=S))
        for recorded in (event.payload, unknown.payload):
            assert isinstance(recorded, Sealed)
            with pytest.raises(NeverSealed):
                opened(again, recorded)
        assert guest_call(again, tmp_path, "query:test.plain", b"{}").code == ""
    assert "restore it from a backup" in caplog.text
    assert caplog.text.count("calls with secrets are refused") == 1


def test_the_host_hears_what_it_may(runtime: Runtime) -> None:
    with pytest.raises(OperationError, match="no s3cret"):
        runtime.call("query:test.ask", Ask(token=S, how="refuse"))
    with pytest.raises(OperationError) as caught:
        runtime.call("query:test.ask", b'{"token": "s3cret", "name": 5}')
    assert "s3cret" not in str(caught.value)
    assert "$.name" in str(caught.value)
