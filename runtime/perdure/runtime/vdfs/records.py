"""The rows of entries, sidecars, parts of content and blobs: their keys and values.

| key: ``vdfs`` and | value |
| --- | --- |
| ``e`` library entry | `EntryRecord` |
| ``n`` library name entry | nothing: the order of names |
| ``f`` library effect | the entry's id that this effect made |
| ``p`` library entry end | `Part`: the content's bytes up to ``end`` |
| ``s`` library entry name | `SidecarRecord` |
| ``b`` library digest | `BlobUse`: the blob that holds these bytes now |
| ``z`` library digest blob | `IdleBlob`: a blob that nobody uses |
| ``t`` library entry | nothing: a deleted entry whose parts and sidecars have yet to go |
| ``q`` library | `perdure.runtime.vdfs.quota.Pool` |
| ``u`` library shard | `perdure.runtime.vdfs.quota.Shard` |
| ``m`` | the key of the marks (`perdure.runtime.vdfs.marks`), one for all libraries |

Ids are in hex without hyphens; an end is 16 hex digits, so that parts are in order and the one that holds an offset is
the first behind it. These shapes are stored: a new field is added at the end, with a default.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from perdure.store.rows import SEPARATOR, row_key

_FAMILY: Final = "vdfs"
# What a row costs of a library's quota beside its bytes, so that a flood of empty things meets it too.
ROW_COST: Final = 256

Value = TypeVar("Value")


class EntryRecord(msgspec.Struct, array_like=True, frozen=True):
    """An entry. ``metadata`` is JSON; ``digest`` the content's SHA-256; times are microseconds since 1970.

    ``cost`` is what of the quota's bytes deleting it frees, sidecars included. ``effect`` is the key of its ``f`` row.
    """

    id: UUID
    name: str
    kind: str
    media_type: str
    metadata: bytes
    size: int
    digest: bytes
    created: int
    updated: int
    revision: int
    extension: str | None
    cost: int
    parts: int
    sidecars: int
    effect: str


class Stored(msgspec.Struct, array_like=True, frozen=True):
    """Bytes, at most a part's: in the row itself, or in a blob (``blob`` is its name in the blob store)."""

    size: int
    digest: bytes
    data: bytes = b""
    blob: str = ""


class Part(msgspec.Struct, array_like=True, frozen=True):
    """A part of an entry's content, from ``start`` on."""

    start: int
    stored: Stored


class SidecarRecord(msgspec.Struct, array_like=True, frozen=True):
    """A sidecar; times are microseconds since 1970."""

    name: str
    media_type: str
    stored: Stored
    created: int
    updated: int
    revision: int
    extension: str | None


class BlobUse(msgspec.Struct, array_like=True, frozen=True):
    """Which blob holds these bytes for this library, and how many parts and sidecars are them."""

    count: int
    blob: str
    size: int


class IdleBlob(msgspec.Struct, array_like=True, frozen=True):
    """A blob that nobody uses; once ``condemned`` nobody will, and its file may go at any time."""

    blob: str
    size: int
    condemned: bool


class Keys:
    """The keys of one library's rows."""

    def __init__(self, library_id: UUID) -> None:
        self._library = library_id.hex
        self.pool = self._key("q")
        self.entries = self._prefix("e")
        self.names = self._prefix("n")
        self.idle = self._prefix("z")
        self.deleted = self._prefix("t")
        self.shards = self._prefix("u")

    def _key(self, kind: str, *parts: str | bytes) -> bytes:
        return row_key(_FAMILY, kind, self._library, *parts)

    def _prefix(self, kind: str, *parts: str | bytes) -> bytes:
        return self._key(kind, *parts) + SEPARATOR

    def entry(self, entry_id: UUID) -> bytes:
        """An entry's."""
        return self._key("e", entry_id.hex)

    def name(self, name: str, entry_id: UUID) -> bytes:
        """An entry's in the order of names."""
        return self._key("n", name, entry_id.hex)

    def effect(self, effect: str) -> bytes:
        """Of what an effect made."""
        return self._key("f", effect)

    def parts(self, entry_id: UUID) -> bytes:
        """The prefix of an entry's parts."""
        return self._prefix("p", entry_id.hex)

    def part(self, entry_id: UUID, end: int) -> bytes:
        """The part that ends before offset ``end``; what lies behind it is in parts behind this key."""
        return self._key("p", entry_id.hex, f"{end:016x}")

    def sidecars(self, entry_id: UUID) -> bytes:
        """The prefix of an entry's sidecars."""
        return self._prefix("s", entry_id.hex)

    def sidecar(self, entry_id: UUID, name: str) -> bytes:
        """A sidecar's."""
        return self._key("s", entry_id.hex, name)

    def blob_use(self, digest: bytes) -> bytes:
        """Of the blob that holds these bytes."""
        return self._key("b", digest.hex())

    def idle_blob(self, digest: bytes, blob: str) -> bytes:
        """Of a blob that nobody uses."""
        return self._key("z", digest.hex(), blob)

    def deleted_entry(self, entry_id: UUID) -> bytes:
        """Of an entry whose parts have yet to go."""
        return self._key("t", entry_id.hex)

    def shard(self, number: int) -> bytes:
        """A shard's of the quota."""
        return self._key("u", f"{number:02x}")


def effect_name(extension: str | None, effect_key: str) -> str:
    """What an effect is called in a key: callers choose their keys, so its length and characters are ours."""
    return hashlib.blake2b(msgspec.json.encode([extension, effect_key]), digest_size=16).hexdigest()


def encode_row(value: object) -> bytes:
    """A row's value."""
    return msgspec.msgpack.encode(value)


def decode_row(data: bytes, kind: type[Value]) -> Value:
    """What `encode_row` made of a value of this type."""
    decoder: Any = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.msgpack.Decoder(kind)
    value: Value = decoder.decode(data)
    return value


_DECODERS: dict[Any, Any] = {}
