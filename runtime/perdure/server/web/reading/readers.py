"""Which function answers an endpoint from the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from perdure.api.endpoint import Endpoint
from perdure.server.access.caller import Caller
from perdure.server.web.site import Site

Request = TypeVar("Request", bound=msgspec.Struct)
Answer = TypeVar("Answer")
Reader = Callable[[Site, Caller, Any], Any]


class Readers:
    """Endpoints' functions, by name. They run on a thread, and may take a while."""

    def __init__(self) -> None:
        self._found: dict[str, Reader] = {}

    def add(self, endpoint: Endpoint[Request, Answer], reader: Callable[[Site, Caller, Request], Answer]) -> None:
        """Let ``reader`` answer ``endpoint``."""
        if endpoint.name in self._found:
            raise ValueError(f"{endpoint.name} has a reader")
        self._found[endpoint.name] = reader

    def get(self, name: str) -> Reader | None:
        """The function for the endpoint with this name, None if the engine has to answer it."""
        return self._found.get(name)

    @property
    def names(self) -> frozenset[str]:
        """The endpoints that are answered here."""
        return frozenset(self._found)
