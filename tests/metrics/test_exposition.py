"""The formats, and the server on this machine."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families as parse_text
from tests.support.http_get import get
from tests.support.samples import openmetrics_families
from tests.support.waiting import TIMEOUT

from perdure.metrics import METRICS, AddressUnavailable, MetricsServer, PrometheusHooks, render

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain"

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.fixture
def hooks() -> PrometheusHooks:
    hooks = PrometheusHooks()
    hooks.committed(events=3, size=120, requests=1, seconds=0.003)
    hooks.job_ended("acme", "acme:count", "completed", 4.5)
    return hooks


@pytest.fixture
def server(hooks: PrometheusHooks) -> Iterator[MetricsServer]:
    with MetricsServer(hooks.registry) as server:
        yield server


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept",
    [
        PROMETHEUS_2,
        PROMETHEUS_3,
        "application/openmetrics-text",
        "Application/OpenMetrics-Text ; version=0.0.1",
        "text/plain;q=0.5, application/openmetrics-text;q=0.5",
    ],
)
def test_openmetrics_for_those_who_prefer_it(accept: str, hooks: PrometheusHooks) -> None:
    body, content_type = render(hooks.registry, accept)

    assert content_type == OPENMETRICS
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "text/plain, application/openmetrics-text;q=0.5",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text;version=77.0.0",
        "application/openmetrics-text;version=;q=;=",
        ";,;=,,q",
    ],
)
def test_the_text_format_for_all_others(accept: str | None, hooks: PrometheusHooks) -> None:
    body, content_type = render(hooks.registry, accept)

    assert content_type.startswith(TEXT)
    assert "77" not in content_type
    assert b"# EOF" not in body


@given(st.text(alphabet="aplictonexm-/;,=q.*01 \t", max_size=80))
def test_no_accept_header_breaks_it(accept: str) -> None:
    body, content_type = render(PrometheusHooks().registry, accept)

    assert body
    assert content_type.split(";")[0] in ("text/plain", "application/openmetrics-text")


def test_both_formats_say_the_same(hooks: PrometheusHooks) -> None:
    text = list(parse_text(render(hooks.registry)[0].decode()))
    openmetrics = openmetrics_families(render(hooks.registry, OPENMETRICS)[0])

    def numbers(families: list[Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return {
            (item.name, tuple(sorted(item.labels.items()))): item.value
            for family in families
            for item in family.samples
        }

    assert numbers(text) == numbers(openmetrics)
    assert len(text) == len(openmetrics) == len(METRICS)
    assert {family.name: family.documentation for family in text} == {
        definition.name.removesuffix("_total"): definition.help for definition in METRICS
    }
    assert {family.name for family in openmetrics if family.unit} == {
        definition.name.removesuffix("_total") for definition in METRICS if definition.unit
    }


def test_series_that_nobody_defined_are_not_there(hooks: PrometheusHooks) -> None:
    """No ``_created``: that would be twice the series, and not in the reference."""
    text, _ = render(hooks.registry)

    assert b"_created" not in text


# --- the server ------------------------------------------------------------------------------------------------------


def test_it_listens_on_this_machine_only_on_a_free_port(server: MetricsServer) -> None:
    assert server.host == "127.0.0.1"
    assert server.port > 0
    with pytest.raises(OSError, match="refused"):
        get(server.port, "/metrics", host="127.0.0.2")


def test_metrics_in_both_formats(server: MetricsServer, hooks: PrometheusHooks) -> None:
    plain = get(server.port, "/metrics")
    assert (plain.status, plain.content_type.split(";")[0]) == (200, TEXT)
    assert plain.body == render(hooks.registry)[0]

    openmetrics = get(server.port, "/metrics?x=1", headers={"Accept": PROMETHEUS_3})
    assert (openmetrics.status, openmetrics.content_type) == (200, OPENMETRICS)
    assert b"perdure_log_appended_events_total 3.0\n" in openmetrics.body


def test_a_scrape_sees_what_was_counted_since_the_last(server: MetricsServer, hooks: PrometheusHooks) -> None:
    hooks.recovered(7)

    assert b"perdure_jobs_recovered_total 7.0\n" in get(server.port, "/metrics").body


def test_health(server: MetricsServer) -> None:
    assert get(server.port, "/healthz") == (200, "text/plain; charset=utf-8", b"ok\n")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metricsx", "/favicon.ico", "/%2e%2e/etc/passwd"])
def test_nothing_elsewhere(path: str, server: MetricsServer) -> None:
    answer = get(server.port, path)

    assert answer.status == 404
    assert b"/metrics" in answer.body


def test_head_is_an_answer_without_a_body(server: MetricsServer) -> None:
    # Not with a client, which would not look for a body that must not be there.
    with socket.create_connection((server.host, server.port), TIMEOUT) as connection:
        connection.sendall(b"HEAD /metrics HTTP/1.0\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")

    assert b" 200 " in head.splitlines()[0]
    assert b"Content-Type: text/plain" in head
    assert body == b""


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "NONSENSE"])
def test_other_methods_are_refused(method: str, server: MetricsServer) -> None:
    assert get(server.port, "/metrics", method=method).status == 501


def test_it_says_nothing_on_stderr(server: MetricsServer, capfd: pytest.CaptureFixture[str]) -> None:
    get(server.port, "/metrics")
    get(server.port, "/nowhere")
    get(server.port, "/metrics", method="POST")

    assert capfd.readouterr() == ("", "")


def test_close_stops_it_and_a_second_close_does_nothing(hooks: PrometheusHooks) -> None:
    server = MetricsServer(hooks.registry)
    assert "perdure-metrics" in {thread.name for thread in threading.enumerate()}
    server.close()
    server.close()

    assert "perdure-metrics" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(OSError, match="refused"):
        get(server.port, "/healthz")
    with MetricsServer(hooks.registry, port=server.port) as again:
        assert again.port == server.port, "the port is free again at once"


def test_a_port_that_is_taken(server: MetricsServer, hooks: PrometheusHooks) -> None:
    with pytest.raises(AddressUnavailable, match="port 0 for a free one") as caught:
        MetricsServer(hooks.registry, port=server.port)

    error = caught.value
    assert (error.host, error.port, error.errno) == ("127.0.0.1", server.port, errno.EADDRINUSE)
    assert isinstance(error, OSError)
    assert str(server.port) in str(error)
    assert error.strerror is not None
    assert error.strerror in str(error)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 65_536), ("127.0.0.1", -1), ("203.0.113.1", 0), ("a b", 0)])
def test_an_address_that_cannot_be(host: str, port: int, hooks: PrometheusHooks) -> None:
    with pytest.raises(AddressUnavailable) as caught:
        MetricsServer(hooks.registry, host, port)

    assert (caught.value.host, caught.value.port) == (host, port)


def test_a_collector_of_the_embedder_that_fails_is_an_error_of_this_scrape(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def __init__(self) -> None:
            self.fails = True

        def collect(self) -> list[Metric]:
            if self.fails:
                raise ValueError("a secret of the embedder")
            return []

    registry, broken = CollectorRegistry(), Broken()
    PrometheusHooks(registry)
    registry.register(broken)
    with MetricsServer(registry) as server:
        with caplog.at_level(logging.ERROR):
            answer = get(server.port, "/metrics")
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert "a secret of the embedder" in caplog.text

        broken.fails = False
        assert get(server.port, "/metrics").status == 200
