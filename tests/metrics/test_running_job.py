"""A job that runs, watched by the tools that operators use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.actor_rig import ACME, Rig
from tests.support.http_get import get
from tests.support.prometheus_tools import PrometheusServer, lint
from tests.support.puppet import Puppet, Puppets
from tests.support.python_guest import FUEL_PER_CALL, PythonOperations
from tests.support.samples import openmetrics_families, sample, samples
from tests.support.waiting import eventually

from perdure.metrics import METRICS, MetricsServer, PrometheusHooks
from perdure.store import Status

COUNT = f'{{extension="{ACME}",job_type="count"}}'


class RigGauges:
    """The gauges of a rig, as a runtime has them."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def jobs_by_status(self) -> dict[str, int]:
        return {str(status): count for status, count in self._rig.store.count_unfinished().items()}

    def mailbox_depths(self) -> dict[str, int]:
        return self._rig.system.mailbox_depths()

    def map_usage(self) -> tuple[int, int] | None:
        return 4096, 65536

    def rate_limit_remaining(self) -> dict[str, float]:
        return {ACME: 999.0}

    def held_calls(self) -> int:
        return self._rig.system.held_calls()

    def lost_threads(self) -> int:
        return self._rig.system.lost_threads()


class Watched:
    """A rig with one running job, whose metrics are served."""

    def __init__(self, rig: Rig, hooks: PrometheusHooks, server: MetricsServer, puppets: Puppets) -> None:
        self.rig, self.hooks, self.server = rig, hooks, server
        self.job_id = rig.dispatch()
        self.puppet: Puppet = puppets.of(self.job_id)


@pytest.fixture
def watched() -> Iterator[Watched]:
    hooks, puppets = PrometheusHooks(), Puppets()
    operations = PythonOperations(ping=lambda call: b"{}")
    with Rig(puppets, operations=operations, hooks=hooks) as rig, MetricsServer(hooks.registry) as server:
        gauges = RigGauges(rig)
        hooks.opened(gauges)
        yield Watched(rig, hooks, server, puppets)
        hooks.closed(gauges)


def test_promtool_checks_a_live_scrape(watched: Watched) -> None:
    watched.puppet.do(lambda host: host.checkpoint(b"{}"))
    watched.puppet.do(lambda host: host.call("query:ping"))
    watched.hooks.rate_limited(ACME, True)
    watched.hooks.budget_reached(ACME, "requests_per_minute", "refuse")
    watched.hooks.replayed(ACME, 1)
    watched.hooks.action_reused(ACME)
    watched.hooks.passphrase_tried(ACME, "wrong")
    while_it_runs = get(watched.server.port, "/metrics").body
    watched.puppet.fail()
    watched.rig.wait(watched.job_id, Status.FAILED)
    watched.hooks.commit_failed("DiskFull")
    watched.rig.idle()
    afterwards = get(watched.server.port, "/metrics").body

    assert lint(while_it_runs) == ""
    assert lint(afterwards) == ""
    without_samples = [
        definition.name
        for definition in METRICS
        if not any(line.startswith(definition.name.encode()) for line in afterwards.splitlines())
    ]
    assert without_samples == [], "this test is to show promtool a sample of each metric"


def test_a_running_job_is_seen_at_its_last_host_call(watched: Watched) -> None:
    registry = watched.hooks.registry
    for _ in range(3):
        watched.puppet.do(lambda host: host.increment_items())

    fuel = {"extension": ACME, "job_type": "count"}
    assert sample(registry, "perdure_fuel_consumed_total", **fuel) == 3 * FUEL_PER_CALL
    assert sample(registry, "perdure_host_calls_total", extension=ACME, function="increment_items") == 3
    assert sample(registry, "perdure_jobs", status="running") == 1
    assert samples(registry, "perdure_job_attempts_total") == {(ACME, "dispatch"): 1}
    assert sample(registry, "perdure_jobs_ended_total", **fuel, status="completed") == 0


def test_an_ended_job_leaves_what_it_used(watched: Watched) -> None:
    registry = watched.hooks.registry
    watched.puppet.do(lambda host: host.checkpoint(b"{}"))
    watched.puppet.do(lambda host: host.call("query:ping"))
    watched.puppet.do(lambda host: host.call("query:nothing"))
    watched.puppet.end()
    watched.rig.wait(watched.job_id, Status.COMPLETED)
    watched.rig.idle()

    job = {"extension": ACME, "job_type": "count"}
    assert sample(registry, "perdure_fuel_consumed_total", **job) == 3 * FUEL_PER_CALL
    assert sample(registry, "perdure_jobs_ended_total", **job, status="completed") == 1
    assert sample(registry, "perdure_job_duration_seconds_count", **job) == 1
    assert sample(registry, "perdure_jobs", status="running") == 0
    assert samples(registry, "perdure_operations_total") == {
        ("ping", "unknown", "ok"): 1,
        ("unknown", "unknown", "unknown_method"): 1,
    }
    stored = sum(1 for _ in watched.rig.store.read_all())
    assert sample(registry, "perdure_log_appended_events_total") == stored
    assert sample(registry, "perdure_log_commits_total") == len(watched.rig.store.batches)
    assert sample(registry, "perdure_log_commit_events_sum") == stored


def test_failures_and_retries_by_kind_and_cause(watched: Watched) -> None:
    registry = watched.hooks.registry
    watched.puppet.fail("trap")
    watched.rig.wait(watched.job_id, Status.FAILED)
    watched.rig.idle()
    watched.rig.control(watched.job_id, "retry")
    watched.rig.wait(watched.job_id, Status.RUNNING)

    assert samples(registry, "perdure_job_attempt_failures_total") == {(ACME, "trap"): 1}
    eventually(lambda: samples(registry, "perdure_job_attempts_total") == {(ACME, "dispatch"): 1, (ACME, "rerun"): 1})


def test_a_live_scrape_is_valid_openmetrics(watched: Watched) -> None:
    watched.puppet.do(lambda host: host.checkpoint(b"{}"))
    answer = get(watched.server.port, "/metrics", headers={"Accept": "application/openmetrics-text"})

    families = {family.name: family for family in openmetrics_families(answer.body)}
    assert families["perdure_fuel_consumed"].samples[0].value == FUEL_PER_CALL


def test_a_real_prometheus_scrapes_a_running_job(watched: Watched, tmp_path: Path) -> None:
    watched.puppet.do(lambda host: host.increment_items())
    with PrometheusServer(tmp_path, watched.server.port) as prometheus:
        eventually(lambda: prometheus.query("perdure_fuel_consumed_total") == {COUNT: FUEL_PER_CALL}, every=0.1)
        assert prometheus.query("perdure_jobs > 0") == {'{status="running"}': 1}
        assert prometheus.targets() == [("up", "")]
        (described,) = prometheus.help_of("perdure_fuel_consumed")
        assert (described["type"], described["help"][:4]) == ("counter", "Fuel")

        for _ in range(4):
            watched.puppet.do(lambda host: host.checkpoint(b"{}"))
        eventually(lambda: prometheus.query("perdure_fuel_consumed_total") == {COUNT: 5 * FUEL_PER_CALL}, every=0.1)

        watched.puppet.end()
        watched.rig.wait(watched.job_id, Status.COMPLETED)
        ended = 'perdure_jobs_ended_total{status="completed"}'
        eventually(lambda: list(prometheus.query(ended).values()) == [1], every=0.1)
        # What an alert asks: the zero before the first end is what makes this more than nothing.
        assert list(prometheus.query(f"increase({ended}[1m]) > bool 0").values()) == [1]
        quantile = "histogram_quantile(0.99, rate(perdure_log_commit_duration_seconds_bucket[1m]))"
        assert list(prometheus.query(quantile)) == ["{}"]
