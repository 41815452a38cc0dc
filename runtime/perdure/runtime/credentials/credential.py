"""What a credential can be, and when it has to be refreshed: pure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from perdure.runtime.operations.declaration import Sensitive

REFRESH_BEFORE: Final = 60  # seconds before its end; a token must not expire on its way

_LONG: Final = msgspec.Meta(min_length=1, max_length=64 * 1024)
_SHORT: Final = msgspec.Meta(min_length=1, max_length=2048)

# No control characters: a name is shown in histories and is a part of a row's key.
Name = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,100}$(?!\n)")]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class _Silent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what must not show itself in a log or a traceback."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class OAuth2(_Silent, frozen=True, kw_only=True, tag="oauth2", forbid_unknown_fields=True):
    """A token of OAuth 2.0 (RFC 6749).

    Attributes:
        expires_at: seconds since 1970; None if that is not known.
        token_url: where a new one is to be had; with ``refresh_token`` it is refreshed before it expires.
        client_auth: how the client proves itself there: ``basic`` in a header, ``body`` among the parameters.
    """

    access_token: Annotated[str, Sensitive, _LONG]
    refresh_token: Annotated[str, Sensitive, _LONG] | None = None
    expires_at: Seconds | None = None
    token_url: Annotated[str, _SHORT] | None = None
    client_id: Annotated[str, _SHORT] | None = None
    client_secret: Annotated[str, Sensitive, _LONG] | None = None
    client_auth: Literal["basic", "body"] = "basic"
    scopes: tuple[Annotated[str, _SHORT], ...] = ()

    def expired(self, now: float) -> bool:
        """Whether it is no longer valid at ``now``, in seconds since 1970."""
        return self.expires_at is not None and self.expires_at <= now

    def due(self, now: float) -> bool:
        """Whether it is time to refresh it."""
        return self.expires_at is not None and self.expires_at - REFRESH_BEFORE <= now

    @property
    def refreshable(self) -> bool:
        """Whether it has what a refresh needs."""
        return self.refresh_token is not None and self.token_url is not None


class ApiKey(_Silent, frozen=True, kw_only=True, tag="api_key", forbid_unknown_fields=True):
    """A key that is sent along as it is."""

    key: Annotated[str, Sensitive, _LONG]


class Basic(_Silent, frozen=True, kw_only=True, tag="basic", forbid_unknown_fields=True):
    """A user's name and password."""

    username: str
    password: Annotated[str, Sensitive, msgspec.Meta(max_length=64 * 1024)]


class Login(_Silent, frozen=True, kw_only=True, tag="login", forbid_unknown_fields=True):
    """What a password manager keeps of a place where somebody logs in.

    Attributes:
        totp: the seed of its codes: an ``otpauth://totp/`` URI, or base32; see ``credentials.totp``.
        fields: whatever else there is, by name.
    """

    username: Annotated[str, Sensitive, msgspec.Meta(max_length=2048)] = ""
    password: Annotated[str, Sensitive, msgspec.Meta(max_length=64 * 1024)] = ""
    urls: Annotated[tuple[Annotated[str, _SHORT], ...], Sensitive, msgspec.Meta(max_length=100)] = ()
    notes: Annotated[str, Sensitive, msgspec.Meta(max_length=64 * 1024)] = ""
    totp: Annotated[str, Sensitive, _SHORT] | None = None
    fields: Annotated[
        dict[Annotated[str, _SHORT], Annotated[str, msgspec.Meta(max_length=64 * 1024)]],
        Sensitive,
        msgspec.Meta(max_length=100),
    ] = {}


Credential = OAuth2 | ApiKey | Basic | Login


def kind_of(credential: Credential) -> str:
    """``oauth2``, ``api_key``, ``basic`` or ``login``."""
    return str(credential.__struct_config__.tag)


def expiry_of(credential: Credential) -> int | None:
    """When it expires, in seconds since 1970; None if it does not, or that is not known."""
    return credential.expires_at if isinstance(credential, OAuth2) else None
