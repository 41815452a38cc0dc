"""Who asks."""

from __future__ import annotations

from uuid import UUID

import msgspec

from perdure.api.scopes import Scope


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A client whose request was let in.

    Attributes:
        client: ``token:ID``, or ``owner:UID`` for whoever owns the data folder and came through its Unix socket; what
            the log names.
        name: what people call it.
        scopes: what it may do.
        libraries, extensions: the only ones that it is for; None for all.
    """

    client: str
    name: str
    scopes: frozenset[Scope]
    libraries: frozenset[UUID] | None = None
    extensions: frozenset[str] | None = None

    @property
    def is_owner(self) -> bool:
        """Whether it is the person who owns the data folder: paths of this machine are meant as this machine's."""
        return self.client.startswith("owner:")

    def acting(self, said: str | None) -> str:
        """What the log names: the client, and for whom it acts, as it says itself."""
        return f"{self.client} ({said})" if said else self.client
