"""Which function answers an endpoint in the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from perdure.api.endpoint import Endpoint
from perdure.server.access.caller import Caller
from perdure.server.engine.received import Received
from perdure.server.link.files import FileReady

if TYPE_CHECKING:
    from perdure.server.engine.engine import Engine

Request = TypeVar("Request", bound=msgspec.Struct)
Answer = TypeVar("Answer")
Handler = Callable[["Engine", Caller, Any], Any]


class Handlers:
    """Endpoints' functions, by name."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Endpoint[Any, Any], Handler]] = {}

    def add(self, endpoint: Endpoint[Request, Answer], handler: Callable[[Engine, Caller, Request], Answer]) -> None:
        """Let ``handler`` answer ``endpoint``: with the engine, who asks, and the request."""
        if endpoint.name in self._found:
            raise ValueError(f"{endpoint.name} has a handler")
        self._found[endpoint.name] = (endpoint, handler)

    def add_upload(
        self, endpoint: Endpoint[Request, Answer], handler: Callable[[Engine, Caller, Received[Request]], Answer]
    ) -> None:
        """The same for an endpoint that a file comes with."""
        self.add(endpoint, cast("Callable[[Engine, Caller, Request], Answer]", handler))

    def add_download(
        self, endpoint: Endpoint[Request, bytes], handler: Callable[[Engine, Caller, Request], FileReady]
    ) -> None:
        """The same for an endpoint that is answered by a file."""
        self.add(endpoint, cast("Callable[[Engine, Caller, Request], bytes]", handler))

    def get(self, name: str) -> tuple[Endpoint[Any, Any], Handler] | None:
        """The endpoint with this name and its handler."""
        return self._found.get(name)

    @property
    def names(self) -> frozenset[str]:
        """The endpoints that are answered."""
        return frozenset(self._found)
