"""Requests and answers of the ``vdfs`` operations, as they are on the wire.

Bytes are base64 in JSON. Times are microseconds since 1970, sizes and offsets bytes, digests SHA-256 in hex.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

MAX_PAGE: Final = 1_000
MAX_SWEEP: Final = 10_000
# What an operation's request or answer may carry: within a job's payload limit (8 MiB) also as base64.
MAX_CONTENT_BYTES: Final = 5 * 1024 * 1024
MAX_READ_BYTES: Final = 4 * 1024 * 1024
# As text: JSON says a control character in six bytes.
MAX_TEXT_BYTES: Final = 1024 * 1024
MAX_SIDECAR_BYTES: Final = 4 * 1024 * 1024

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Kind = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
MediaType = Annotated[str, msgspec.Meta(min_length=3, max_length=255)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Revision = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Page = Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry. ``revision`` counts its changes from 1; ``extension`` made it, null is the host itself."""

    id: UUID
    name: str
    kind: str
    media_type: str
    metadata: dict[str, Any]
    size: int
    digest: str
    created: int
    updated: int
    revision: int
    extension: str | None
    sidecars: int


class NewSidecar(msgspec.Struct, frozen=True, kw_only=True):
    """A sidecar that an entry has from its beginning: ``content`` (base64) or ``text``."""

    name: Name
    media_type: MediaType | None = None
    content: bytes | None = None
    text: str | None = None


class CreateEntry(msgspec.Struct, frozen=True, kw_only=True):
    """``content`` is base64; ``text`` is content as text; with neither it is empty.

    ``sidecars`` are there from the beginning, in the same commit. Content and sidecars have 5 MiB at most together.
    ``if_absent``: only if the caller has not made an entry of this name and kind; else that one is answered, as it is.
    """

    name: Name
    kind: Kind = "file"
    media_type: MediaType | None = None
    metadata: dict[str, Any] = {}
    content: bytes | None = None
    text: str | None = None
    sidecars: Annotated[list[NewSidecar], msgspec.Meta(max_length=16)] = []
    if_absent: bool = False


class GetEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Which entry."""

    entry_id: UUID


class ListEntries(msgspec.Struct, frozen=True, kw_only=True):
    """``order`` ``id`` is the order of creation. ``cursor`` is the ``next`` of the page before."""

    kind: Kind | None = None
    name_prefix: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    extension: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    order: Literal["id", "name"] = "id"
    limit: Page = 100
    cursor: str | None = None


class EntryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some entries; ``next`` is null when there are no more. A page may be short, also empty, before the last."""

    entries: list[Entry]
    next: str | None


class UpdateMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What changes: ``metadata`` is a JSON merge patch (RFC 7396). ``if_revision``: only if the entry is at it."""

    entry_id: UUID
    metadata: dict[str, Any] | None = None
    name: Name | None = None
    kind: Kind | None = None
    media_type: MediaType | None = None
    if_revision: Revision | None = None


class DeleteEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Which entry; ``if_revision``: only if it is at it."""

    entry_id: UUID
    if_revision: Revision | None = None


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """``deleted`` is false if there was nothing."""

    deleted: bool


class AppendContent(msgspec.Struct, frozen=True, kw_only=True):
    """``content`` (base64, up to 5 MiB of bytes) goes to ``offset``, which is the size the content has now."""

    entry_id: UUID
    offset: Offset
    content: bytes


class ReadContent(msgspec.Struct, frozen=True, kw_only=True):
    """Up to ``length`` bytes from ``offset`` on, at most 4 MiB at once, 1 MiB if ``text`` is asked for."""

    entry_id: UUID
    offset: Offset = 0
    length: Annotated[int, msgspec.Meta(ge=0)] | None = None
    text: bool = False


class ContentPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an entry's content.

    It is in ``text`` if that was asked for and it is UTF-8, else in ``content``; the other is null. ``length`` counts
    its bytes; ``next_offset`` is where the rest begins, null at the end. ``size`` and ``digest`` are the whole's.
    """

    entry_id: UUID
    offset: int
    length: int
    next_offset: int | None
    size: int
    digest: str
    content: bytes | None = None
    text: str | None = None


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """A sidecar, without its content. ``extension`` wrote it last, null is the host itself."""

    entry_id: UUID
    name: str
    media_type: str
    size: int
    digest: str
    created: int
    updated: int
    revision: int
    extension: str | None


class WriteSidecar(msgspec.Struct, frozen=True, kw_only=True):
    """``content`` (base64) or ``text``, up to 4 MiB. ``if_revision``: only if it is at it; 0: only if it is new."""

    entry_id: UUID
    name: Name
    media_type: MediaType | None = None
    content: bytes | None = None
    text: str | None = None
    if_revision: Revision | None = None


class ReadSidecar(msgspec.Struct, frozen=True, kw_only=True):
    """Which sidecar, and whether its content is wanted as text."""

    entry_id: UUID
    name: Name
    text: bool = False


class SidecarContent(msgspec.Struct, frozen=True, kw_only=True):
    """A sidecar with its content: in ``text`` if that was asked for and it is UTF-8, else in ``content``."""

    sidecar: Sidecar
    content: bytes | None = None
    text: str | None = None


class ListSidecars(msgspec.Struct, frozen=True, kw_only=True):
    """Whose sidecars, by name. ``cursor`` is the ``next`` of the page before."""

    entry_id: UUID
    limit: Page = 100
    cursor: str | None = None


class SidecarPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some sidecars; ``next`` is null when there are no more."""

    sidecars: list[Sidecar]
    next: str | None


class DeleteSidecar(msgspec.Struct, frozen=True, kw_only=True):
    """Which sidecar; ``if_revision``: only if it is at it."""

    entry_id: UUID
    name: Name
    if_revision: Revision | None = None


class GetUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to say."""


class UsageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the library uses and may use. ``own``: whether the limit is its own, or the runtime's for all."""

    bytes_used: int
    bytes_limit: int
    entries_used: int
    entries_limit: int
    own: bool


class SetQuota(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of the library's own; both null: the runtime's again. One null: that one as it is in the runtime."""

    bytes: Offset | None = None
    entries: Offset | None = None


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows and blobs to look at."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_SWEEP)] = 1_000


class SweepAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed; ``more``: call again."""

    rows: int
    blobs: int
    bytes: int
    more: bool


class StagedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part that the host has put into the blob store, or, if it is small, the part itself."""

    size: int
    digest: str
    content: bytes = b""
    blob: str = ""


class ImportEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry whose content the host has staged. ``digest`` is the whole's."""

    name: Name
    kind: Kind = "file"
    media_type: MediaType | None = None
    metadata: dict[str, Any] = {}
    digest: str
    parts: list[StagedPart]


class ImportedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The entry, and the staged blobs that it has no need of, because their bytes were there."""

    entry: Entry
    unused: list[str]


class RemoveOrphans(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to say."""


class OrphansRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """How many blobs were removed, and their bytes."""

    blobs: int
    bytes: int
