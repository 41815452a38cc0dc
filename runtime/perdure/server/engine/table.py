"""All functions of the engine, family by family."""

from __future__ import annotations

from perdure.server.engine import (
    extensions,
    folders,
    jobs,
    keeping,
    observed,
    operations,
    packages,
    proofs,
    steppers,
    tokens,
)
from perdure.server.engine.handlers import Handlers


def engine_handlers() -> Handlers:
    """Every endpoint that the engine answers."""
    handlers = Handlers()
    for family in (jobs, observed, steppers, extensions, packages, operations, folders, keeping, proofs, tokens):
        family.add_handlers(handlers)
    return handlers
