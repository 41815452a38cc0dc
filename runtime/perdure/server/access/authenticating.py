"""Who somebody is that shows a token."""

from __future__ import annotations

import os
import time
from typing import Final
from uuid import UUID

from perdure.api.errors import Unauthenticated
from perdure.api.scopes import ALL, Scope
from perdure.runtime.access.tokens import token_of
from perdure.server.access.caller import Caller
from perdure.store.event_store import EventStore

_SCHEME: Final = "bearer"


def owner() -> Caller:
    """Whoever comes through the Unix socket: only the owner of the data folder can."""
    uid = os.getuid()
    return Caller(client=f"owner:{uid}", name="the owner", scopes=ALL)


def caller_of(store: EventStore, authorization: str | None) -> Caller:
    """Whose the token in an Authorization header is.

    Raises:
        Unauthenticated: there is none, or none that opens anything.
    """
    scheme, _, text = (authorization or "").partition(" ")
    if not authorization:
        raise Unauthenticated
    if scheme.lower() != _SCHEME:
        raise Unauthenticated
    token = token_of(store, text.strip(), time.time_ns() // 1000)
    if token is None:
        raise Unauthenticated("this token opens nothing: it is unknown, has ended, or was revoked")
    return Caller(
        client=f"token:{token.token}",
        name=token.name,
        scopes=frozenset(Scope(scope) for scope in token.scopes),
        libraries=frozenset(map(UUID, token.libraries)) or None,
        extensions=frozenset(token.extensions) or None,
    )
