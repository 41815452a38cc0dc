"""From definitions and numbers to prometheus_client's metric families.

The numbers are kept here and not in prometheus_client's own counters: those add a ``_created`` series to each, and
write files of their own when the embedder's process sets ``PROMETHEUS_MULTIPROC_DIR``, asked or not.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from perdure.metrics.definitions import MetricDefinition
from perdure.metrics.server_definitions import ALL_LABELS, ALL_METRICS

LabelValues = tuple[str, ...]

DEFINITIONS: Final = {definition.name: definition for definition in ALL_METRICS}


def describe(definition: MetricDefinition) -> Metric:
    """The family without a sample."""
    if definition.kind == "histogram":
        return histogram_family(definition, {})
    return number_family(definition, {})


def number_family(definition: MetricDefinition, numbers: Mapping[LabelValues, float]) -> Metric:
    """A counter's or a gauge's family."""
    family_type = CounterMetricFamily if definition.kind == "counter" else GaugeMetricFamily
    family = family_type(definition.name, definition.help, labels=definition.labels, unit=definition.unit)
    for labels, number in numbers.items():
        family.add_metric(labels, number)
    return family


def histogram_family(
    definition: MetricDefinition, series: Mapping[LabelValues, tuple[Sequence[int], float]]
) -> HistogramMetricFamily:
    """A histogram's family, from the observations in each bucket (one more than there are bounds) and their sum."""
    family = HistogramMetricFamily(definition.name, definition.help, labels=definition.labels, unit=definition.unit)
    bounds = [*map(repr, definition.buckets), "+Inf"]
    for labels, (counts, total) in series.items():
        family.add_metric(labels, list(zip(bounds, itertools.accumulate(counts), strict=True)), total)
    return family


def first_series(definition: MetricDefinition) -> list[LabelValues]:
    """The series that are there, at zero, before anything was counted: all, when all its labels' values are known."""
    return list(itertools.product(*(ALL_LABELS[label].values for label in definition.labels)))
