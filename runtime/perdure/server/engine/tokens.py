"""Tokens, for clients."""

from __future__ import annotations

from datetime import timedelta

from perdure.api import tokens
from perdure.api.keeping import Nothing
from perdure.api.tokens import IssueToken, NewToken, RevokeToken, TokenShape, shape_of
from perdure.server.access.authorising import require_all
from perdure.server.access.caller import Caller
from perdure.server.engine.engine import Engine
from perdure.server.engine.handlers import Handlers


def add_handlers(handlers: Handlers) -> None:
    """The family's."""
    handlers.add(tokens.LIST, list_tokens)
    handlers.add(tokens.ISSUE, issue)
    handlers.add(tokens.REVOKE, revoke)


def list_tokens(engine: Engine, caller: Caller, request: Nothing) -> list[TokenShape]:
    """See `Runtime.tokens`."""
    require_all(caller)
    return [shape_of(token) for token in engine.runtime.tokens()]


def issue(engine: Engine, caller: Caller, request: IssueToken) -> NewToken:
    """See `Runtime.issue_token`. A token that is for some only must not make one that is for all."""
    require_all(caller)
    issued = engine.runtime.issue_token(
        request.name,
        request.scopes,
        libraries=request.libraries,
        extensions=request.extensions,
        lifetime=timedelta(seconds=request.lifetime_seconds) if request.lifetime_seconds is not None else None,
        by=caller.acting(request.by),
    )
    return NewToken(token=shape_of(issued.token), text=issued.text)


def revoke(engine: Engine, caller: Caller, request: RevokeToken) -> TokenShape:
    """See `Runtime.revoke_token`."""
    require_all(caller)
    return shape_of(engine.runtime.revoke_token(request.token, by=caller.acting(request.by)))
