"""A tracer provider that sends spans by OTLP over HTTP, set up by OpenTelemetry's own variables.

``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_EXPORTER_OTLP_HEADERS``, ``OTEL_SERVICE_NAME``, ``OTEL_RESOURCE_ATTRIBUTES``,
``OTEL_TRACES_SAMPLER``, ``OTEL_BSP_…``: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
"""

from __future__ import annotations

import os
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from perdure.tracing.ids import ChosenIds
from perdure.tracing.sampling import JobSampler

_SERVICE: Final = "perdure"


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
    provider = TracerProvider(resource=Resource.create(named), id_generator=ChosenIds(), shutdown_on_exit=False)
    provider.sampler = JobSampler(provider.sampler)  # the one that the environment names
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
