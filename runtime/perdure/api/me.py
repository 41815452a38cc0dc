"""Who a client is to the server: what a page asks first."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.api.endpoint import Endpoint
from perdure.api.scopes import Scope


class WhoAmI(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing has to be given: the token says it."""


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """What the token opens.

    Attributes:
        client: what the log calls this client.
        name: what people call it.
        scopes: what it may do; ``admin`` is everything.
        libraries, extensions: the only ones that it is for; null for all.
        version: the server's.
    """

    client: str
    name: str
    scopes: list[Scope]
    libraries: list[UUID] | None
    extensions: list[str] | None
    version: str


ME: Final = Endpoint("me", "GET", "/v1/me", Scope.READ, WhoAmI, Me, "What this token opens")

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (ME,)
