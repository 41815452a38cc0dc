"""A tracer provider that sends spans by OTLP over HTTP, set up by OpenTelemetry's own variables.

``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_EXPORTER_OTLP_HEADERS``, ``OTEL_SERVICE_NAME``, ``OTEL_RESOURCE_ATTRIBUTES``,
``OTEL_TRACES_SAMPLER``, ``OTEL_BSP_…``: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
"""

from __future__ import annotations

import os
import threading
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from perdure.tracing.ids import ChosenIds
from perdure.tracing.sampling import JobSampler

_SERVICE: Final = "perdure"
_PATIENCE: Final = 3.0  # seconds that a receiver which does not answer has at the end


def exporting_provider(version: str = "") -> TracerProvider:
    """A provider for `perdure.tracing.TraceHooks`; its ``shutdown`` sends what is left, for a few seconds at most.

    Spans are sent in batches by a thread of its own. Where the receiver is slow or gone they are dropped, beyond
    ``OTEL_BSP_MAX_QUEUE_SIZE``: jobs never wait for it.

    Args:
        version: perdure's, for ``service.version``.
    """
    named: dict[str, str] = {SERVICE_VERSION: version} if version else {}
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        named[SERVICE_NAME] = _SERVICE
    return _ExportingProvider(Resource.create(named), OTLPSpanExporter())


class _ExportingProvider(TracerProvider):
    """Ends in time, whether or not anybody takes what is left."""

    def __init__(self, resource: Resource, exporter: OTLPSpanExporter) -> None:
        super().__init__(resource=resource, id_generator=ChosenIds(), shutdown_on_exit=False)
        self.sampler = JobSampler(self.sampler)  # the one that the environment names
        self._exporter = exporter
        self.add_span_processor(BatchSpanProcessor(exporter))

    def shutdown(self) -> None:
        """Send what is left."""
        # The exporter would try each batch again for ten seconds; its own shutdown ends that.
        limit = threading.Timer(_PATIENCE, self._exporter.shutdown)
        limit.daemon = True
        limit.start()
        try:
            super().shutdown()
        finally:
            limit.cancel()
