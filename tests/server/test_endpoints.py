from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Route

from perdure.api.endpoint import Body, Endpoint
from perdure.api.errors import BadRequest
from perdure.api.jobs import DISPATCH, DispatchJob, Job, job_of, state_of
from perdure.api.schemas import Schemas
from perdure.api.table import ENDPOINTS
from perdure.client.calls.call import Call
from perdure.client.wire import http_request
from perdure.runtime.operations.schemas import example, schema_of
from perdure.server.engine.table import engine_handlers
from perdure.server.web.app import route_path
from perdure.server.web.reading.table import log_readers
from perdure.server.web.requests import request_of
from perdure.store.events import JobError, LimitUse, RetryPolicy, WasmFrame
from perdure.store.job_state import Checkpoint, Intent, JobState, Run
from perdure.store.lifecycle import Status

OURS: Final = (Body.JSON,)  # the others have routes of their own
by_name: Final = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(each.name for each in ENDPOINTS).items() if count > 1] == []


def test_addresses_are_unique() -> None:
    addresses = Counter((each.verb, each.path) for each in ENDPOINTS)
    assert [address for address, count in addresses.items() if count > 1] == []


def test_no_address_hides_a_later_one() -> None:
    """Routes are tried in order: what is spelled out has to come before what stands for anything."""
    routes = sorted(ENDPOINTS, key=lambda each: each.body is not Body.EVENTS)  # as the application has them
    for number, endpoint in enumerate(routes):
        for later in routes[number + 1 :]:
            assert endpoint.verb != later.verb or not _takes(endpoint.path, later.path), (endpoint.name, later.name)


def _takes(path: str, other: str) -> bool:
    parts, others = path.split("/"), other.split("/")
    return len(parts) == len(others) and all(
        one == two or (one.startswith("{") and not two.startswith("{")) for one, two in zip(parts, others, strict=True)
    )


@by_name
def test_each_endpoint_is_answered_in_one_place(endpoint: Endpoint[Any, Any]) -> None:
    handlers, readers = engine_handlers(), log_readers()
    places = [endpoint.name in handlers.names, endpoint.name in readers.names]
    if endpoint.body in OURS:
        assert sum(places) == 1
    else:
        assert sum(places) <= 1


def test_nothing_is_answered_that_has_no_address() -> None:
    """What the engine is asked by the web process itself has none; it says so by its path."""
    handlers = engine_handlers()
    asked = [found[0] for name in handlers.names if (found := handlers.get(name)) is not None]
    known = {each.name for each in ENDPOINTS}
    assert [each.name for each in asked if each.name not in known and each.path.startswith("/v1/")] == []
    assert log_readers().names <= known


@by_name
def test_what_acts_is_no_get(endpoint: Endpoint[Any, Any]) -> None:
    assert endpoint.path.startswith("/v1/")
    if endpoint.acts:
        assert endpoint.verb != "GET"
        assert endpoint.scope != "read"
    assert set(endpoint.path_fields) <= set(endpoint.request.__struct_fields__)
    assert endpoint.summary
    assert not endpoint.summary.endswith(".")


@by_name
def test_each_post_honours_a_key_or_changes_nothing(endpoint: Endpoint[Any, Any]) -> None:
    """Whoever is not answered has to be able to ask again, without it being done twice."""
    if endpoint.verb == "POST":
        assert endpoint.takes_key or endpoint.only_shows
    if endpoint.only_shows:
        assert endpoint.acts  # the log names who saw it
        assert endpoint.body is Body.DOWNLOAD  # the page of which gives the engine no key


def test_types_have_names_of_their_own() -> None:
    schemas = Schemas([*(each.request for each in ENDPOINTS), *(each.answer for each in ENDPOINTS)])
    assert [name for name in schemas.components if "_" in name] == []  # two of one name have their modules' before it


@pytest.mark.parametrize(
    "endpoint", [each for each in ENDPOINTS if each.body in OURS], ids=lambda endpoint: endpoint.name
)
def test_what_a_client_sends_is_what_the_server_reads(endpoint: Endpoint[Any, Any]) -> None:
    request = _request(endpoint)
    sent = http_request(Call(endpoint, request, lambda answer: answer))
    path, _, query = sent.target.partition("?")
    found = request_of(
        endpoint, _path_values(endpoint.path, path), _query(query), sent.body, sent.headers.get("Content-Type", "")
    )
    assert found == request


def _request(endpoint: Endpoint[Any, Any]) -> Any:
    """A request with a value in each field that must be given; what is in the path has to be quoted."""
    values = example(schema_of(endpoint.request, written=True, secret=False))
    odd = {name: "a b:ü%" for name in endpoint.path_fields if values[name] == "text"}
    if "key" in odd:
        odd["key"] = "a/b?c"
    return msgspec.convert({**values, **odd}, endpoint.request)


def _path_values(template: str, path: str) -> dict[str, str]:
    names = [name for name in template.split("/") if name.startswith("{")]
    found = Route(route_path(template), lambda request: None).path_regex.match(unquote(path))
    assert found is not None
    return {name[1:-1]: found[name[1:-1]] for name in names}


def _query(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


# --- jobs ------------------------------------------------------------------------------------------------------------

numbers: Final = st.integers(0, 2**62)
times: Final = st.integers(0, 4_000_000_000_000_000)
shares: Final = st.floats(0, 1)
texts: Final = st.text(max_size=20)
checkpoints: Final = st.builds(Checkpoint, numbers, times, shares, texts, numbers, numbers, numbers, numbers, numbers)
limits: Final = st.builds(LimitUse, texts, numbers, numbers, texts)
frames: Final = st.lists(st.builds(WasmFrame, texts, numbers), max_size=3).map(tuple)
data: Final = st.dictionaries(
    texts, st.one_of(st.none(), st.booleans(), texts, st.integers(-(2**53), 2**53)), max_size=3
)
errors: Final = st.builds(JobError, texts, texts, st.sampled_from(["guest", "host"]), st.none() | limits, frames, data)
policies: Final = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 9),
    initial_ms=numbers,
    factor=st.floats(1, 9),
    maximum_ms=numbers,
    jitter=shares,
)
states: Final = st.builds(
    JobState,
    job_id=st.uuids(),
    sequence=numbers,
    job_type=texts,
    extension=texts,
    version=texts,
    module=texts,
    library_id=st.uuids(),
    resumable=st.booleans(),
    status=st.sampled_from(Status),
    dispatched_at=times,
    updated_at=times,
    attempts=numbers,
    started_at=st.none() | times,
    attempt_started_at=st.none() | times,
    ended_at=st.none() | times,
    progress=shares,
    message=texts,
    items=numbers,
    bytes=numbers,
    warnings=numbers,
    checkpoints=numbers,
    checkpoint=st.none() | checkpoints,
    fuel=numbers,
    fuel_superseded=numbers,
    attempt_base=numbers,
    failures=numbers,
    retry=policies,
    retry_at=st.none() | times,
    pause_requested=st.booleans(),
    cancel_requested=st.booleans(),
    error=st.none() | errors,
    parent=st.none() | st.uuids(),
    superseded=st.lists(st.tuples(numbers, numbers), max_size=3),
    export=texts,
    run=st.none() | st.builds(Run, numbers, numbers, numbers, st.booleans(), numbers),
    attempting=st.booleans(),
    continues=st.booleans(),
    intent=st.none() | st.builds(Intent, numbers, numbers, texts, texts),
    forked_from=st.none() | st.uuids(),
    idempotency_key=st.none() | texts,
    folded_at=st.none() | times,
    copied=st.none() | st.sampled_from(Status),
    led_as=st.none() | st.uuids(),
    moved_from=texts,
)


@given(states)
def test_a_job_comes_over_the_wire_as_it_is(state: JobState) -> None:
    wire = msgspec.json.encode(job_of(state))
    assert state_of(msgspec.json.decode(wire, type=Job)) == state


def test_a_job_on_the_wire_has_all_that_is_known_of_it() -> None:
    assert set(Job.__struct_fields__) == set(JobState.__struct_fields__)


def test_times_on_the_wire_are_utc_to_the_microsecond() -> None:
    state = JobState(
        job_id=UUID(int=1),
        sequence=1,
        job_type="a:b",
        extension="a",
        version="1.0.0",
        module="m",
        library_id=UUID(int=0),
        resumable=True,
        status=Status.QUEUED,
        dispatched_at=1_700_000_000_123_457,
        updated_at=0,
    )
    job = job_of(state)
    assert job.dispatched_at == datetime(2023, 11, 14, 22, 13, 20, 123_457, tzinfo=UTC)
    assert b'"dispatched_at":"2023-11-14T22:13:20.123457Z"' in msgspec.json.encode(job)


def test_half_a_character_is_no_text() -> None:
    whole = request_of(DISPATCH, {}, [], b'{"job_type": "a:b", "state": "\\ud83d\\ude00"}', "application/json")
    assert whole == DispatchJob(job_type="a:b", state="\U0001f600")
    with pytest.raises(BadRequest, match="surrogate"):
        request_of(DISPATCH, {}, [], b'{"job_type": "a:b", "state": ["\\udc00"]}', "application/json")
