"""``query:test.ping``: an extension's proof that it reaches its host."""

from __future__ import annotations

from typing import Annotated

import msgspec

from perdure.runtime.operations.registry import CallContext, OperationRegistry
from perdure.runtime.permissions import OperationName


class PingInput(msgspec.Struct, frozen=True):
    """``count`` comes back as it was sent, 1 if it was not."""

    message: str
    count: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None


class PingOutput(msgspec.Struct, frozen=True):
    """The answer."""

    echo: str
    count: int
    extension_works: bool


def ping(context: CallContext, request: PingInput) -> PingOutput:
    """Answer a ping."""
    return PingOutput(f"Pong: {request.message}", request.count if request.count is not None else 1, True)


def register(registry: OperationRegistry) -> None:
    """Add the operation to a registry."""
    registry.register(OperationName("query", "test.ping", 1), PingInput, PingOutput, ping)
