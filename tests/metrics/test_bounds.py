"""No manifest, module or guest can make the number of series grow without end."""

from __future__ import annotations

import pytest
from tests.support.fixed_gauges import FixedGauges
from tests.support.samples import sample, samples

from perdure.actors import JobMeter
from perdure.metrics import LABELS, METRICS, OTHER, PrometheusHooks, render
from perdure.metrics.definitions import JOB_TYPES, JOB_TYPES_OF_ONE

ENDED = "perdure_jobs_ended_total"
EXTENSIONS = LABELS["extension"].limit


def run_job(hooks: PrometheusHooks, extension: str, job_type: str) -> None:
    meter = JobMeter(extension, f"{extension}:{job_type}")
    hooks.attempt_started(meter, "dispatch")
    meter.fuel = 1
    hooks.attempt_ended(meter)
    hooks.job_ended(extension, f"{extension}:{job_type}", "completed", 1.0)


def test_every_label_is_bounded() -> None:
    used = {label for definition in METRICS for label in definition.labels}

    assert used == set(LABELS)
    assert all(bool(label.values) != bool(label.limit) for label in LABELS.values())


def test_one_extension_with_endless_job_types() -> None:
    hooks = PrometheusHooks()
    jobs = JOB_TYPES_OF_ONE + 50
    for number in range(jobs):
        run_job(hooks, "hostile", f"type-{number}")
    run_job(hooks, "plain", "count")

    fuel = samples(hooks.registry, "perdure_fuel_consumed_total")
    assert len(fuel) == JOB_TYPES_OF_ONE + 2
    assert fuel["hostile", OTHER] == 50
    assert fuel["plain", "count"] == 1, "others keep their series"
    assert sum(samples(hooks.registry, ENDED).values()) == jobs + 1, "nothing is lost"


def test_endless_job_types_of_many_extensions() -> None:
    hooks = PrometheusHooks()
    extensions = JOB_TYPES // JOB_TYPES_OF_ONE + 3
    for extension in range(extensions):
        for number in range(JOB_TYPES_OF_ONE):
            run_job(hooks, f"hostile-{extension}", f"type-{number}")

    fuel = samples(hooks.registry, "perdure_fuel_consumed_total")
    assert len(fuel) == JOB_TYPES + 3
    assert sum(fuel.values()) == extensions * JOB_TYPES_OF_ONE


def test_endless_extensions() -> None:
    hooks = PrometheusHooks()
    tokens = {f"extension-{number}": 1.0 for number in range(EXTENSIONS + 7)}
    hooks.opened(FixedGauges(tokens=tokens))
    for extension in tokens:
        run_job(hooks, extension, "count")
        hooks.rate_limited(extension, True)
        hooks.budget_reached(extension, "fuel_per_hour", "suspend")
        hooks.attempt_failed(extension, f"{extension}:count", "trap")

    for metric in (
        "perdure_fuel_consumed_total",
        "perdure_job_attempts_total",
        "perdure_job_attempt_failures_total",
        "perdure_rate_limit_tokens",
        "perdure_budget_reached_total",
    ):
        found = samples(hooks.registry, metric)
        assert len(found) == EXTENSIONS + 1, metric
        assert sum(found.values()) == len(tokens), metric
        assert sum(number for labels, number in found.items() if labels[0] == OTHER) == 7, metric
    assert sample(hooks.registry, "perdure_rate_limit_decisions_total", extension=OTHER, decision="allowed") == 7


@pytest.mark.parametrize(
    ("label", "count"),
    [
        ("operation", lambda hooks, value: hooks.operation(value, "query", "ok", 0.1)),
        ("error", lambda hooks, value: hooks.commit_failed(value)),
    ],
)
def test_endless_values_of_other_labels(label: str, count: object) -> None:
    assert callable(count)
    hooks = PrometheusHooks()
    limit = LABELS[label].limit
    for number in range(limit + 5):
        count(hooks, f"value-{number}")

    name = {"operation": "perdure_operations_total", "error": "perdure_log_commit_failures_total"}[label]
    found = samples(hooks.registry, name)
    assert len(found) == limit + 1
    assert sum(number for labels, number in found.items() if labels[0] == OTHER) == 5


def test_a_value_that_a_label_does_not_have() -> None:
    hooks = PrometheusHooks()
    hooks.operation("query:mine", "my_own_effect", "my_own_code", 0.1)
    hooks.attempt_failed("acme", "acme:count", "bad luck")
    hooks.attempt_started(JobMeter("acme", "acme:count"), "a whim")
    hooks.actor_restarted("janitor")

    assert samples(hooks.registry, "perdure_operations_total") == {("query:mine", OTHER, OTHER): 1}
    assert samples(hooks.registry, "perdure_job_attempt_failures_total") == {("acme", OTHER): 1}
    assert samples(hooks.registry, "perdure_job_attempts_total") == {("acme", OTHER): 1}
    assert sample(hooks.registry, "perdure_actor_restarts_total", actor=OTHER) == 1


@pytest.mark.parametrize("name", ["", "\ud800", "two\nlines", "nul\0", "x" * 10_000])
def test_a_name_that_no_series_can_have(name: str) -> None:
    """One lone surrogate would make the whole exposition fail."""
    hooks = PrometheusHooks()
    run_job(hooks, name, "count")
    run_job(hooks, "acme", name)
    hooks.operation(name, name, name, 0.1)

    assert samples(hooks.registry, "perdure_fuel_consumed_total") == {(OTHER, OTHER): 1, ("acme", OTHER): 1}
    assert render(hooks.registry)[0].decode().isascii()


def test_a_name_with_quotes_and_backslashes_comes_out_as_it_went_in() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    hooks = PrometheusHooks()
    name = 'a "b" \\n ü'
    hooks.commit_failed(name)

    text = render(hooks.registry)[0].decode()
    found = [item.labels for family in text_string_to_metric_families(text) for item in family.samples]
    assert {"error": name} in found
