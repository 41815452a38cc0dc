"""Who may read a credential besides the extension that it belongs to.

    credential-shares  NUL owner NUL library NUL name NUL reader  ->  ShareRow
    credential-readers NUL reader NUL library NUL owner NUL name  ->  nothing: the same, the other way round

Both rows of a share are written and deleted in one commit.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from perdure.runtime.credentials.records import CredentialPlace
from perdure.runtime.operations.data import Data
from perdure.store.event_store import EventStore
from perdure.store.rows import SEPARATOR, row_key

_SHARES: Final = "credential-shares"
_READERS: Final = "credential-readers"
_PAGE: Final = 1000


class ShareRow(msgspec.Struct, frozen=True, array_like=True):
    """A row's value. Times are in seconds since 1970; ``until`` is None for a share without an end."""

    shared_at: int
    until: int | None

    def holds(self, now: float) -> bool:
        """Whether its time has not come."""
        return self.until is None or now < self.until


class Share(msgspec.Struct, frozen=True):
    """A credential, and an extension that may read it."""

    place: CredentialPlace
    reader: str

    @property
    def row(self) -> bytes:
        """The key of its row.

        Raises:
            ValueError: the names are too long for one.
        """
        place = self.place
        return row_key(_SHARES, place.extension, str(place.library_id), place.name, self.reader)

    @property
    def reader_row(self) -> bytes:
        """The key of the row that the reader's shares are found by."""
        place = self.place
        return row_key(_READERS, self.reader, str(place.library_id), place.extension, place.name)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ShareRow).decode


def read_share(data: Data, share: Share) -> ShareRow | None:
    """The share's row, if there is one."""
    value = data.get(share.row)
    return None if value is None else _decode(value)


def write_share(data: Data, share: Share, row: ShareRow) -> None:
    """Share, or change until when."""
    data.put(share.row, _encode(row))
    data.put(share.reader_row, b"")


def end_share(data: Data, share: Share) -> None:
    """End a share."""
    data.delete(share.row)
    data.delete(share.reader_row)


def readers_of(data: Data, place: CredentialPlace) -> list[Share]:
    """The shares of one credential."""
    prefix = row_key(_SHARES, place.extension, str(place.library_id), place.name) + SEPARATOR
    return [_share_of(key) for key, _ in data.scan(prefix)]


def readers_in(store: EventStore, place: CredentialPlace, now: float) -> tuple[str, ...]:
    """Who may read one credential at this moment. ``now`` is in seconds since 1970."""
    prefix = row_key(_SHARES, place.extension, str(place.library_id), place.name) + SEPARATOR
    rows = store.rows(prefix)
    return tuple(_share_of(row.key).reader for row in rows if _decode(row.value).holds(now))


def end_shares_of(data: Data, place: CredentialPlace) -> None:
    """End them all, with the credential."""
    for share in readers_of(data, place):
        end_share(data, share)


def given_page(
    data: Data, owner: str, library_id: UUID, after: bytes, limit: int
) -> tuple[list[tuple[Share, ShareRow]], bytes | None]:
    """Shares of the owner's credentials in a library, by name, behind the cursor ``after``; the next one, or None."""
    prefix = row_key(_SHARES, owner, str(library_id)) + SEPARATOR
    rows = data.scan(prefix, after=prefix + after if after else b"", limit=limit + 1)
    next_after = rows[limit - 1][0].removeprefix(prefix) if len(rows) > limit else None
    return [(_share_of(key), _decode(value)) for key, value in rows[:limit]], next_after


def received_page(
    data: Data, reader: str, library_id: UUID, after: bytes, limit: int
) -> tuple[list[tuple[Share, ShareRow]], bytes | None]:
    """The same of what others share with ``reader``, by owner and name."""
    prefix = row_key(_READERS, reader, str(library_id)) + SEPARATOR
    rows = data.scan(prefix, after=prefix + after if after else b"", limit=limit + 1)
    next_after = rows[limit - 1][0].removeprefix(prefix) if len(rows) > limit else None
    found = []
    for key, _ in rows[:limit]:
        share = _received_share_of(key)
        row = read_share(data, share)
        if row is not None:
            found.append((share, row))
    return found, next_after


def some_shares_with(data: Data, extension: str) -> list[Share]:
    """At most some thousand shares that the extension gave or was given."""
    given = data.scan(row_key(_SHARES, extension) + SEPARATOR, limit=_PAGE)
    received = data.scan(row_key(_READERS, extension) + SEPARATOR, limit=_PAGE)
    return [*(_share_of(key) for key, _ in given), *(_received_share_of(key) for key, _ in received)]


def has_shares(store: EventStore, extension: str) -> bool:
    """Whether the extension gave or was given any."""
    prefixes = (row_key(table, extension) + SEPARATOR for table in (_SHARES, _READERS))
    return any(store.rows(prefix, limit=1) for prefix in prefixes)


def sharing_extensions(store: EventStore) -> set[str]:
    """All extensions that gave or were given any."""
    found: set[str] = set()
    for table in (_SHARES, _READERS):
        prefix = after = row_key(table) + SEPARATOR
        while rows := store.rows(prefix, after=after, limit=1):
            name = rows[0].key.removeprefix(prefix).split(SEPARATOR, 1)[0]
            found.add(name.decode())
            after = prefix + name + b"\x01"  # behind all of this extension
    return found


def _share_of(key: bytes) -> Share:
    _, owner, library, name, reader = key.decode().split("\0")
    return Share(CredentialPlace(owner, UUID(library), name), reader)


def _received_share_of(key: bytes) -> Share:
    _, reader, library, owner, name = key.decode().split("\0")
    return Share(CredentialPlace(owner, UUID(library), name), reader)
