"""The tables are complete, and the values of their labels are those that there are."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.support.prometheus_tools import lint, tool

from perdure.actors.operations import UNKNOWN
from perdure.actors.system import SystemSettings
from perdure.metrics import LABELS, METRICS, MetricDefinition, PrometheusHooks, render
from perdure.metrics.exposition import render_with
from perdure.metrics.server_definitions import ALL_LABELS, ALL_METRICS, SERVER_LABELS, SERVER_METRICS
from perdure.metrics.web import WebMetrics
from perdure.runtime import Runtime
from perdure.store.lifecycle import Status

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("definition", METRICS, ids=lambda definition: definition.name)
def test_a_definition_follows_the_conventions(definition: MetricDefinition) -> None:
    assert re.fullmatch(r"perdure(_[a-z]+)+", definition.name)
    assert (definition.kind == "counter") == definition.name.endswith("_total")
    assert definition.name.removesuffix("_total").endswith(definition.unit)
    assert definition.help.endswith(".")
    assert "\n" not in definition.help
    assert (definition.kind == "histogram") == bool(definition.buckets)
    assert list(definition.buckets) == sorted(set(definition.buckets))


def test_names_are_unique() -> None:
    assert len({definition.name for definition in METRICS}) == len(METRICS)


def test_every_metric_is_in_a_scrape_and_nothing_else() -> None:
    families = list(PrometheusHooks().registry.collect())

    assert [(family.name, family.documentation, family.type) for family in families] == [
        (definition.name.removesuffix("_total"), definition.help, definition.kind) for definition in METRICS
    ]


def test_promtool_likes_them_before_anything_was_counted() -> None:
    assert lint(render(PrometheusHooks().registry)[0]) == ""


def test_the_linter_of_these_tests_finds_what_is_wrong() -> None:
    assert "no help text" in lint(b"# TYPE perdure_things_total counter\nperdure_things_total 1\n")
    assert lint(b"}{") != ""


def test_without_prometheus_these_tests_fail_and_say_what_they_need() -> None:
    with pytest.raises(pytest.fail.Exception, match="apt-get install prometheus"):
        tool("prometheus-that-is-not-installed")


def test_statuses_are_those_of_the_lifecycle() -> None:
    assert set(LABELS["status"].values) == {str(status) for status in Status}


def test_codes_are_those_of_the_contract() -> None:
    section = (ROOT / "docs/abi.md").read_text().partition("### Failures are answers")[2].partition("###")[0]
    codes = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)

    assert len(codes) > 5
    assert set(LABELS["code"].values) == {"ok", *codes}


def test_causes_are_those_of_the_events() -> None:
    from perdure.store.events import JobRecovered, JobResumed

    documented = re.findall(r"``(\w+)``\s+\(", (JobResumed.__doc__ or "").partition("``cause``:")[2])

    recovered = re.findall(r"``(\w+)``", (JobRecovered.__doc__ or "").partition("``cause`` as in")[2])

    assert set(LABELS["cause"].values) == {"dispatch", *documented, *recovered}


def test_mailboxes_and_gauges_are_those_of_a_runtime() -> None:
    assert SystemSettings().workers > 0
    with Runtime.in_memory() as runtime:
        assert set(runtime.mailbox_depths()) == set(LABELS["mailbox"].values)
        assert set(runtime.jobs_by_status()) <= set(LABELS["status"].values)


def test_a_refused_call_is_counted_under_the_name_that_the_reference_gives_it() -> None:
    assert f"`{UNKNOWN}`" in LABELS["operation"].meaning


# --- of a server -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("definition", SERVER_METRICS, ids=lambda definition: definition.name)
def test_a_definition_of_the_server_follows_the_conventions(definition: MetricDefinition) -> None:
    test_a_definition_follows_the_conventions(definition)
    assert set(definition.labels) <= set(ALL_LABELS)


def test_names_and_labels_of_the_server_are_its_own() -> None:
    assert len({definition.name for definition in ALL_METRICS}) == len(ALL_METRICS)
    assert not set(SERVER_LABELS) & set(LABELS)


def test_a_web_process_has_them_all(tmp_path: Path) -> None:
    metrics = WebMetrics(tmp_path, restarts=3, engine=os.getppid())
    families = metrics.collect(engine_up=True, ready=False)

    assert [(family.name, family.documentation, family.type) for family in families] == [
        (definition.name.removesuffix("_total"), definition.help, definition.kind) for definition in SERVER_METRICS
    ]
    assert lint(render_with(b"", families)[0]) == ""


def test_what_a_web_process_counts(tmp_path: Path) -> None:
    metrics = WebMetrics(tmp_path, restarts=3, engine=2**22 + 1)  # no process has that id
    metrics.connections = lambda: (7, 2)
    metrics.lag = 0.5
    metrics.answered("jobs.list", 200, 0.01)
    metrics.answered("events.tail", 200, None)
    metrics.answered("jobs.list", 429, 0.01)
    metrics.sent(12)
    metrics.collect(engine_up=True, ready=True)
    text = render_with(b"", metrics.collect(engine_up=False, ready=True))[0].decode()

    for line in (
        'perdure_http_requests_total{endpoint="jobs.list",http_status="429"} 1.0',
        'perdure_http_request_duration_seconds_count{endpoint="jobs.list"} 2.0',
        'perdure_http_refused_total{reason="busy"} 1.0',
        'perdure_http_refused_total{reason="connections"} 2.0',  # not again at each scrape
        "perdure_http_connections 7.0",
        "perdure_events_sent_total 12.0",
        "perdure_event_loop_lag_seconds 0.0",  # since the last scrape
        "perdure_web_restarts_total 3.0",
        "perdure_engine_up 0.0",
        "perdure_ready 1.0",
    ):
        assert line in text.splitlines(), line
    assert "events.tail" in text
    assert 'duration_seconds_count{endpoint="events.tail"}' not in text
    assert 'process="web"' in text
    assert 'process="engine"' not in text
