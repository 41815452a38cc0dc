"""One call of a client: an endpoint, its request, and what its answer means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from perdure.api.endpoint import Endpoint

Result = TypeVar("Result")


@dataclass(frozen=True)
class Call(Generic[Result]):
    """Ask ``endpoint`` for ``request``; ``result`` makes of its answer what the method returns.

    Attributes:
        seconds: how long to wait for an answer; None: the client's own limit.
        key: an Idempotency-Key.
        content: the file that goes with it, where the endpoint takes one.
    """

    endpoint: Endpoint[Any, Any]
    request: msgspec.Struct
    result: Callable[[Any], Result]
    seconds: float | None = None
    key: str | None = None
    content: bytes = b""
