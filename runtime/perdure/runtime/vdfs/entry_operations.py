"""``vdfs.create_entry``, ``get_entry``, ``list_entries``, ``update_metadata`` and ``delete_entry``.

A guest that goes on from a checkpoint repeats what it did since. So each action can be repeated: an entry is created
once for an effect key, a change that is there already changes nothing, and what is gone is not deleted again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

import msgspec

from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.runtime.vdfs.contents import EMPTY, PART_BYTES, Grown
from perdure.runtime.vdfs.cursor import make_cursor, read_cursor
from perdure.runtime.vdfs.errors import BadInput, answered, stale
from perdure.runtime.vdfs.library_call import BINARY, TEXT, LibraryCall, VdfsHost, content_of, shown
from perdure.runtime.vdfs.messages import (
    MAX_CONTENT_BYTES,
    CreateEntry,
    Deleted,
    DeleteEntry,
    Entry,
    EntryPage,
    GetEntry,
    ListEntries,
    UpdateMetadata,
)
from perdure.runtime.vdfs.metadata import decoded_metadata, encoded_metadata, patched
from perdure.runtime.vdfs.names import checked_kind, checked_media_type, checked_name, checked_prefix
from perdure.runtime.vdfs.quota import Amount
from perdure.runtime.vdfs.records import ROW_COST, EntryRecord, decode_row, effect_name
from perdure.runtime.vdfs.sidecar_operations import checked_sidecars, with_sidecars
from perdure.store.ids import uuid7
from perdure.store.rows import SEPARATOR

NO_CONTENT: Final = Grown(0, EMPTY, 0, 0)
_PAGE_BYTES: Final = 4 * 1024 * 1024  # of metadata in a page, so that it can be an answer
_LOOKED_AT: Final = 5_000  # entries in a page's search, so that a filter that fits nothing does not read everything
_PURGED: Final = 1_000  # parts and sidecars that go with their entry at once
_COLLECTED: Final = 8  # idle blobs that each deletion looks at, beside twice its own


class EntryOperations:
    """Operations on entries as a whole."""

    def __init__(self, host: VdfsHost) -> None:
        self._host = host

    @action("vdfs.create_entry", effect=Effect.TRANSACTIONAL)
    def create_entry(self, context: CallContext, request: CreateEntry) -> Entry:
        """Create an entry, with its sidecars, and with its content if that is small.

        Larger content follows with ``action:vdfs.append_content``. Publishes ``entry.created``.
        """
        call = LibraryCall(self._host, context)
        if (made := made_before(call)) is not None:
            return shown(made)
        with answered():
            if request.if_absent and (found := _own(call, request.name, request.kind)) is not None:
                return shown(found)
            data = content_of(request.content, request.text, MAX_CONTENT_BYTES)
            sidecars = checked_sidecars(request.sidecars)
            if len(data) + sum(len(one.data) for one in sidecars) > MAX_CONTENT_BYTES:
                raise BadInput(f"sidecars: with the content they may have {MAX_CONTENT_BYTES} bytes")
            media_type = request.media_type or (TEXT if request.text is not None else BINARY)
            record = new_record(call, request.name, request.kind, media_type, request.metadata)
            cost = record.cost + len(data) + ROW_COST * -(-len(data) // PART_BYTES)
            cost += sum(one.cost for one in sidecars)
            call.usage.take(Amount(cost, 1))  # before anything goes to the disk
            content = call.contents.append(record.id, NO_CONTENT, data, call.uses)
            return shown(with_sidecars(call, created(call, record, content), sidecars))

    @query("vdfs.get_entry")
    def get_entry(self, context: CallContext, request: GetEntry) -> Entry:
        """An entry with its metadata, without its content."""
        return shown(LibraryCall(self._host, context).entry(request.entry_id))

    @query("vdfs.list_entries")
    def list_entries(self, context: CallContext, request: ListEntries) -> EntryPage:
        """The library's entries in pages, by id (in the order of creation) or by name.

        The filters are joined with "and". A page's ``next`` stays good when entries come and go: the next page begins
        behind the last entry of this one.
        """
        call = LibraryCall(self._host, context)
        with answered():
            name_prefix = checked_prefix(request.name_prefix or "")
            filters = (request.order, request.kind, name_prefix, request.extension)
            after = read_cursor(request.cursor, *filters) if request.cursor is not None else b""
        found: list[Entry] = []
        room = _PAGE_BYTES
        for looked_at, (tail, record) in enumerate(_walk(call, request.order, name_prefix, after), 1):
            if record is not None and _wanted(record, request, name_prefix):
                found.append(shown(record))
                room -= len(record.metadata)
            if len(found) >= request.limit or room <= 0 or looked_at >= _LOOKED_AT:
                return EntryPage(entries=found, next=make_cursor(tail, *filters))
        return EntryPage(entries=found, next=None)

    @action("vdfs.update_metadata", effect=Effect.TRANSACTIONAL)
    def update_metadata(self, context: CallContext, request: UpdateMetadata) -> Entry:
        """Change an entry's metadata, name, kind or media type; what is not given stays.

        A change that is there already changes nothing, whatever the revision. Publishes ``entry.updated``.
        """
        call = LibraryCall(self._host, context)
        record = call.entry(request.entry_id)
        with answered():
            metadata = record.metadata
            if request.metadata is not None:
                metadata = encoded_metadata(patched(decoded_metadata(metadata), request.metadata))
            changed = msgspec.structs.replace(
                record,
                name=checked_name(request.name) if request.name is not None else record.name,
                kind=checked_kind(request.kind) if request.kind is not None else record.kind,
                media_type=checked_media_type(request.media_type) if request.media_type else record.media_type,
                metadata=metadata,
            )
            if changed == record:
                return shown(record)
            if request.if_revision is not None and request.if_revision != record.revision:
                raise stale(f"entry {record.id}", record.revision, request.if_revision)
            cost = record.cost + _cost(changed) - _cost(record)
            call.usage.exchange(Amount(record.cost), Amount(cost))
        if changed.name != record.name:
            call.data.delete(call.keys.name(record.name, record.id))
            call.data.put(call.keys.name(changed.name, record.id), b"")
        changed = touched(call, changed, cost=cost)
        call.write(changed)
        call.publish("entry.updated", changed, revision=changed.revision)
        return shown(changed)

    @action("vdfs.delete_entry", effect=Effect.TRANSACTIONAL)
    def delete_entry(self, context: CallContext, request: DeleteEntry) -> Deleted:
        """Delete an entry with its content and sidecars; its part of the quota is free at once.

        ``deleted`` is false if there is no such entry (any more). Publishes ``entry.deleted``.
        """
        call = LibraryCall(self._host, context)
        record = call.find(request.entry_id)
        if record is None:
            return Deleted(deleted=False)
        if request.if_revision is not None and request.if_revision != record.revision:
            raise stale(f"entry {record.id}", record.revision, request.if_revision)
        keys = call.keys
        for key in (keys.entry(record.id), keys.name(record.name, record.id), keys.effect(record.effect)):
            call.data.delete(key)
        call.usage.give_back(Amount(record.cost, 1))
        with answered():
            purged = call.garbage.purge(record.id, _PURGED)
            call.garbage.collect(_COLLECTED + 2 * purged, around=record.digest.hex().encode())
        call.publish("entry.deleted", record)
        return Deleted(deleted=True)


def made_before(call: LibraryCall) -> EntryRecord | None:
    """The entry that this very effect made, when its call is repeated."""
    context = call.context
    found = call.data.get(call.keys.effect(effect_name(context.extension, context.effect_key)))
    return call.find(UUID(bytes=found)) if found is not None else None


def new_record(call: LibraryCall, name: str, kind: str, media_type: str, metadata: dict[str, object]) -> EntryRecord:
    """An entry without content, checked.

    Raises:
        BadInput: a field was refused.
    """
    now = call.host.now()
    record = EntryRecord(
        id=uuid7(now),
        name=checked_name(name),
        kind=checked_kind(kind),
        media_type=checked_media_type(media_type),
        metadata=encoded_metadata(metadata),
        size=0,
        digest=EMPTY,
        created=now,
        updated=now,
        revision=1,
        extension=call.context.extension,
        cost=0,
        parts=0,
        sidecars=0,
        effect=effect_name(call.context.extension, call.context.effect_key),
    )
    return msgspec.structs.replace(record, cost=_cost(record))


def created(call: LibraryCall, record: EntryRecord, content: Grown) -> EntryRecord:
    """Write a new entry that has this content; its cost is in the account already."""
    record = msgspec.structs.replace(
        record, size=content.size, digest=content.digest, parts=content.parts, cost=record.cost + content.cost
    )
    call.write(record)
    call.data.put(call.keys.name(record.name, record.id), b"")
    call.data.put(call.keys.effect(record.effect), record.id.bytes)
    call.publish("entry.created", record, media_type=record.media_type, size=record.size, digest=record.digest.hex())
    return record


def _own(call: LibraryCall, name: str, kind: str) -> EntryRecord | None:
    """The first entry of this name and kind that the caller made. Two calls at once: what this reads is checked."""
    wanted = ListEntries(kind=checked_kind(kind), order="name")
    name = checked_name(name)
    for _, record in _walk(call, "name", name + SEPARATOR.decode(), b""):
        if record is not None and record.extension == call.context.extension and _wanted(record, wanted, name):
            return record
    return None


def touched(call: LibraryCall, record: EntryRecord, *, cost: int) -> EntryRecord:
    """The next revision of an entry."""
    now = max(call.host.now(), record.updated)
    return msgspec.structs.replace(record, revision=record.revision + 1, updated=now, cost=cost)


def _cost(record: EntryRecord) -> int:
    return ROW_COST + 2 * len(record.name.encode()) + len(record.metadata)  # the name is in the order of names as well


def _wanted(record: EntryRecord, request: ListEntries, name_prefix: str) -> bool:
    return (
        (request.kind is None or record.kind == request.kind)
        and (request.extension is None or record.extension == request.extension)
        and record.name.startswith(name_prefix)
    )


def _walk(call: LibraryCall, order: str, name_prefix: str, after: bytes) -> Iterator[tuple[bytes, EntryRecord | None]]:
    """The entries behind a key, each with its key without the list's prefix."""
    base = call.keys.entries if order == "id" else call.keys.names
    prefix = base if order == "id" else base + name_prefix.encode()
    while rows := call.data.scan(prefix, after=base + after if after else b"", limit=200):
        for key, value in rows:
            after = key[len(base) :]
            if order == "id":
                yield after, decode_row(value, EntryRecord)
            else:
                yield after, call.find(UUID(hex=after.rpartition(SEPARATOR)[2].decode()))
