"""A token that is about to expire is refreshed at a real server: once, durably, and only where it may go."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.runtime.credentials.test_credentials import GET, STORE, delete, get, host_calls, plain, refusal, store
from tests.support.manual_clock import ManualClock
from tests.support.secret_calls import install_calls
from tests.support.waiting import eventually
from tests.support.web_server import Authority, Visit, WebServer, web_server

from perdure.runtime import Runtime, RuntimeSettings
from perdure.runtime.errors import OperationError
from perdure.runtime.http.settings import HttpSettings
from perdure.store.events import Inline, Sealed

REFRESH = "action:credentials.refresh"
LOCAL = ("127.0.0.0/8",)


class TokenServer:
    """Grants tokens a1, a2, … for the last refresh token it gave; ``answer`` may say something else."""

    def __init__(self) -> None:
        self.granted = 0
        self.lifetime: Any = 3600
        self.answer: Callable[[Visit], None] | None = None
        self.server: WebServer | None = None

    def page(self, visit: Visit) -> None:
        if self.answer is not None:
            self.answer(visit)
            return
        form = {name: values[0] for name, values in parse_qs(visit.seen.body.decode()).items()}
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != f"r{self.granted}":
            visit.reply(400, b'{"error": "invalid_grant", "error_description": "of r%d"}' % self.granted)
            return
        self.granted += 1
        token = {"access_token": f"a{self.granted}", "refresh_token": f"r{self.granted}", "expires_in": self.lifetime}
        visit.reply(200, json.dumps(token).encode(), ("Content-Type", "application/json"))

    @property
    def seen(self) -> int:
        assert self.server is not None
        return len(self.server.seen)


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[TokenServer]:
    tokens = TokenServer()
    with web_server({"/token": tokens.page}, Authority(tmp_path).server_context("127.0.0.1")) as server:
        tokens.server = server
        yield tokens


@pytest.fixture
def settings(tmp_path: Path) -> RuntimeSettings:
    return RuntimeSettings(http=HttpSettings(private_networks=LOCAL, ca_file=str(tmp_path / "authority.pem")))


@pytest.fixture
def runtime(tokens: TokenServer, settings: RuntimeSettings, tmp_path: Path, clock: ManualClock) -> Iterator[Runtime]:
    assert tokens.server is not None
    with Runtime.open(tmp_path / "data", clock=clock, settings=settings) as runtime:
        install_calls(runtime, tmp_path, network_access=[f"127.0.0.1:{tokens.server.port}"])
        yield runtime


def token(runtime: Runtime, tokens: TokenServer, seconds: int, **more: Any) -> dict[str, Any]:
    """A token that expires in so many seconds."""
    assert tokens.server is not None
    return {
        "type": "oauth2",
        "access_token": "a0",
        "refresh_token": "r0",
        "expires_at": runtime.clock.now() // 1_000_000 + seconds,
        "token_url": f"https://127.0.0.1:{tokens.server.port}/token",
        "client_id": "client",
        **more,
    }


def test_a_token_is_refreshed_shortly_before_it_expires(
    runtime: Runtime, tokens: TokenServer, clock: ManualClock
) -> None:
    store(runtime, "one", token(runtime, tokens, 3600))
    clock.advance(3600 - 61)
    assert get(runtime, "one")["access_token"] == "a0"
    clock.advance(1)
    assert get(runtime, "one")["access_token"] == "a1"
    assert get(runtime, "one")["access_token"] == "a1"
    assert tokens.seen == 1
    clock.advance(3600)
    got = get(runtime, "one")
    assert (got["access_token"], got["refresh_token"]) == ("a2", "r2")
    assert got["expires_at"] == clock.now() // 1_000_000 + 3600
    clock.advance(10_000)
    assert get(runtime, "one")["access_token"] == "a3"


def test_a_refresh_is_recorded_as_an_action_of_the_host(runtime: Runtime, tokens: TokenServer) -> None:
    store(runtime, "one", token(runtime, tokens, 10))
    get(runtime, "one")
    eventually(lambda: len(host_calls(runtime)) == 3)  # what a query leaves is on disk a moment later
    refresh, got = host_calls(runtime)[-2:]
    assert (refresh.method, refresh.caller, refresh.extension, refresh.code) == (REFRESH, "credentials", None, "")
    assert (got.method, got.code) == (GET, "")
    expires_at = runtime.clock.now() // 1_000_000 + 3600
    assert refresh.answer == Inline(b'{"refreshed":true,"expires_at":%d}' % expires_at)
    assert isinstance(got.answer, Sealed)


def test_a_refreshed_token_is_there_after_a_restart(
    runtime: Runtime, tokens: TokenServer, settings: RuntimeSettings, tmp_path: Path, clock: ManualClock
) -> None:
    store(runtime, "one", token(runtime, tokens, 10))
    get(runtime, "one")
    runtime.close()
    with Runtime.open(tmp_path / "data", clock=clock, settings=settings) as again:
        assert get(again, "one")["refresh_token"] == "r1"
        clock.advance(4000)
        assert get(again, "one")["access_token"] == "a2"


def test_many_who_ask_at_once_cause_one_refresh(runtime: Runtime, tokens: TokenServer) -> None:
    store(runtime, "one", token(runtime, tokens, 10))
    go = threading.Event()
    plain_answer = tokens.page

    def slowly(visit: Visit) -> None:
        go.wait(20)
        tokens.answer = None
        plain_answer(visit)

    tokens.answer = slowly
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(get, runtime, "one") for _ in range(8)]
        asked += [pool.submit(runtime.call, REFRESH, {"name": "one"}, extension="notes")]
        eventually(lambda: tokens.seen)
        go.set()
        found = [future.result(20) for future in asked[:8]]
        asked[8].result(20)
    assert {one["access_token"] for one in found} == {"a1"}
    assert tokens.granted == 1
    assert tokens.seen == 1


@pytest.mark.parametrize("lifetime", [0, 30, "1800", 1e9, None, -5])
def test_lifetimes(runtime: Runtime, tokens: TokenServer, lifetime: Any, clock: ManualClock) -> None:
    tokens.lifetime = lifetime
    store(runtime, "one", token(runtime, tokens, 10))
    got = get(runtime, "one")
    assert got["access_token"] == "a1"
    assert tokens.seen == 1  # also if it is due again at once
    if lifetime is None:
        assert "expires_at" not in got


def test_the_client_proves_itself(runtime: Runtime, tokens: TokenServer) -> None:
    assert tokens.server is not None
    store(runtime, "header", token(runtime, tokens, 10, client_secret="s:1&", scopes=["a", "b"]))
    get(runtime, "header")
    seen = tokens.server.seen[-1]
    assert seen.header("authorization") == f"Basic {base64.b64encode(b'client:s%3A1%26').decode()}"
    assert parse_qs(seen.body.decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["r0"],
        "scope": ["a b"],
    }
    tokens.granted = 0
    store(runtime, "body", token(runtime, tokens, 10, client_secret="s:1&", client_auth="body"))
    get(runtime, "body")
    seen = tokens.server.seen[-1]
    assert seen.header("authorization") is None
    assert parse_qs(seen.body.decode())["client_secret"] == ["s:1&"]


def reply(status: int, body: bytes) -> Callable[[Visit], None]:
    return lambda visit: visit.reply(status, body)


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (reply(400, b'{"error": "invalid_grant", "error_description": "s3cret"}'), "failed", "revoked"),
        (reply(401, b'{"error": "invalid_client"}'), "failed", "client"),
        (reply(400, b'{"error": "s3cret"}'), "failed", "400"),
        (reply(403, b"s3cret"), "failed", "403"),
        (reply(400, b'{"error": "temporarily_unavailable"}'), "unavailable", "now"),
        (reply(429, b""), "unavailable", "429"),
        (reply(503, b'{"error": "invalid_grant"}'), "unavailable", "503"),
        (reply(302, b""), "failed", "302"),
        (reply(200, b"<html>s3cret"), "failed", "no token"),
        (reply(200, b'{"access_token": ""}'), "failed", "no token"),
        (reply(200, b'{"access_token": "s3cret", "expires_in": "soon"}'), "failed", "no token"),
        (reply(200, b'{"access_token": "s3cret", "expires_in": "nan"}'), "failed", "no token"),
        (reply(200, b"[" * 10_000), "failed", "no token"),
        (reply(200, b"x" * 300_000), "failed", "more than"),
        (lambda visit: visit.write(b"no http at all\r\n\r\n"), "unavailable", "endpoint"),
    ],
)
def test_endpoints_that_do_not_grant(
    runtime: Runtime, tokens: TokenServer, answer: Callable[[Visit], None], code: str, said: str, clock: ManualClock
) -> None:
    tokens.answer = answer
    store(runtime, "one", token(runtime, tokens, 30))
    assert get(runtime, "one")["access_token"] == "a0"  # it is valid for half a minute yet
    clock.advance(31)
    with pytest.raises(OperationError) as caught:
        get(runtime, "one")
    assert caught.value.code == code
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)
    tokens.answer = None
    assert get(runtime, "one")["access_token"] == "a1"


@pytest.mark.parametrize("missing", ["refresh_token", "token_url"])
def test_a_token_that_cannot_be_refreshed(
    runtime: Runtime, tokens: TokenServer, missing: str, clock: ManualClock
) -> None:
    credential = token(runtime, tokens, 30)
    del credential[missing]
    store(runtime, "one", credential)
    assert get(runtime, "one")["access_token"] == "a0"
    clock.advance(31)
    assert refusal(get, runtime, "one") == "failed"
    assert tokens.seen == 0


@pytest.mark.parametrize("granted", [[], ["example.com"], ["127.0.0.1:1"]])
def test_an_endpoint_that_the_extension_may_not_reach(
    runtime: Runtime, tokens: TokenServer, granted: list[str], tmp_path: Path
) -> None:
    store(runtime, "one", token(runtime, tokens, 0))
    install_calls(runtime, tmp_path, network_access=granted)
    assert refusal(get, runtime, "one") == "permission_denied"
    assert tokens.seen == 0


def test_a_private_address_that_the_embedder_does_not_open(
    tokens: TokenServer, tmp_path: Path, clock: ManualClock
) -> None:
    assert tokens.server is not None
    with Runtime.open(tmp_path / "data", clock=clock) as runtime:
        install_calls(runtime, tmp_path, network_access=[f"127.0.0.1:{tokens.server.port}"])
        store(runtime, "one", token(runtime, tokens, 0))
        assert refusal(get, runtime, "one") == "permission_denied"
    assert tokens.seen == 0


def test_a_certificate_that_nobody_trusts(tokens: TokenServer, tmp_path: Path, clock: ManualClock) -> None:
    assert tokens.server is not None
    settings = RuntimeSettings(http=HttpSettings(private_networks=LOCAL))
    with Runtime.open(tmp_path / "data", clock=clock, settings=settings) as runtime:
        install_calls(runtime, tmp_path, network_access=[f"127.0.0.1:{tokens.server.port}"])
        store(runtime, "one", token(runtime, tokens, 0))
        assert refusal(get, runtime, "one") == "unavailable"
    assert tokens.seen == 0


def test_a_credential_that_is_stored_during_a_refresh_is_kept(runtime: Runtime, tokens: TokenServer) -> None:
    store(runtime, "one", token(runtime, tokens, 10))

    def meanwhile(visit: Visit) -> None:
        tokens.answer = None
        request = {"name": "one", "credential": {"type": "api_key", "key": "new"}, "extension": "notes"}
        runtime.call(STORE, request)
        tokens.page(visit)

    tokens.answer = meanwhile
    assert plain(runtime.call(GET, {"name": "one"}, extension="notes").credential) == {"type": "api_key", "key": "new"}


def test_a_credential_that_is_deleted_during_a_refresh_is_gone(runtime: Runtime, tokens: TokenServer) -> None:
    store(runtime, "one", token(runtime, tokens, 0))

    def meanwhile(visit: Visit) -> None:
        delete(runtime, "one")
        tokens.answer = None
        tokens.page(visit)

    tokens.answer = meanwhile
    assert refusal(get, runtime, "one") == "not_found"
    assert runtime.store.rows(b"credentials\0") == []


def test_an_extension_may_refresh_its_own(runtime: Runtime, tokens: TokenServer) -> None:
    store(runtime, "early", token(runtime, tokens, 3600))
    answer = runtime.call(REFRESH, {"name": "early"}, extension="notes")
    assert (answer.refreshed, answer.expires_at) == (False, runtime.clock.now() // 1_000_000 + 3600)
    store(runtime, "late", token(runtime, tokens, 10))
    assert runtime.call(REFRESH, {"name": "late"}, extension="notes").refreshed
    store(runtime, "key", {"type": "api_key", "key": "k"})
    assert not runtime.call(REFRESH, {"name": "key"}, extension="notes").refreshed
    assert refusal(runtime.call, REFRESH, {"name": "none"}, extension="notes") == "not_found"
