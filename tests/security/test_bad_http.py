"""Strangers at the server's door: whatever they send, it stays up, takes little memory, and jobs run on."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.raw_http import RawClient, Said, ask
from tests.support.servers import Served
from tests.support.strangers import CLOSE, GET, HOST, bearer
from tests.support.waiting import TIMEOUT

from perdure.api.endpoint import Endpoint
from perdure.api.scopes import Scope
from perdure.api.table import ENDPOINTS
from perdure.runtime import JobHandle
from perdure.server.access.wrong_tokens import BURST
from perdure.server.settings import ServerSettings
from perdure.server.web.protections import PROTECTIONS

# No client of these tests is too slow, however busy the machine is; those who are: test_slow_http.py.
LIMITS: Final = ServerSettings(
    port=0,
    max_body=1 << 20,
    max_bodies=4 << 20,
    header_seconds=TIMEOUT,
    body_seconds=TIMEOUT,
    write_seconds=TIMEOUT,
    idle_seconds=TIMEOUT,
)

pytestmark = pytest.mark.usefixtures("unharmed")


# --- what is no HTTP, or HTTP in two ways -----------------------------------------------------------------------------

MALFORMED: Final = {
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.9": b"GET / HTTP/1.9\r\n" + HOST + b"\r\n",
    "TLS": bytes.fromhex("16030100f1010000ed0303") + bytes(240),
    "NUL": bytes(100),
    "no UTF-8": b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
    "unknown verb": b"FROB /v1/jobs HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT localhost:1 HTTP/1.1\r\n" + HOST + b"\r\n",
    "OPTIONS *": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "a whole URL": b"GET http://evil.example/v1/jobs HTTP/1.1\r\n" + HOST + b"\r\n",
    "no Host": GET + b"\r\n",
    "two Hosts": GET + HOST + HOST + b"\r\n",
    "two tokens": GET + HOST + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
    "two lengths": b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "a list of lengths": b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 1\r\n\r\na",
    "length and chunks": b"POST /v1/jobs HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coded twice": b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coded otherwise": b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n",
    "a signed length": b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\na",
    "a huge length": b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\na",
    "a folded line": GET + HOST + b"A: b\r\n c\r\n\r\n",
    "line feeds alone": b"GET /v1/jobs HTTP/1.1\nHost: localhost\n\n",
    "CR in a name": GET + HOST + b"A\rB: c\r\n\r\n",
    "CR in a value": GET + HOST + b"A: b\rc\r\n\r\n",
    "NUL in a value": GET + HOST + b"A: b\0c\r\n\r\n",
    "a blank before the colon": GET + HOST + b"Content-Length : 0\r\n\r\n",
    "NUL in the path": b"GET /v1/jobs%00 HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_request(port: int, data: bytes) -> None:
    said = ask(port, data)
    assert (said.status, said.problem["code"]) == (400, "Malformed")
    assert said.headers["connection"] == "close"
    for name, value in PROTECTIONS:
        assert said.headers[name.decode()] == value.decode()


@pytest.mark.parametrize(
    "body",
    [b"fffffffffffffffff\r\n", b"1\r\nab\r\n0\r\n\r\n", b"1\na\n0\n\n", b"-1\r\n", b"x\r\n"],
)
def test_broken_chunks(served: Served, port: int, body: bytes) -> None:
    fields = HOST + bearer(served) + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert ask(port, b"POST /v1/jobs HTTP/1.1\r\n" + fields + body).status == 400


def test_what_follows_a_bad_request_is_not_read(served: Served, port: int) -> None:
    good = GET + HOST + bearer(served) + b"\r\n"
    with RawClient(port) as client:
        client.send(good + b"GET / HTTP/1.1\r\nA : b\r\n\r\n" + good)
        answers = client.read_to_end()
    assert answers.count(b"HTTP/1.1 ") == 1
    assert Said(answers).status == 200


def test_fields_behind_a_body_are_nobodys(served: Served, port: int) -> None:
    """A token in a trailer opens nothing, and a name in one changes nothing."""
    head = b"POST /v1/jobs HTTP/1.1\r\n" + HOST + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n"
    assert ask(port, head + b"0\r\n" + bearer(served) + b"Host: evil.example\r\n\r\n").status == 401


@pytest.mark.parametrize("verb", ["HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_verbs_that_nobody_takes(port: int, verb: str) -> None:
    said = ask(port, f"{verb} /v1/operations HTTP/1.1\r\n".encode() + HOST + CLOSE + b"Content-Length: 0\r\n\r\n")
    assert said.status in (401, 405)
    assert "access-control-allow-origin" not in said.headers


def test_another_protocol_is_not_spoken(served: Served, port: int) -> None:
    for wanted in (b"websocket", b"h2c"):
        fields = HOST + bearer(served) + b"Connection: Upgrade\r\nUpgrade: " + wanted + b"\r\n\r\n"
        said = ask(port, GET + fields + b"\x00\x01\x02")
        assert (said.status, said.headers["connection"]) == (200, "close")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=200),
            st.sampled_from(
                [GET, HOST, b"\r\n", b"\r\n\r\n", b"POST / HTTP/1.1\r\n", b"Transfer-Encoding: chunked\r\n"]
            ),
            st.sampled_from([b"Content-Length: 5\r\n", b"0\r\n\r\n", b"Expect: 100-continue\r\n", b"\x16\x03\x01"]),
        ),
        max_size=12,
    )
)
def test_whatever_is_sent(port: int, parts: list[bytes]) -> None:
    with RawClient(port) as client:
        client.send(b"".join(parts))
        with contextlib.suppress(OSError):
            client.socket.shutdown(1)
        answer = client.read_to_end()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b" 500 " not in answer.split(b"\r\n", 1)[0]


# --- too much ---------------------------------------------------------------------------------------------------------


def test_a_large_head(port: int) -> None:
    for data in (GET + HOST + b"A: " + b"x" * (1 << 20), GET + HOST + b"A: b\r\n" * 200 + b"\r\n", b"\r\n" * (1 << 19)):
        said = ask(port, data)
        assert (said.status, said.problem["code"]) == (431, "HeadTooLarge")


def test_a_large_body(served: Served, port: int) -> None:
    head = b"POST /v1/jobs HTTP/1.1\r\n" + HOST + bearer(served) + b"Content-Type: application/json\r\n"
    for rest in (b"Content-Length: 99999999999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n" + b"fffff\r\n" * 2):
        said = ask(port, head + rest + b"x" * (3 << 20))
        assert said.status in (400, 413)


def test_a_body_of_somebody_without_a_token_is_not_kept(port: int) -> None:
    head = b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Content-Length: 900000\r\n\r\n"
    said = ask(port, head + b"x" * 10)
    assert said.status == 401


DEEP: Final = b'{"job_type": "acme:run", "state": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        b"[" * 900_000,
        b'{"job_type": "acme:run", "state": ' + b"9" * 500_000 + b"}",
        b'{"job_type": "acme:run", "state": 1e999999}',
        b'{"job_type": "acme:run", "state": NaN}',
        b'{"job_type": "\xff\xfe"}',
        b'{"job_type": "a\x00b:run"}',
        b'{"job_type": "\\u0000:\\u0000"}',
        b'{"job_type": "\\ud800:run"}',
        b'{"job_type": 1, "job_type": 2}',
        b'{"job_type": "acme:run", "limits": {"fuel": -1}}',
        b'{"job_type": "' + b"a" * 900_000 + b':run"}',
        b"null",
        b"\xef\xbb\xbf{}",
        b"",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_json_that_is_none(served: Served, http: httpx.Client, body: bytes) -> None:
    headers = {**served.headers, "Content-Type": "application/json"}
    answer = http.post("/v1/jobs", content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"


# --- who asks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown",
    [
        *(
            "",
            "Bearer",
            "Bearer ",
            "bearer x",
            "Basic cm9vdDpyb290",
            "Bearer pdr_00000000_" + "A" * 43,
            "Bearer " + "x" * 9000,
        ),
        *("pdr_00000000_" + "A" * 43, "Bearer \xff", "Bearer a b", "Bearer ../../server.token"),
    ],
)
def test_wrong_tokens(port: int, shown: str) -> None:
    said = ask(port, GET + HOST + CLOSE + b"Authorization: " + shown.encode("latin-1") + b"\r\n\r\n")
    assert said.status in (401, 429)
    assert said.problem["code"] in ("Unauthenticated", "TooMany")
    assert said.status == 429 or said.headers["www-authenticate"].startswith("Bearer")


def test_many_wrong_tokens_lock_nobody_out(served: Served, http: httpx.Client) -> None:
    codes = [http.get("/v1/jobs", headers={"Authorization": "Bearer no"}).status_code for _ in range(BURST + 5)]
    assert codes[-1] == 429
    assert http.get("/v1/jobs", headers=served.headers).status_code == 200


def test_a_revoked_token_opens_nothing_at_once(served: Served, http: httpx.Client) -> None:
    issued = served.runtime.issue_token("short", [Scope.READ])
    headers = {"Authorization": f"Bearer {issued.text}"}
    assert http.get("/v1/jobs", headers=headers).status_code == 200
    served.runtime.revoke_token(issued.token.token)
    assert http.get("/v1/jobs", headers=headers).status_code in (401, 429)


def test_each_endpoint_takes_its_scope_only(served: Served, http: httpx.Client) -> None:
    for scope in Scope:
        headers = {"Authorization": f"Bearer {served.runtime.issue_token(f'only {scope}', [scope]).text}"}
        for endpoint in ENDPOINTS:
            if scope not in (endpoint.scope, Scope.ADMIN):
                answer = request_for(http, endpoint, headers)
                assert (answer.status_code, answer.json()["code"]) == (403, "Forbidden"), (endpoint.name, scope)


def test_no_endpoint_is_open_to_everybody(http: httpx.Client) -> None:
    for endpoint in ENDPOINTS:
        answer = request_for(http, endpoint, {})
        assert (answer.status_code, answer.json()["code"]) == (401, "Unauthenticated"), endpoint.name


def request_for(http: httpx.Client, endpoint: Endpoint[Any, Any], headers: dict[str, str]) -> httpx.Response:
    fields = {name: str(uuid4()) if name.endswith("_id") else "1" for name in endpoint.path_fields}
    return http.request(endpoint.verb, endpoint.path.format(**fields), headers=headers)


def test_a_token_for_one_library_and_one_extension(served: Served, http: httpx.Client, job: JobHandle) -> None:
    issue = served.runtime.issue_token
    for issued in (
        issue("a library", [Scope.ADMIN], libraries=[UUID(int=7)]),
        issue("an extension", [Scope.ADMIN], extensions=["other"]),
    ):
        headers = {"Authorization": f"Bearer {issued.text}"}
        assert http.get("/v1/jobs", headers=headers).json()["jobs"] == []
        for verb, path in (("GET", ""), ("POST", "/pause"), ("POST", "/cancel"), ("GET", "/history")):
            answer = http.request(verb, f"/v1/jobs/{job.job_id}{path}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "UnknownJob"), (verb, path)
        assert http.post("/v1/jobs", json={"job_type": "acme:run"}, headers=headers).status_code == 403


# --- from where, and for what -----------------------------------------------------------------------------------------


def test_pages_of_others_and_other_names(served: Served, http: httpx.Client) -> None:
    mine = served.headers
    assert http.get("/v1/jobs", headers={**mine, "Host": "rebound.example"}).status_code == 421
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        for verb in ("GET", "POST", "OPTIONS"):
            answer = http.request(verb, "/v1/jobs", headers={**mine, **headers})
            assert (answer.status_code, answer.json()["code"]) == (403, "WrongOrigin")
            assert "access-control-allow-origin" not in answer.headers
    assert http.get("/v1/jobs", headers={**mine, "Origin": served.address}).status_code == 200


def test_nothing_sets_a_cookie(served: Served, http: httpx.Client) -> None:
    for path in ("/", "/v1/jobs", "/v1/nothing"):
        assert "set-cookie" not in http.get(path, headers=served.headers).headers


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/assets/../server.token",
            "/assets/..%2f..%2fserver.token",
            "/assets/%2e%2e/%2e%2e/app.py",
            "/../server.token",
        ),
        *("/assets//etc/passwd", "/assets/..;/app.py", "/assets/....//app.py", "/v1/../server.token", "/server.token"),
        *("/assets/%252e%252e%252fapp.py", "/assets/", "/assets", "/.git/config", "/data.mdb", "//etc/passwd"),
        *("/v1/jobs/..%2f..%2fserver.token/bundle", "/v1/packages/..%2f..%2fserver.token"),
    ],
)
def test_paths_that_lead_elsewhere(served: Served, port: int, path: str) -> None:
    said = ask(port, f"GET {path} HTTP/1.1\r\n".encode() + HOST + bearer(served) + CLOSE + b"\r\n")
    assert 400 <= said.status < 500
    assert served.token.encode() not in said.body


def test_a_name_cannot_break_an_answer(served: Served, port: int) -> None:
    for path in ("/v1/extensions/a%0d%0aSet-Cookie:%20x=y", "/v1/operations/%0d%0a%0d%0a<script>"):
        said = ask(port, f"GET {path} HTTP/1.1\r\n".encode() + HOST + bearer(served) + CLOSE + b"\r\n")
        assert said.status in (403, 404, 422)
        assert "set-cookie" not in said.headers
        json.loads(said.body)


def test_strangers_make_no_streams(served: Served, http: httpx.Client) -> None:
    streams = set(served.runtime.store.streams("access"))
    http.get("/v1/jobs", headers={"Authorization": "Bearer no"})
    http.post(f"/v1/jobs/{uuid4()}/pause", headers=served.headers)
    assert set(served.runtime.store.streams("access")) == streams
