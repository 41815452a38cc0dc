"""All functions of the engine, family by family."""

from __future__ import annotations

from perdure.server.engine import jobs, observed, steppers
from perdure.server.engine.handlers import Handlers


def engine_handlers() -> Handlers:
    """Every endpoint that the engine answers."""
    handlers = Handlers()
    for family in (jobs, observed, steppers):
        family.add_handlers(handlers)
    return handlers
