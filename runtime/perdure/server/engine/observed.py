"""What the engine says of itself: see `perdure.server.link.observed`."""

from __future__ import annotations

from perdure.metrics import render
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.handlers import Handlers
from perdure.server.link.observed import METRICS, READINESS, AskReadiness, MetricsText, Readiness, ReadMetrics


def add_handlers(handlers: Handlers) -> None:
    """The family's."""
    handlers.add(METRICS, metrics)
    handlers.add(READINESS, readiness)


def metrics(engine: Engine, caller: Caller, request: ReadMetrics) -> MetricsText:
    """See `perdure.metrics.PrometheusHooks`; nothing where nobody counts."""
    counted = engine.observation.prometheus
    return MetricsText("" if counted is None else render(counted.registry, request.accept)[0].decode())


def readiness(engine: Engine, caller: Caller, request: AskReadiness) -> Readiness:
    """What keeps it from working."""
    reasons = []
    if engine.runtime.closed:
        reasons.append("the runtime is closed")
    health = engine.observation.health
    if health is not None and (problem := health.problem):
        reasons.append(f"the log cannot be written: {problem}")
    return Readiness(tuple(reasons))
