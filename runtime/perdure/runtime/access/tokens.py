"""Tokens: what a client of the server shows to be let in.

A token is ``pdr_ID_SECRET``. The secret has 256 random bits, so its SHA-256 is all that has to be kept: there is
nothing to guess that a slow hash would make slower. What a token opens is in the log (`TokenIssued`), and in a row of
its own that a reader finds it by.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from typing import Final

import msgspec

from perdure.store.event_store import EventStore
from perdure.store.events import RowWrite, TokenIssued
from perdure.store.rows import SEPARATOR, row_key

_FAMILY: Final = "access.token"
_TEXT: Final = re.compile(r"pdr_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_PAGE: Final = 1000
_NOBODY: Final = bytes(32)  # no secret's digest


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it is kept. Times are microseconds since 1970. Stored: a new field has a default.

    Attributes:
        token: its public id.
        name: the client's.
        digest: of its secret, SHA-256.
        scopes: ``read``, ``dispatch``, ``control``, ``admin``.
        libraries, extensions: the only ones it is for; empty for all.
        issued_at, expires_at: when it was issued, and when it ends; None for never.
        issued_by: who issued it.
    """

    token: str
    name: str
    digest: bytes
    scopes: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    issued_at: int = 0
    expires_at: int | None = None
    issued_by: str = ""


class IssuedToken(msgspec.Struct, frozen=True):
    """A new token, and its text, which nobody can be told again."""

    token: Token
    text: str

    def __repr__(self) -> str:
        return f"IssuedToken({self.token.token!r}, text=[sensitive])"


_decode = msgspec.msgpack.Decoder(Token).decode
_encode = msgspec.msgpack.Encoder().encode


def new_token(
    name: str,
    scopes: tuple[str, ...],
    *,
    libraries: tuple[str, ...] = (),
    extensions: tuple[str, ...] = (),
    issued_at: int,
    expires_at: int | None = None,
    by: str,
) -> IssuedToken:
    """A token that nobody has yet."""
    identifier, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    token = Token(
        token=identifier,
        name=name,
        digest=_digest(secret),
        scopes=scopes,
        libraries=libraries,
        extensions=extensions,
        issued_at=issued_at,
        expires_at=expires_at,
        issued_by=by,
    )
    return IssuedToken(token, f"pdr_{identifier}_{secret}")


def issued_event(token: Token) -> TokenIssued:
    """The event that lets it in."""
    return TokenIssued(
        token.token,
        token.name,
        token.digest,
        token.scopes,
        token.libraries,
        token.extensions,
        token.expires_at,
        token.issued_by,
        (RowWrite(token_key(token.token), _encode(token)),),
    )


def token_key(identifier: str) -> bytes:
    """The key of a token's row."""
    return row_key(_FAMILY, identifier)


def token_with_id(store: EventStore, identifier: str) -> Token | None:
    """The token with this id, None if there is none."""
    row = store.row(token_key(identifier))
    return _decode(row.value) if row is not None else None


def token_of(store: EventStore, text: str, now: int) -> Token | None:
    """The token that somebody shows; None if it opens nothing: it is none, has ended, or was revoked."""
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    identifier, secret = match.groups()
    token = token_with_id(store, identifier)
    # The same work is done for an id that nobody has: how long it takes does not say which ids there are.
    is_its = hmac.compare_digest(token.digest if token is not None else _NOBODY, _digest(secret))
    if token is None or not is_its:
        return None
    return token if token.expires_at is None or now < token.expires_at else None


def all_tokens(store: EventStore) -> Iterator[Token]:
    """Every token that is not revoked, by id."""
    prefix = _FAMILY.encode() + SEPARATOR
    after = b""
    while rows := store.rows(prefix, after=after, limit=_PAGE):
        for row in rows:
            yield _decode(row.value)
        after = rows[-1].key


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
