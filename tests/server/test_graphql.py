"""GraphQL: the endpoints and operations as fields, with the same checks as over HTTP."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from graphql import GraphQLError, build_schema, get_introspection_query
from starlette.applications import Starlette
from tests.support.asgi import AsgiClient
from tests.support.servers import Served, serving
from tests.support.waiting import TIMEOUT, eventually

from perdure.api.endpoint import Body
from perdure.api.table import ENDPOINTS
from perdure.client.event_stream import EventStream
from perdure.runtime import JobHandle, grant_as_asked
from perdure.runtime.operations.catalogue import catalogue
from perdure.server.graphql.names import field_name, type_name, value_name
from perdure.server.graphql.problems import coded
from perdure.server.graphql.schema import COMMAND, make_schema, shape_of
from perdure.server.settings import ServerSettings
from perdure.server.web.body_room import BodyRoom
from perdure.server.web.graphql_page import graphql_routes

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "docs" / "graphql.graphql"
COUNTER: Final = ROOT / "examples" / "counter"


class GraphQL:
    """Asks ``/graphql``."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.http = httpx.Client(base_url=served.address, headers=served.headers, timeout=TIMEOUT, trust_env=False)

    def post(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> httpx.Response:
        return self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)

    def ask(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> Any:
        answer = self.post(query, headers, **variables)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert "errors" not in found, found
        return found["data"]

    def error(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> Any:
        answer = self.post(query, headers, **variables)
        assert answer.status_code == 200, answer.text
        (error,) = answer.json()["errors"]
        return error

    def token(self, *scopes: str, **limits: Any) -> dict[str, str]:
        text = self.served.runtime.issue_token("a test", scopes, **limits).text
        return {"Authorization": f"Bearer {text}"}

    def watch(self, query: str, **variables: Any) -> Iterator[Any]:
        headers = {"Accept": "text/event-stream"}
        body = {"query": query, "variables": variables}
        with self.http.stream("POST", "/graphql", json=body, headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream"), answer.read()
            stream = EventStream()
            for part in answer.iter_bytes():
                for message in stream.feed(part):
                    if message.event == "complete":
                        return
                    yield json.loads(message.data)


@pytest.fixture(scope="module")
def graphql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphQL]:
    with serving(tmp_path_factory.mktemp("graphql")) as served:
        served.runtime.install(COUNTER, consent=grant_as_asked)
        found = GraphQL(served)
        with found.http:
            yield found


@pytest.fixture(scope="module")
def job(graphql: GraphQL) -> JobHandle:
    made = graphql.served.runtime.dispatch("counter:counter", {"target": 5, "work": 0})
    made.wait(TIMEOUT)
    return made


# --- the schema ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def text() -> str:
    return f"{make_schema(map(shape_of, catalogue(discover=False)[0]))}\n"


def test_the_file_is_what_the_tables_say(text: str) -> None:
    assert FILE.read_text() == text, f"docs/graphql.graphql is stale: run  {COMMAND}"


def test_the_command_makes_the_file() -> None:
    done = subprocess.run([sys.executable, "-m", COMMAND.split()[2]], capture_output=True, text=True, check=True)
    assert done.stdout == FILE.read_text()


def test_each_endpoint_and_each_operation_has_a_field(text: str) -> None:
    schema = build_schema(text)
    roots = {
        kind.name: set(kind.fields)
        for kind in (schema.query_type, schema.mutation_type, schema.subscription_type)
        if kind
    }
    for endpoint in ENDPOINTS:
        if endpoint.body is Body.EVENTS:
            assert field_name(endpoint.name) in roots["Subscription"]
        elif endpoint.body is Body.JSON and endpoint.name != "operations.call":
            assert field_name(endpoint.name) in roots["Query" if endpoint.verb == "GET" else "Mutation"]
    for operation in catalogue(discover=False)[0]:
        name = field_name(f"call.{operation.name.name}")
        assert name in roots["Query" if operation.name.kind == "query" else "Mutation"] or operation.name.version > 1


@pytest.mark.parametrize(
    ("name", "field", "kind"),
    [
        ("jobs.by_key", "jobsByKey", "JobsByKey"),
        ("job_id", "jobId", "JobId"),
        ("me", "me", "Me"),
        ("2fa.code", "_2faCode", "T2faCode"),
        ("a-b c", "aBC", "ABC"),
    ],
)
def test_names(name: str, field: str, kind: str) -> None:
    assert field_name(name) == field
    assert type_name(name) == kind


def test_names_of_values() -> None:
    assert [value_name(each) for each in ("non_idempotent", "a b", "9", "", "-")] == [
        "NON_IDEMPOTENT",
        "A_B",
        None,
        None,
        None,
    ]


# --- queries and mutations -------------------------------------------------------------------------------------------


def test_a_job_is_what_rest_says(graphql: GraphQL, job: JobHandle) -> None:
    query = """query ($id: UUID!) {
        jobsGet(jobId: $id) { jobId status sequence fuel dispatchedAt endedAt error { kind } retry { attempts } }
        jobsHistory(jobId: $id, limit: 2, order: NEWEST) { events { type sequence time data } next }
    }"""
    found = graphql.ask(query, id=str(job.job_id))
    rest = graphql.http.get(f"/v1/jobs/{job.job_id}").json()
    one = found["jobsGet"]
    assert one["status"] == "COMPLETED"
    assert (one["jobId"], one["sequence"], one["fuel"]) == (rest["job_id"], rest["sequence"], rest["fuel"])
    assert (one["dispatchedAt"], one["endedAt"], one["error"]) == (rest["dispatched_at"], rest["ended_at"], None)
    assert one["retry"] == {"attempts": rest["retry"]["attempts"]}
    events = graphql.http.get(f"/v1/jobs/{job.job_id}/history", params={"limit": 2, "order": "newest"}).json()
    assert found["jobsHistory"]["next"] == events["next"]
    assert [each["data"] for each in found["jobsHistory"]["events"]] == [each["data"] for each in events["events"]]


def test_a_job_is_dispatched_and_controlled(graphql: GraphQL) -> None:
    mutation = """mutation ($state: JSON) {
        jobsDispatch(jobType: "counter:counter", state: $state, limits: {memoryBytes: 20000000}) { jobId extension }
    }"""
    made = graphql.ask(mutation, state={"target": 4, "work": 0})["jobsDispatch"]
    assert made["extension"] == "counter"
    handle = graphql.served.runtime.job(made["jobId"])
    assert handle.wait(TIMEOUT).status == "completed"
    error = graphql.error("mutation ($id: UUID!) { jobsPause(jobId: $id) { status } }", id=made["jobId"])
    assert error["extensions"]["code"] == "IllegalTransition"
    assert error["extensions"]["status"] == 409
    requests = graphql.http.get(f"/v1/jobs/{made['jobId']}/requests").json()["requests"]
    assert [each["action"] for each in requests] == ["jobs.pause"]


def test_an_operation_is_called(graphql: GraphQL) -> None:
    found = graphql.ask('{ callTestPing(request: {message: "hi", count: 3}) { echo count } }')
    assert found == {"callTestPing": {"echo": "Pong: hi", "count": 3}}
    for_it = 'query ($e: String) { callTestPing(request: {message: "hi"}, extension: $e) { echo } }'
    assert graphql.error(for_it, e="counter")["extensions"]["code"] == "OperationError"  # nobody granted it


def test_a_key_does_a_mutation_once(graphql: GraphQL) -> None:
    mutation = """mutation {
        a: jobsDispatch(jobType: "counter:counter", state: {target: 1, work: 0}) { jobId }
        b: jobsDispatch(jobType: "counter:counter", state: {target: 1, work: 0}) { jobId }
    }"""
    first = graphql.ask(mutation, {"Idempotency-Key": "graphql-1"})
    assert first["a"] != first["b"]
    assert graphql.ask(mutation, {"Idempotency-Key": "graphql-1"}) == first


def test_what_cannot_be_is_said_as_over_http(graphql: GraphQL) -> None:
    error = graphql.error('{ jobsGet(jobId: "00000000-0000-0000-0000-000000000001") { jobId } }')
    assert error["extensions"]["code"] == "UnknownJob"
    assert error["extensions"]["status"] == 404
    assert error["extensions"]["data"]["job_id"] == str(UUID(int=1))
    error = graphql.error('{ jobsGet(jobId: "nonsense") { jobId } }')
    assert (error["extensions"]["code"], error["extensions"]["status"]) == ("BadRequest", 422)
    error = graphql.error("{ jobsList(limit: 5000) { next } }")
    assert error["extensions"]["code"] == "BadRequest"


# --- access and limits -----------------------------------------------------------------------------------------------


def test_nobody_asks_without_a_token(graphql: GraphQL) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = httpx.post(
            f"{graphql.served.address}/graphql", json={"query": "{__typename}"}, headers=headers, trust_env=False
        )
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


def test_scopes_are_those_of_the_endpoints(graphql: GraphQL, job: JobHandle) -> None:
    reader = graphql.token("read")
    assert graphql.ask("{ jobsCounts { total } }", reader)["jobsCounts"]["total"] >= 1
    pause = "mutation ($id: UUID!) { jobsPause(jobId: $id) { status } }"
    error = graphql.error(pause, reader, id=str(job.job_id))
    assert (error["extensions"]["code"], error["extensions"]["status"]) == ("Forbidden", 403)
    error = graphql.error('{ callTestPing(request: {message: "x"}) { echo } }', reader)
    assert error["extensions"]["code"] == "Forbidden"


def test_a_token_for_another_extension_sees_nothing(graphql: GraphQL, job: JobHandle) -> None:
    other = graphql.token("read", extensions=["other"])
    assert graphql.ask("{ jobsList { jobs { jobId } } }", other) == {"jobsList": {"jobs": []}}
    error = graphql.error("query ($id: UUID!) { jobsGet(jobId: $id) { jobId } }", other, id=str(job.job_id))
    assert error["extensions"]["code"] == "UnknownJob"


def test_common_tools_can_ask_for_the_schema(graphql: GraphQL) -> None:
    found = graphql.ask(get_introspection_query())
    assert found["__schema"]["queryType"]["name"] == "Query"


@pytest.mark.parametrize(
    "query",
    [
        "{" + " ".join(f"a{n}: jobsCounts {{ total }}" for n in range(16)) + "}",
        '{ __type(name: "Job") ' + "{ fields { type " * 40 + "{ name }" + "} }" * 40 + "}",
        "{" + "me { name } " * 2_000 + "}",
        "{ jobsList { jobs { nothing } } }",
        "{ jobsList(",
        "query ($a: Int!) { jobsList(limit: $a) { next } }",
        "subscription { jobsLive { id } }",
        "",
    ],
    ids=["aliases", "depth", "tokens", "field", "syntax", "variable", "stream", "empty"],
)
def test_what_is_too_much_or_wrong_is_refused(graphql: GraphQL, query: str) -> None:
    answer = graphql.post(query)
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert answer.json()["errors"]
        assert {error["extensions"]["code"] for error in answer.json()["errors"]} == {"BadRequest"}
        assert not answer.json().get("data")
    else:
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[]", "application/json", 422),
        (b'[{"query": "{__typename}"}]', "application/json", 422),
        (b"{", "application/json", 422),
        (b"\xff", "application/json", 422),
        (b'{"query": 5}', "application/json", 422),
        (b'{"query": "{__typename}", "variables": 5}', "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b"query={__typename}", "application/x-www-form-urlencoded", 415),
        (b'{"query": "{__typename}"}', "text/plain", 415),  # what a page elsewhere can send without being asked
    ],
)
def test_what_is_no_request_is_refused(graphql: GraphQL, body: bytes, kind: str, status: int) -> None:
    answer = graphql.http.post("/graphql", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_only_posts_are_answered(graphql: GraphQL) -> None:
    answer = graphql.http.get("/graphql", params={"query": "{__typename}"})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


# --- subscriptions ---------------------------------------------------------------------------------------------------

WATCH: Final = """subscription ($id: UUID!, $last: String) {
    jobsWatch(jobId: $id, lastId: $last) { id event data { sequence type } job { status } }
}"""


def test_a_job_is_watched_to_its_end_and_resumed(graphql: GraphQL, job: JobHandle) -> None:
    messages = [each["data"]["jobsWatch"] for each in graphql.watch(WATCH, id=str(job.job_id))]
    sequences = [each["data"]["sequence"] for each in messages[:-1]]
    assert sequences == list(range(1, len(sequences) + 1))
    assert messages[-1]["event"] == "end"
    assert messages[-1]["job"] == {"status": "COMPLETED"}
    later = [each["data"]["jobsWatch"] for each in graphql.watch(WATCH, id=str(job.job_id), last=messages[1]["id"])]
    assert later == messages[2:]


def test_the_log_is_watched_from_a_position(graphql: GraphQL, job: JobHandle) -> None:
    query = 'subscription { eventsWatch(after: 0, type: ["completed"]) { id data { stream type position } } }'
    stream = graphql.watch(query)
    first = next(stream)["data"]["eventsWatch"]
    assert first["data"]["type"] == "completed"
    assert first["id"] == str(first["data"]["position"])
    stream.close()  # type: ignore[attr-defined]  # a generator


def test_whoever_goes_is_watching_no_more(graphql: GraphQL) -> None:
    stream = graphql.watch("subscription { jobsLive { event data { counts } } }")
    assert next(stream)["data"]["jobsLive"]["event"] == "jobs"
    assert _watchers(graphql) == 1
    stream.close()  # type: ignore[attr-defined]  # a generator
    eventually(lambda: _watchers(graphql) == 0)


def _watchers(graphql: GraphQL) -> int:
    lines = graphql.http.get("/metrics").text.splitlines()
    (line,) = [each for each in lines if each.startswith("perdure_event_watchers ")]
    return int(float(line.split()[1]))


def test_a_query_is_no_stream(graphql: GraphQL) -> None:
    (message,) = list(graphql.watch("{ jobsCounts { total } }"))
    assert message["data"] is None
    assert "not allowed" in message["errors"][0]["message"]


def test_what_nobody_foresaw_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    found = coded(GraphQLError("a secret", original_error=ZeroDivisionError("a secret")))
    assert "a secret" not in found.message
    assert found.extensions is not None
    assert (found.extensions["code"], found.extensions["status"]) == ("ServerFault", 500)
    assert "a secret" in caplog.text


def test_without_the_extra_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def owned(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "perdure.owner": True}, receive, send)

    site: Any = SimpleNamespace(
        bodies=BodyRoom(1 << 20), order=SimpleNamespace(settings=ServerSettings()), wrong_tokens=None
    )
    app = Starlette(routes=graphql_routes(site))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    answer = AsgiClient(owned).post("/graphql", {"query": "{__typename}"})
    assert answer.status_code == 404
    assert "pip install 'perdure[graphql]'" in answer.json()["detail"]


def test_a_subscription_that_may_not_be_says_so(graphql: GraphQL) -> None:
    (message,) = list(graphql.watch(WATCH, id=str(UUID(int=1))))
    assert message["errors"][0]["extensions"]["code"] == "UnknownJob"
