"""What the web process asks about the engine itself: its metrics, and whether it is ready. Not for clients."""

from __future__ import annotations

from typing import Final

import msgspec

from perdure.api.endpoint import Endpoint
from perdure.api.scopes import Scope


class ReadMetrics(msgspec.Struct, frozen=True):
    """A scrape, with its Accept header."""

    accept: str = ""


class MetricsText(msgspec.Struct, frozen=True):
    """The engine's metrics as text, without an end."""

    text: str


class AskReadiness(msgspec.Struct, frozen=True):
    """Whether the engine does its work."""


class Readiness(msgspec.Struct, frozen=True):
    """``reasons`` say why it is not ready, in words that anybody may read; none: it is."""

    reasons: tuple[str, ...] = ()


METRICS: Final = Endpoint(
    name="engine.metrics",
    verb="GET",
    path="",
    scope=Scope.READ,
    request=ReadMetrics,
    answer=MetricsText,
    summary="The engine's metrics.",
)
READINESS: Final = Endpoint(
    name="engine.readiness",
    verb="GET",
    path="",
    scope=Scope.READ,
    request=AskReadiness,
    answer=Readiness,
    summary="Whether the engine is ready.",
)
