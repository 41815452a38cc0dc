"""Who may use a server on this folder."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from perdure.runtime.access.request_keys import ended, write_of
from perdure.runtime.access.tokens import (
    IssuedToken,
    Token,
    all_tokens,
    issued_event,
    new_token,
    token_key,
    token_with_id,
)
from perdure.runtime.errors import InvalidToken, UnknownToken
from perdure.runtime.facade.parts import Parts
from perdure.runtime.manifest import is_extension_id
from perdure.store.event_store import Effects
from perdure.store.events import (
    ACCESS_STREAM,
    AccessEvent,
    RequestKeysForgotten,
    RowWrite,
    TokenRevoked,
    access_stream,
)

SCOPES: Final = ("read", "dispatch", "control", "admin")
_MAX_NAME: Final = 100  # characters


class AccessFacade(Parts):
    """What `Runtime` does with tokens."""

    def issue_token(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        libraries: Iterable[UUID | str] = (),
        extensions: Iterable[str] = (),
        lifetime: timedelta | None = None,
        by: str = "python",
    ) -> IssuedToken:
        """Give a client a token. Durable. Its text is in the answer, and nowhere else: only a digest of it is kept.

        Args:
            name: what people call the client.
            scopes: of ``read``, ``dispatch``, ``control``, ``admin``; the last one has all.
            libraries, extensions: the only ones that it is for; none is all of them.
            lifetime: None is until it is revoked.
            by: who issues it, for the log.

        Raises:
            InvalidToken: the name, a scope, a library or the lifetime makes no sense.
            StoreError: it could not be recorded.
        """
        self._check()
        wanted = tuple(dict.fromkeys(str(scope) for scope in scopes))
        if not name or len(name) > _MAX_NAME or not name.isprintable() or name != name.strip():
            raise InvalidToken("name", name, f"1 to {_MAX_NAME} characters that can be seen")
        if not wanted or not set(wanted) <= set(SCOPES):
            raise InvalidToken("scopes", ", ".join(wanted), f"one or more of {', '.join(SCOPES)}")
        only = tuple(dict.fromkeys(extensions))
        if unfit := [name for name in only if not is_extension_id(name)]:
            raise InvalidToken("extensions", unfit[0], "ids of extensions")
        if lifetime is not None and lifetime <= timedelta(0):
            raise InvalidToken("lifetime", str(lifetime), "more than nothing")
        now = self.clock.now()
        issued = new_token(
            name,
            wanted,
            libraries=tuple(dict.fromkeys(str(_library(library)) for library in libraries)),
            extensions=only,
            issued_at=now,
            expires_at=now + lifetime // timedelta(microseconds=1) if lifetime is not None else None,
            by=by,
        )
        self._system.append(ACCESS_STREAM, [issued_event(issued.token)])
        return issued

    def revoke_token(self, token: str, *, by: str = "python") -> Token:
        """Let a token open nothing any more, from now on. Durable. Returns what it was.

        Raises:
            UnknownToken: there is no token with this id.
        """
        self._check()
        found = token_with_id(self.store, token)
        if found is None:
            raise UnknownToken(token)
        self._system.append(ACCESS_STREAM, [TokenRevoked(token, by, (RowWrite(token_key(token), None),))])
        return found

    def tokens(self) -> list[Token]:
        """The tokens that are not revoked; those that have ended are among them."""
        self._check()
        return sorted(all_tokens(self.store), key=lambda token: token.issued_at)

    def forget_request_keys(self) -> int:
        """Let the idempotency keys that have had their day be used again. Durable. Returns how many there were."""
        self._check()
        count = 0
        for keys in ended(self.store, self.clock.now()):
            event = RequestKeysForgotten(len(keys), tuple(write_of(key, None) for key in keys))
            self._system.append(access_stream(""), [event])
            count += len(keys)
        return count

    def record_access(self, stream: str, event: AccessEvent, effects: Effects | None = None) -> None:
        """Put what a client does into the log. Durable. For servers; see `perdure.server.engine`.

        Raises:
            WriteConflict: what ``effects`` read is not so any more.
            StoreError: it could not be recorded.
        """
        self._check()
        self._system.append(stream, [event], effects=effects)


def _library(library: UUID | str) -> UUID:
    try:
        return library if isinstance(library, UUID) else UUID(library)
    except ValueError:
        raise InvalidToken("libraries", str(library), "UUIDs") from None
