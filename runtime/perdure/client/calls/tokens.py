"""Tokens: who may use the server."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from perdure.api import tokens
from perdure.api.keeping import Nothing
from perdure.api.tokens import IssueToken, RevokeToken, issued_of, token_of
from perdure.client.calls.call import Call
from perdure.client.calls.said import said
from perdure.runtime.access.tokens import IssuedToken, Token
from perdure.runtime.errors import InvalidToken


def issue(
    name: str,
    scopes: Iterable[str],
    libraries: Iterable[UUID | str],
    extensions: Iterable[str],
    lifetime: timedelta | None,
    by: str,
) -> Call[IssuedToken]:
    """Give a client one."""
    request = IssueToken(
        name=name,
        scopes=[str(scope) for scope in scopes],
        libraries=[_library(library) for library in libraries],
        extensions=list(extensions),
        lifetime_seconds=lifetime.total_seconds() if lifetime is not None else None,
        by=said(by),
    )
    return Call(tokens.ISSUE, request, issued_of)


def _library(library: UUID | str) -> UUID:
    try:
        return library if isinstance(library, UUID) else UUID(library)
    except ValueError:
        raise InvalidToken("libraries", str(library), "UUIDs") from None


def revoke(token: str, by: str) -> Call[Token]:
    """Let it open nothing any more."""
    return Call(tokens.REVOKE, RevokeToken(token=token, by=said(by)), token_of)


def every() -> Call[list[Token]]:
    """Those that are not revoked."""
    return Call(tokens.LIST, Nothing(), lambda found: [token_of(one) for one in found])
