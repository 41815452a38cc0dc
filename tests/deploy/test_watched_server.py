"""What Prometheus, Grafana and a collector of traces see of a real server with real jobs, through ``deploy/``."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.support.alert_rules import RULES, alerts
from tests.support.http_get import get
from tests.support.prometheus_tools import lint
from tests.support.waiting import eventually
from tests.support.watched import CALLS, LIMIT, SECRET, TRACEPARENT, Watched, watched

from perdure.metrics.server_definitions import ALL_METRICS, SERVER_METRICS
from perdure.store.events import RequestAccepted
from perdure.store.lmdb_store import LmdbEventStore
from perdure.tracing import job_span

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("watched"), RULES) as found:
        yield found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "grafana" / "perdure.json").read_text())
    return found


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def as_sent(expression: str) -> str:
    """As Grafana sends it to Prometheus."""
    return expression.replace("$instance", ".*").replace("$__rate_interval", "1m")


# --- metrics ---------------------------------------------------------------------------------------------------------


def test_every_panel_has_data(seen: Watched) -> None:
    missing = dict.fromkeys(expressions())

    def all_there() -> bool:
        for expression in list(missing):
            if seen.prometheus.query(as_sent(expression)):
                del missing[expression]
        return not missing

    try:
        eventually(all_there, every=0.2)
    except AssertionError:
        pytest.fail(f"no data: {list(missing)}")


NUMBERS = {
    'sum by (status) (perdure_jobs_ended_total{status!="cancelled"})': {
        '{status="completed"}': 1,
        '{status="failed"}': 1,
    },
    'sum by (code) (perdure_operations_total{code!="unavailable"}) > 0': {
        '{code="ok"}': LIMIT,
        '{code="rate_limited"}': CALLS - LIMIT,
    },
    'perdure_http_requests_total{endpoint="jobs.dispatch"}': {'{endpoint="jobs.dispatch",http_status="201"}': 2},
    'perdure_http_refused_total{reason="unauthenticated"}': {'{reason="unauthenticated"}': 1},
    "perdure_engine_up + perdure_ready": {"{}": 2},
    "perdure_process_resident_memory_bytes > bool 1e7": {'{process="engine"}': 1, '{process="web"}': 1},
}


@pytest.mark.parametrize("query", NUMBERS)
def test_the_numbers_are_those_of_the_jobs(seen: Watched, query: str) -> None:
    # The last scrape may have been before the jobs' ends.
    with contextlib.suppress(AssertionError):
        eventually(lambda: seen.prometheus.query(query) == NUMBERS[query], every=0.1)
    assert seen.prometheus.query(query) == NUMBERS[query]


def test_the_alerts_are_loaded_and_silent(seen: Watched) -> None:
    eventually(lambda: "unknown" not in seen.prometheus.alerts().values(), every=0.1)

    found = seen.prometheus.alerts()
    assert found.keys() == {rule.name for rule in alerts()}
    # On a machine that stands still for a moment one may be pending: commits are slow then.
    assert set(found.values()) <= {"inactive", "pending"}


def test_every_metric_that_is_asked_for_is_defined() -> None:
    defined = {definition.name for definition in ALL_METRICS}
    for expression in [*expressions(), *(rule.expression for rule in alerts())]:
        for name in re.findall(r"\bperdure_[a-z_]+", expression):
            assert name in defined or re.sub("_(bucket|sum|count)$", "", name) in defined, expression


def test_the_whole_scrape_is_sound_and_complete(seen: Watched) -> None:
    answer = get(seen.server.port, "/metrics", headers=seen.server.headers)

    assert lint(answer.body) == ""
    described = re.findall(r"^# TYPE (\w+)", answer.body.decode(), re.MULTILINE)
    assert described == [definition.name for definition in ALL_METRICS]


def test_openmetrics_ends_once(seen: Watched) -> None:
    headers = {**seen.server.headers, "Accept": "application/openmetrics-text;version=1.0.0"}
    answer = get(seen.server.port, "/metrics", headers=headers)

    assert answer.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert answer.body.count(b"# EOF\n") == 1
    assert answer.body.endswith(b"# EOF\n")
    assert b"perdure_log_commits_total" in answer.body
    assert SERVER_METRICS[-1].name.encode() in answer.body


def test_metrics_need_a_token_for_reading(seen: Watched) -> None:
    other = {"Authorization": f"Bearer {seen.dispatcher}"}

    assert get(seen.server.port, "/metrics").status == 401
    assert get(seen.server.port, "/metrics", headers=other).status == 403


# --- traces ----------------------------------------------------------------------------------------------------------


def facts(span: Span) -> dict[str, Any]:
    return {fact.key: getattr(fact.value, str(fact.value.WhichOneof("value"))) for fact in span.attributes}


def test_the_traces_of_a_job_reach_a_collector(seen: Watched) -> None:
    def ours() -> dict[str, Span]:
        return {span.name: span for span in seen.receiver.spans() if span.trace_id == seen.talked.bytes}

    eventually(lambda: len(ours()) >= 4, every=0.05)

    whole = next(span for name, span in ours().items() if name.startswith("job "))
    assert seen.receiver.services == {"perdure"}
    assert whole.span_id == job_span(seen.talked).to_bytes(8, "big")
    assert [link.span_id.hex() for link in whole.links] == [TRACEPARENT.split("-")[2]]
    assert {name.split(" ")[0] for name in ours()} == {"job", "attempt", "operation", "commit"}
    assert facts(whole)["perdure.job.status"] == "completed"
    assert not any(SECRET.encode() in span.SerializeToString() for span in seen.receiver.spans())


# --- logs ------------------------------------------------------------------------------------------------------------


def test_the_log_is_json_and_has_the_ids_that_lead_further(seen: Watched) -> None:
    lines = [json.loads(line) for line in seen.server.log.splitlines()]
    dispatched = [line for line in lines if line.get("endpoint") == "jobs.dispatch"]

    assert [line["status"] for line in dispatched] == [201, 201]
    assert all(line["process"] == "web" and line["duration_ms"] > 0 for line in dispatched)
    assert all(re.fullmatch("token:[0-9a-f]+", line["client"]) for line in dispatched)
    with LmdbEventStore.open_readonly(seen.server.data) as store:
        accepted = {str(one.event.request) for one in store.read_all() if isinstance(one.event, RequestAccepted)}
    assert {line["request_id"] for line in dispatched} <= accepted


def test_nothing_secret_is_in_the_log(seen: Watched) -> None:
    get(seen.server.port, "/v1/jobs", headers={"Authorization": "Bearer pdr_wrong_but_mine"})
    eventually(lambda: seen.server.log.count(" 401") >= 2)

    for secret in (seen.server.token, SECRET, "pdr_wrong_but_mine", "in-the-query"):
        assert secret not in seen.server.log
