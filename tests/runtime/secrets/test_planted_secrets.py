"""Secrets are planted on every path there is; afterwards nothing that a runtime leaves behind may hold one of them.

Searched: the whole data folder, the host's log at its lowest level, metrics, exports, what the command line prints. For
each secret as it is, in hexadecimal, in UTF-16, and in base64 wherever it may stand in what was encoded.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec
import pytest
from tests.support.command_line import CommandLine
from tests.support.manual_clock import ManualClock
from tests.support.secret_calls import calls_of, install_calls, run_calls
from tests.support.waiting import eventually
from tests.support.web_server import Authority, Visit, WebServer, web_server

from perdure.actors.operations import OperationFailed
from perdure.metrics import PrometheusHooks, render
from perdure.runtime import Runtime, RuntimeSettings
from perdure.runtime.errors import OperationError
from perdure.runtime.http.settings import HttpSettings
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, Sensitive, action
from perdure.runtime.secrets.errors import KeyDestroyed
from perdure.runtime.secrets.sealing import open_recorded
from perdure.store.events import CALLS_STREAM, CallEvent, Sealed

STORE, GET, DELETE = "action:credentials.store", "query:credentials.get", "action:credentials.delete"
CALLS: Final = 9  # of the guest


class Planted:
    """Secrets, each made once for one path."""

    def __init__(self) -> None:
        self.by_path: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        return self.by_path.setdefault(path, f"{uuid4().hex}{uuid4().hex}")

    def found_in(self, place: str, data: bytes) -> list[str]:
        """``place: path (form)`` for each secret in ``data``."""
        return [
            f"{place}: {path} ({form})"
            for path, secret in self.by_path.items()
            for form, pattern in forms(secret)
            if pattern in data
        ]


def forms(secret: str) -> Iterator[tuple[str, bytes]]:
    raw = secret.encode()
    yield "as it is", raw
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    yield "UTF-16", secret.encode("utf-16-le")
    yield "UTF-16 BE", secret.encode("utf-16-be")
    yield "backwards", raw[::-1]
    for shift in range(3):
        # What base64 makes of the secret with so many bytes before it, without what depends on its neighbours.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield "base64", encode(bytes(shift) + raw)[4:-4]


class Given(msgspec.Struct):
    token: Annotated[str, Sensitive]
    how: str


class Kept(msgspec.Struct):
    token: Annotated[str, Sensitive]


class Handlers:
    """An embedder's own operation, which can fail in many ways."""

    def __init__(self) -> None:
        self.over = threading.Event()

    @action("test.act", effect=Effect.TRANSACTIONAL)
    def act(self, context: CallContext, request: Given) -> Kept:
        """Act."""
        if request.how == "break":
            raise RuntimeError(request.token)
        if request.how == "refuse":
            raise OperationFailed("failed", request.token)
        return Kept(request.token)

    @action("test.late", effect=Effect.TRANSACTIONAL, timeout=0.1)
    def late(self, context: CallContext, request: Given) -> Kept:
        """Act, not in time."""
        self.over.wait(20)
        return Kept(request.token)


@pytest.fixture
def server(tmp_path: Path, planted: Planted) -> Iterator[WebServer]:
    def token(visit: Visit) -> None:
        form = parse_qs(visit.seen.body.decode())
        if form["refresh_token"] == [planted("refresh, revoked")]:
            visit.reply(400, json.dumps({"error": "invalid_grant", "error_description": planted("endpoint")}).encode())
            return
        answer = {
            "access_token": planted("access, granted"),
            "refresh_token": planted("refresh, granted"),
            "expires_in": 3600,
        }
        visit.reply(200, json.dumps(answer).encode())

    def echo(visit: Visit) -> None:
        visit.reply(200, planted("http body, answered").encode(), ("X-Token", planted("http header, answered")))

    with web_server({"/token": token, "/echo": echo}, Authority(tmp_path).server_context("127.0.0.1")) as server:
        yield server


@pytest.fixture
def planted() -> Planted:
    return Planted()


def oauth(planted: Planted, server: WebServer, kind: str) -> dict[str, Any]:
    return {
        "type": "oauth2",
        "access_token": planted(f"access, {kind}"),
        "refresh_token": planted(f"refresh, {kind}"),
        "client_id": "client",
        "client_secret": planted("client"),
        "expires_at": 1,
        "token_url": f"https://127.0.0.1:{server.port}/token",
    }


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def guest_calls(planted: Planted, server: WebServer) -> list[tuple[str, bytes]]:
    return [
        (STORE, body(name="key", credential={"type": "api_key", "key": planted("guest, stored")})),
        (GET, body(name="key")),
        (STORE, body(name="key", credential={"type": "api_key", "kye": planted("guest, misspelt")})),
        (STORE, b'{"name": "key", "credential": {"type": "' + planted("guest, cut off").encode()),
        ("action:credentials.stroe", body(name="key", credential={"key": planted("guest, unknown method")})),
        ("action:test.act", body(token=planted("guest, exception"), how="break")),
        ("action:test.late", body(token=planted("guest, late"), how="late")),
        (
            "query:http.request",
            body(
                url=f"https://127.0.0.1:{server.port}/echo?key={planted('http query')}",
                headers={"Authorization": f"Bearer {planted('http header')}"},
            ),
        ),
        (
            "action:http.request",
            body(method="POST", url=f"https://127.0.0.1:{server.port}/nowhere", body=planted("http body"), headers={}),
        ),
    ]


def refused(runtime: Runtime, method: str, request: object, **options: Any) -> str:
    with pytest.raises(OperationError) as caught:
        runtime.call(method, request, **options)
    return f"{caught.value.code} {caught.value}"


def host_calls(runtime: Runtime, planted: Planted, server: WebServer) -> list[str]:
    """Make the host's calls; returns what the refused ones said."""
    said = []
    notes: dict[str, Any] = {"extension": "notes"}
    basic = {"type": "basic", "username": "u", "password": planted("host, stored")}
    runtime.call(STORE, {"name": "basic", "credential": basic}, **notes)
    runtime.call(GET, {"name": "basic"}, **notes)
    runtime.call(STORE, {"name": "good", "credential": oauth(planted, server, "old")}, **notes)
    got = runtime.call(GET, {"name": "good"}, **notes).credential
    assert got.access_token == planted("access, granted")
    runtime.call(STORE, {"name": "bad", "credential": oauth(planted, server, "revoked")}, **notes)
    said.append(refused(runtime, GET, {"name": "bad"}, **notes))
    said.append(refused(runtime, STORE, {"name": 5, "credential": {"key": planted("host, malformed")}}, **notes))
    said.append(refused(runtime, "action:nothing", {"key": planted("host, unknown method")}))
    said.append(refused(runtime, "action:test.act", {"token": planted("host, exception"), "how": "break"}))
    denied = {"name": "one", "credential": {"type": "api_key", "key": planted("host, denied")}}
    said.append(refused(runtime, STORE, denied, extension="denied"))
    # What a handler chose to say is its caller's; it is sealed in the log all the same.
    assert planted("refused") in refused(runtime, "action:test.act", {"token": planted("refused"), "how": "refuse"})
    return said


def test_no_planted_secret_is_left_anywhere(
    tmp_path: Path, server: WebServer, planted: Planted, caplog: pytest.LogCaptureFixture, perdure: CommandLine
) -> None:
    caplog.set_level(logging.NOTSET)
    logging.getLogger().setLevel(logging.NOTSET)
    settings = RuntimeSettings(
        http=HttpSettings(private_networks=("127.0.0.0/8",), ca_file=str(tmp_path / "authority.pem")),
    )
    handlers, hooks = Handlers(), PrometheusHooks()
    left: dict[str, bytes] = {}
    with Runtime.open(perdure.data, settings=settings, hooks=hooks) as runtime:
        runtime.operations.register(handlers.act, handlers.late)
        reach = [f"127.0.0.1:{server.port}"]
        install_calls(runtime, tmp_path, *guest_calls(planted, server), network_access=reach)
        install_calls(runtime, tmp_path, extension="denied", methods=["query:test.ping"])
        job = run_calls(runtime)
        left["what callers were told"] = "\n".join(host_calls(runtime, planted, server)).encode()
        assert [call.code for call in calls_of(job)] == [
            "",
            "",
            "invalid_payload",
            "invalid_payload",
            "unknown_method",
            "failed",
            "failed",
            "",
            "",
        ]
        left["metrics"] = render(hooks.registry)[0]
        handlers.over.set()
    assert {seen.path.partition("?")[0] for seen in server.seen} == {"/token", "/echo", "/nowhere"}
    job_id = str(job.job_id)
    for words in (
        ("log", "history", job_id),
        ("log", "tail", "--no-follow", "--from", "1"),
        ("log", "export"),
        ("log", "check"),
        ("jobs", "show", job_id),
        ("jobs", "list"),
        ("doctor",),
        ("extensions", "permissions", "notes"),
        ("keys", "rotate"),
    ):
        for form in ((), ("--json",), ("--debug",)):
            answer = perdure(*words, *form)
            left[f"perdure {' '.join((*words, *form))}"] = (answer.out + answer.err).encode()
    left["the host's log"] = caplog.text.encode()
    left["log records"] = "\n".join(repr(record.__dict__) for record in caplog.records).encode()
    assert b"RuntimeError" in left["the host's log"]
    assert b"[sensitive]" in left["perdure log export"]
    for path in (path for path in perdure.data.rglob("*") if path.is_file()):
        left[str(path.relative_to(perdure.data))] = path.read_bytes()
    assert {"log/data.mdb", "keys/master"} <= left.keys()
    assert len(planted.by_path) >= 20
    assert [hit for place, data in left.items() for hit in planted.found_in(place, data)] == []


def test_the_search_would_find_them(planted: Planted) -> None:
    secret = planted("one").encode()
    for number, data in enumerate(
        (
            secret,
            secret.hex().encode(),
            base64.b64encode(b"x" * 7 + secret + b"yz"),
            base64.b64encode(b'{"token": "' + secret + b'"}'),
            planted("one").encode("utf-16"),
        )
    ):
        assert planted.found_in("here", b"before" + data + b"after"), number
    assert planted.found_in("here", base64.b64encode(uuid4().hex.encode())) == []


def test_after_all_is_deleted_nothing_can_be_opened_and_all_is_listed(
    tmp_path: Path, server: WebServer, planted: Planted, clock: ManualClock
) -> None:
    settings = RuntimeSettings(
        http=HttpSettings(private_networks=("127.0.0.0/8",), ca_file=str(tmp_path / "authority.pem"))
    )
    with Runtime.open(tmp_path / "data", settings=settings, clock=clock) as runtime:
        install_calls(runtime, tmp_path, network_access=[f"127.0.0.1:{server.port}"])
        good = oauth(planted, server, "old")
        runtime.call(STORE, {"name": "good", "credential": good}, extension="notes")
        runtime.call(GET, {"name": "good"}, extension="notes")
        runtime.call(DELETE, {"name": "good"}, extension="notes")
        eventually(lambda: len(list(runtime.store.read(CALLS_STREAM))) == 4)
        events = [stored.event for stored in runtime.store.read(CALLS_STREAM)]
        methods = [event.method for event in events if isinstance(event, CallEvent)]
        assert methods == [STORE, "action:credentials.refresh", GET, DELETE]
        sealed = [
            side
            for event in events
            if isinstance(event, CallEvent)
            for side in (event.payload, event.answer)
            if isinstance(side, Sealed)
        ]
        assert len(sealed) == 2
        for side in sealed:
            assert b"[sensitive]" in side.shown
            with pytest.raises(KeyDestroyed):
                open_recorded(runtime.keychain, runtime.store.blobs, side)
        # The rows that the refresh and the store wrote are in the log for ever, and sealed with the same key.
        assert runtime.keychain.credential_keys() == []
