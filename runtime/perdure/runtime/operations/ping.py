"""``query:test.ping``: an extension's proof that it reaches its host."""

from __future__ import annotations

from typing import Annotated

import msgspec

from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import query


class PingInput(msgspec.Struct, frozen=True):
    """``count`` comes back as it was sent, 1 if it was not."""

    message: str
    count: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None


class PingOutput(msgspec.Struct, frozen=True):
    """The answer."""

    echo: str
    count: int
    extension_works: bool


@query("test.ping")
def ping(context: CallContext, request: PingInput) -> PingOutput:
    """Answer a ping: a test that operations reach the host."""
    return PingOutput(f"Pong: {request.message}", request.count if request.count is not None else 1, True)
