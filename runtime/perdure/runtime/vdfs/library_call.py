"""One call of a ``vdfs`` operation: the rows, the account and the blobs of its library."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.data import Stale
from perdure.runtime.vdfs.blob_uses import BlobUses
from perdure.runtime.vdfs.contents import Contents, RunningDigests
from perdure.runtime.vdfs.errors import BadInput
from perdure.runtime.vdfs.garbage import Garbage
from perdure.runtime.vdfs.marks import Marks
from perdure.runtime.vdfs.messages import Entry
from perdure.runtime.vdfs.metadata import decoded_metadata
from perdure.runtime.vdfs.quota import Amount
from perdure.runtime.vdfs.records import EntryRecord, Keys, decode_row, encode_row
from perdure.runtime.vdfs.usage import ShardChoice, Usage
from perdure.store.errors import BlobMissing
from perdure.store.event_store import EventStore

BINARY: Final = "application/octet-stream"
TEXT: Final = "text/plain; charset=utf-8"


class VdfsHost(msgspec.Struct, frozen=True):
    """What the operations share: the store, the time (microseconds since 1970), every library's limit by default."""

    store: EventStore
    now: Callable[[], int]
    limit: Amount
    marks: Marks
    digests: RunningDigests
    shards: ShardChoice


class LibraryCall:
    """What a call may use, made when it is first asked for."""

    def __init__(self, host: VdfsHost, context: CallContext) -> None:
        if context.library_id is None:
            raise ValueError("a vdfs operation works in a library")
        self.host = host
        self.context = context
        self.data = context.data
        self.keys = Keys(context.library_id)

    @functools.cached_property
    def usage(self) -> Usage:
        """The library's account."""
        caller = self.context.job_id or self.context.effect_key
        return Usage(self.data, self.keys, self.host.limit, self.host.shards.of(str(caller)))

    @functools.cached_property
    def uses(self) -> BlobUses:
        """Its blobs."""
        return BlobUses(self.data, self.keys, self.host.store.blobs, self.host.marks, self.context.effect_key)

    @functools.cached_property
    def contents(self) -> Contents:
        """Its entries' contents."""
        return Contents(self.data, self.keys, self.host.store.blobs, self.host.digests)

    @functools.cached_property
    def garbage(self) -> Garbage:
        """What its deleted entries left."""
        return Garbage(self.host.store, self.data, self.keys, self.uses)

    def find(self, entry_id: UUID) -> EntryRecord | None:
        """An entry of this library, or None."""
        found = self.data.get(self.keys.entry(entry_id))
        return decode_row(found, EntryRecord) if found is not None else None

    def entry(self, entry_id: UUID) -> EntryRecord:
        """The same.

        Raises:
            OperationFailed: this library has none with this id.
        """
        record = self.find(entry_id)
        if record is None:
            raise OperationFailed("not_found", f"the library has no entry {entry_id}")
        return record

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read blobs: one that is missing because its entry was deleted meanwhile is no damage.

        Raises:
            Stale: what the call read has changed; it runs again.
        """
        try:
            yield
        except BlobMissing:
            if not self.data.unchanged():
                raise Stale from None
            raise

    def write(self, record: EntryRecord) -> None:
        """Write an entry."""
        self.data.put(self.keys.entry(record.id), encode_row(record))

    def publish(self, topic: str, record: EntryRecord, **more: Any) -> None:
        """Tell the library what happened to an entry."""
        self.context.publish(topic, {"entry_id": record.id, "name": record.name, "kind": record.kind, **more})


def shown(record: EntryRecord) -> Entry:
    """An entry as callers see it."""
    return Entry(
        id=record.id,
        name=record.name,
        kind=record.kind,
        media_type=record.media_type,
        metadata=decoded_metadata(record.metadata),
        size=record.size,
        digest=record.digest.hex(),
        created=record.created,
        updated=record.updated,
        revision=record.revision,
        extension=record.extension,
        sidecars=record.sidecars,
    )


def content_of(content: bytes | None, text: str | None, limit: int) -> bytes:
    """The bytes of a request.

    Raises:
        BadInput: they are there twice, or too many.
    """
    if content is not None and text is not None:
        raise BadInput("content, text: give one of them")
    data = content if content is not None else (text or "").encode()
    if len(data) > limit:
        raise BadInput(f"{'text' if text is not None else 'content'}: it has {len(data)} bytes, it may have {limit}")
    return data
