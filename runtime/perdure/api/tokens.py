"""Tokens over HTTP: who may use the server."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from perdure.api.endpoint import Endpoint
from perdure.api.extensions import By
from perdure.api.keeping import Nothing
from perdure.api.scopes import Scope
from perdure.api.twins import twin_of
from perdure.runtime.access.tokens import IssuedToken, Token


class TokenShape(msgspec.Struct, frozen=True, kw_only=True):
    """A token as people see it: its public id, and what it opens. Empty lists are for all."""

    token: str
    name: str
    scopes: list[str]
    libraries: list[str]
    extensions: list[str]
    issued_at: datetime
    expires_at: datetime | None
    issued_by: str


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A new token; its ``text`` is a secret that nobody is told again."""

    token: TokenShape
    text: str

    def __repr__(self) -> str:
        return f"NewToken({self.token.token!r}, text=[sensitive])"


def shape_of(token: Token) -> TokenShape:
    """A token, for the wire: without the digest of its secret."""
    return twin_of(token, TokenShape)


def token_of(shape: TokenShape) -> Token:
    """The token that it was made of; its digest is empty."""
    fields = {name: getattr(shape, name) for name in ("token", "name", "issued_by")}
    times = twin_of(shape, _Times)
    return Token(
        **fields,
        digest=b"",
        scopes=tuple(shape.scopes),
        libraries=tuple(shape.libraries),
        extensions=tuple(shape.extensions),
        issued_at=times.issued_at,
        expires_at=times.expires_at,
    )


def issued_of(new: NewToken) -> IssuedToken:
    """The token that was issued."""
    return IssuedToken(token_of(new.token), new.text)


class _Times(msgspec.Struct):
    issued_at: int
    expires_at: int | None


class IssueToken(msgspec.Struct, frozen=True, kw_only=True):
    """Give a client a token.

    Attributes:
        name: what people call the client.
        scopes: of ``read``, ``dispatch``, ``control``, ``admin``; the last one has all.
        libraries, extensions: the only ones that it is for; none is all of them.
        lifetime_seconds: null is until it is revoked.
    """

    name: str
    scopes: list[str]
    libraries: list[UUID] = []
    extensions: list[str] = []
    lifetime_seconds: Annotated[float, Meta(le=3.2e9)] | None = None
    by: By = None


class RevokeToken(msgspec.Struct, frozen=True, kw_only=True):
    """Which token, by its public id."""

    token: str
    by: By = None


LIST: Final = Endpoint(
    "tokens.list", "GET", "/v1/tokens", Scope.ADMIN, Nothing, list[TokenShape], "List the tokens that are not revoked"
)
ISSUE: Final = Endpoint(
    "tokens.issue",
    "POST",
    "/v1/tokens",
    Scope.ADMIN,
    IssueToken,
    NewToken,
    "Give a client a token",
    acts=True,
    status=201,
)
REVOKE: Final = Endpoint(
    "tokens.revoke",
    "DELETE",
    "/v1/tokens/{token}",
    Scope.ADMIN,
    RevokeToken,
    TokenShape,
    "Let a token open nothing any more",
    acts=True,
)

ENDPOINTS: Final[tuple[Endpoint[Any, Any], ...]] = (LIST, ISSUE, REVOKE)
