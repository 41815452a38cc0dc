"""What a registry's metrics say."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families


def sample(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """The sample of this name with exactly these labels; None if there is none."""
    return registry.get_sample_value(name, labels)


def samples(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """All samples of this name, by the values of their labels in the order of the labels' definition."""
    return {
        tuple(found.labels.values()): found.value
        for family in registry.collect()
        for found in family.samples
        if found.name == name
    }


def openmetrics_families(body: bytes) -> list[Metric]:
    """An exposition in OpenMetrics, taken apart by the strict parser."""
    return list(text_string_to_metric_families(body.decode()))  # type: ignore[no-untyped-call]  # it has no types
