"""Which traces are kept. OpenTelemetry's samplers compare a trace id's lowest 64 bits with a share of them all.

A job's id has two fixed bits there, so that a share of a half would keep none. What they are shown is the id's random
end (56 bits, as in W3C Trace Context level 2), moved up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

_RANDOM: Final = (1 << 56) - 1
_SHIFT: Final = 8


class JobSampler(Sampler):
    """Decides as ``inner`` does, on what is random in a trace id."""

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """See `Sampler.should_sample`."""
        spread = trace_id >> 64 << 64 | (trace_id & _RANDOM) << _SHIFT
        return self._inner.should_sample(parent_context, spread, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """The inner one's."""
        return self._inner.get_description()
