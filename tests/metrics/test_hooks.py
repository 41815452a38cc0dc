"""Each hook moves the metrics that it is for."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from tests.support.samples import sample, samples

from perdure.actors import HOST_FUNCTIONS, JobMeter
from perdure.metrics import PrometheusHooks


@pytest.fixture
def hooks() -> PrometheusHooks:
    return PrometheusHooks()


@pytest.fixture
def registry(hooks: PrometheusHooks) -> CollectorRegistry:
    return hooks.registry


def test_a_commit(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    hooks.committed(events=3, size=120, requests=2, seconds=0.003)
    hooks.committed(events=1, size=30, requests=1, seconds=0.3)

    assert sample(registry, "perdure_log_commits_total") == 2
    assert sample(registry, "perdure_log_commit_requests_total") == 3
    assert sample(registry, "perdure_log_appended_events_total") == 4
    assert sample(registry, "perdure_log_appended_bytes_total") == 150
    assert sample(registry, "perdure_log_commit_duration_seconds_count") == 2
    assert sample(registry, "perdure_log_commit_duration_seconds_sum") == pytest.approx(0.303)
    assert sample(registry, "perdure_log_commit_duration_seconds_bucket", le="0.0025") == 0
    assert sample(registry, "perdure_log_commit_duration_seconds_bucket", le="0.005") == 1
    assert sample(registry, "perdure_log_commit_duration_seconds_bucket", le="0.25") == 1
    assert sample(registry, "perdure_log_commit_duration_seconds_bucket", le="0.5") == 2
    assert sample(registry, "perdure_log_commit_events_sum") == 4
    assert sample(registry, "perdure_log_commit_events_bucket", le="1.0") == 1
    assert sample(registry, "perdure_log_commit_events_bucket", le="5.0") == 2


def test_a_failed_commit(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    hooks.commit_failed("DiskFull")
    hooks.commit_failed("DiskFull")

    assert samples(registry, "perdure_log_commit_failures_total") == {("DiskFull",): 2}
    assert sample(registry, "perdure_log_commits_total") == 0


def test_what_is_not_kept(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    hooks.folded(jobs=2, events=30, size=4000)
    hooks.folded(jobs=1, events=3, size=400)
    hooks.swept(blobs=4, size=500_000)
    hooks.retention_ran()

    assert sample(registry, "perdure_jobs_folded_total") == 3
    assert sample(registry, "perdure_log_folded_events_total") == 33
    assert sample(registry, "perdure_log_folded_bytes_total") == 4400
    assert sample(registry, "perdure_blobs_swept_total") == 4
    assert sample(registry, "perdure_blobs_swept_bytes_total") == 500_000
    assert sample(registry, "perdure_retention_runs_total") == 1


def test_an_attempt_counts_what_its_meter_says_while_it_runs_and_afterwards(
    hooks: PrometheusHooks, registry: CollectorRegistry
) -> None:
    meter = JobMeter("acme", "acme:count")
    hooks.attempt_started(meter, "dispatch")
    labels = {"extension": "acme", "job_type": "count"}
    assert sample(registry, "perdure_fuel_consumed_total", **labels) == 0

    meter.fuel = 70
    meter.calls[HOST_FUNCTIONS.index("checkpoint")] = 2
    assert sample(registry, "perdure_fuel_consumed_total", **labels) == 70
    assert sample(registry, "perdure_host_calls_total", extension="acme", function="checkpoint") == 2
    assert sample(registry, "perdure_host_calls_total", extension="acme", function="log") == 0

    meter.fuel = 100
    hooks.attempt_ended(meter)
    assert sample(registry, "perdure_fuel_consumed_total", **labels) == 100
    assert sample(registry, "perdure_host_calls_total", extension="acme", function="checkpoint") == 2
    assert samples(registry, "perdure_job_attempts_total") == {("acme", "dispatch"): 1}


def test_attempts_by_what_queued_the_job(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    for cause in ("dispatch", "retry", "retry"):
        hooks.attempt_started(JobMeter("acme", "acme:count"), cause)

    assert samples(registry, "perdure_job_attempts_total") == {("acme", "dispatch"): 1, ("acme", "retry"): 2}


def test_what_the_log_answered(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    hooks.replayed("acme", 40)
    hooks.replayed("acme", 2)
    hooks.action_reused("acme")

    assert samples(registry, "perdure_replayed_calls_total") == {("acme",): 42}
    assert samples(registry, "perdure_actions_reused_total") == {("acme",): 1}


def test_actions_in_doubt_and_what_was_said_of_them(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    doubts, resolved = "perdure_actions_in_doubt_total", "perdure_doubts_resolved_total"
    assert samples(registry, doubts) == {("retried",): 0, ("attention",): 0}
    assert samples(registry, resolved) == {("succeeded",): 0, ("failed",): 0, ("again",): 0}

    hooks.in_doubt("idempotent", "retried")
    for _ in range(2):
        hooks.in_doubt("non_idempotent", "attention")
    hooks.doubt_resolved("failed")

    assert samples(registry, doubts) == {("retried",): 1, ("attention",): 2}
    assert samples(registry, resolved) == {("succeeded",): 0, ("failed",): 1, ("again",): 0}


def test_the_end_of_a_job(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    hooks.attempt_started(JobMeter("acme", "acme:count"), "dispatch")
    ended = "perdure_jobs_ended_total"
    before = {("acme", "count", status): 0.0 for status in ("completed", "failed", "cancelled")}
    assert samples(registry, ended) == before, "an alert needs the zero before the first failure"

    hooks.job_ended("acme", "acme:count", "failed", 2.5)

    assert samples(registry, ended) == before | {("acme", "count", "failed"): 1}
    labels = {"extension": "acme", "job_type": "count"}
    assert sample(registry, "perdure_job_duration_seconds_sum", **labels) == 2.5
    assert sample(registry, "perdure_job_duration_seconds_bucket", le="1.0", **labels) == 0
    assert sample(registry, "perdure_job_duration_seconds_bucket", le="5.0", **labels) == 1


def test_a_duration_below_zero_counts_as_zero(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    """A wall clock that was set back must not let the sum of a histogram fall."""
    hooks.job_ended("acme", "acme:count", "completed", -3600.0)

    labels = {"extension": "acme", "job_type": "count"}
    assert sample(registry, "perdure_job_duration_seconds_sum", **labels) == 0
    assert sample(registry, "perdure_job_duration_seconds_count", **labels) == 1


def test_a_failed_attempt(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    hooks.attempt_failed("acme", "acme:count", "trap")
    hooks.attempt_failed("acme", "acme:other", "trap")

    assert samples(registry, "perdure_job_attempt_failures_total") == {("acme", "trap"): 2}


def test_recovered_jobs(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    assert sample(registry, "perdure_jobs_recovered_total") == 0
    hooks.recovered(3)
    hooks.recovered(0)

    assert sample(registry, "perdure_jobs_recovered_total") == 3


def test_an_operation(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    hooks.operation("query:test.ping", "query", "ok", 0.000_2)
    hooks.operation("query:test.ping", "query", "failed", 3.0)
    hooks.operation("unknown", "unknown", "permission_denied", 0.0)

    assert samples(registry, "perdure_operations_total") == {
        ("query:test.ping", "query", "ok"): 1,
        ("query:test.ping", "query", "failed"): 1,
        ("unknown", "unknown", "permission_denied"): 1,
    }
    duration = "perdure_operation_duration_seconds"
    assert sample(registry, f"{duration}_count", operation="query:test.ping") == 2
    assert sample(registry, f"{duration}_bucket", operation="query:test.ping", le="0.00025") == 1


def test_a_rate_limit_decision(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    decisions = "perdure_rate_limit_decisions_total"
    hooks.rate_limited("acme", True)
    assert samples(registry, decisions) == {("acme", "allowed"): 1, ("acme", "refused"): 0}

    hooks.rate_limited("acme", False)
    assert samples(registry, decisions) == {("acme", "allowed"): 1, ("acme", "refused"): 1}


def test_a_restarted_actor(hooks: PrometheusHooks, registry: CollectorRegistry) -> None:
    hooks.actor_restarted("extension")

    assert samples(registry, "perdure_actor_restarts_total") == {
        ("log",): 0,
        ("router",): 0,
        ("extension",): 1,
        ("job",): 0,
    }
