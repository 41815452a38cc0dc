"""Whose registry the metrics are in."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client import Counter as ClientCounter
from tests.support.samples import sample

from perdure.metrics import METRICS, MetricsError, PrometheusHooks, RegistryTaken
from perdure.runtime import Runtime


def names_in(registry: CollectorRegistry) -> set[str]:
    return {family.name for family in registry.collect()}


def test_a_registry_of_its_own_unless_one_is_given() -> None:
    first, second = PrometheusHooks(), PrometheusHooks()

    assert first.registry is not second.registry
    assert REGISTRY not in (first.registry, second.registry)
    assert not [name for name in names_in(REGISTRY) if name.startswith("perdure")]


def test_the_registry_that_is_given_even_when_it_is_empty() -> None:
    registry = CollectorRegistry()
    hooks = PrometheusHooks(registry)

    assert hooks.registry is registry
    hooks.recovered(1)
    assert sample(registry, "perdure_jobs_recovered_total") == 1


def test_a_second_one_on_the_same_registry_is_refused_and_the_first_goes_on() -> None:
    registry = CollectorRegistry()
    first = PrometheusHooks(registry)

    with pytest.raises(RegistryTaken, match="give every runtime that shares it the same PrometheusHooks") as caught:
        PrometheusHooks(registry)

    assert isinstance(caught.value, MetricsError)
    assert "perdure_fuel_consumed" in caught.value.names
    first.recovered(1)
    assert sample(registry, "perdure_jobs_recovered_total") == 1


def test_a_metric_of_somebody_else_with_such_a_name_is_named() -> None:
    registry = CollectorRegistry()
    ClientCounter("perdure_fuel_consumed", "Somebody else's.", registry=registry)

    with pytest.raises(RegistryTaken) as caught:
        PrometheusHooks(registry)

    assert "perdure_fuel_consumed" in caught.value.names


def test_close_takes_the_metrics_out_and_leaves_the_rest() -> None:
    registry = CollectorRegistry()
    ClientCounter("mine", "Mine.", registry=registry)
    with PrometheusHooks(registry) as hooks:
        assert len(names_in(registry)) == len(METRICS) + 1
    hooks.close()
    hooks.recovered(1)

    assert names_in(registry) == {"mine"}
    PrometheusHooks(registry)


def test_some_metrics_can_be_asked_for_alone() -> None:
    hooks = PrometheusHooks()
    families = list(hooks.registry.restricted_registry(["perdure_runtimes"]).collect())

    assert [family.name for family in families] == ["perdure_runtimes"]


def test_two_runtimes_in_one_process_share_one() -> None:
    hooks = PrometheusHooks()
    with Runtime.in_memory(hooks=hooks), Runtime.in_memory(hooks=hooks):
        assert sample(hooks.registry, "perdure_runtimes") == 2
        assert sample(hooks.registry, "perdure_jobs", status="running") == 0
        opened = sample(hooks.registry, "perdure_log_appended_events_total")
        assert opened == 2, "each has recorded that it was opened"

    assert sample(hooks.registry, "perdure_runtimes") == 0
    assert sample(hooks.registry, "perdure_log_appended_events_total") == 4
    assert sample(hooks.registry, "perdure_unreadable_gauges_total") == 0
