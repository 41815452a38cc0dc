"""perdure.metrics: what is measured, for Prometheus.

Nothing here touches prometheus_client's global registry unless it is passed in.
"""

from perdure.metrics.definitions import LABELS, METRICS, OTHER, Label, MetricDefinition
from perdure.metrics.errors import AddressUnavailable, MetricsError, RegistryTaken
from perdure.metrics.exposition import MetricsServer, render
from perdure.metrics.prometheus import PrometheusHooks

__all__ = [
    "LABELS",
    "METRICS",
    "OTHER",
    "AddressUnavailable",
    "Label",
    "MetricDefinition",
    "MetricsError",
    "MetricsServer",
    "PrometheusHooks",
    "RegistryTaken",
    "render",
]
