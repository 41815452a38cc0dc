"""Which credentials there are, from their rows, also while another process works on the folder. Nothing is opened."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from perdure.runtime.credentials.records import CredentialPlace, place_of, prefix_of, read_row
from perdure.runtime.credentials.shares import readers_in
from perdure.store.event_store import EventStore


class StoredCredential(msgspec.Struct, frozen=True, kw_only=True):
    """What may be known of a credential without a key. Times are in seconds since 1970."""

    place: CredentialPlace
    type: str
    stored_at: int
    expires_at: int | None
    readers: tuple[str, ...]  # extensions that it is shared with at this moment


def stored_credentials(store: EventStore, extension: str | None, now: float) -> Iterator[StoredCredential]:
    """All of an extension's, or everybody's, by extension, library and name. ``now``: in seconds since 1970.

    Raises:
        ValueError: no row can have such a name.
    """
    prefix = after = prefix_of(extension)
    while rows := store.rows(prefix, after=after):
        for row in rows:
            place, value = place_of(row.key), read_row(row.value)
            yield StoredCredential(
                place=place,
                type=value.kind,
                stored_at=value.stored_at,
                expires_at=value.expires_at,
                readers=readers_in(store, place, now),
            )
        after = rows[-1].key
