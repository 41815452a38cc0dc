"""``vdfs.write_sidecar``, ``read_sidecar``, ``list_sidecars`` and ``delete_sidecar``: named notes beside an entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.runtime.vdfs.blob_uses import read_stored
from perdure.runtime.vdfs.cursor import make_cursor, read_cursor
from perdure.runtime.vdfs.errors import BadInput, answered, stale
from perdure.runtime.vdfs.library_call import BINARY, TEXT, LibraryCall, VdfsHost, content_of
from perdure.runtime.vdfs.messages import (
    MAX_SIDECAR_BYTES,
    Deleted,
    DeleteSidecar,
    ListSidecars,
    NewSidecar,
    ReadSidecar,
    Sidecar,
    SidecarContent,
    SidecarPage,
    WriteSidecar,
)
from perdure.runtime.vdfs.names import checked_media_type, checked_name
from perdure.runtime.vdfs.quota import Amount
from perdure.runtime.vdfs.records import ROW_COST, EntryRecord, SidecarRecord, decode_row, encode_row

MAX_SIDECARS: Final = 1_000
_MAX_ANSWER_BYTES: Final = 6 * 1024 * 1024
_COLLECTED: Final = 4  # idle blobs that a call looks at which leaves one


class SidecarOperations:
    """Operations on sidecars. They leave their entry's revision as it is."""

    def __init__(self, host: VdfsHost) -> None:
        self._host = host

    @action("vdfs.write_sidecar", effect=Effect.TRANSACTIONAL)
    def write_sidecar(self, context: CallContext, request: WriteSidecar) -> Sidecar:
        """Write a sidecar, over one that is there.

        The same content once more changes nothing, whatever the revision. Publishes ``sidecar.written``.
        """
        call = LibraryCall(self._host, context)
        entry = call.entry(request.entry_id)
        with answered():
            name = checked_name(request.name)
            media_type = checked_media_type(request.media_type or (TEXT if request.text is not None else BINARY))
            data = content_of(request.content, request.text, MAX_SIDECAR_BYTES)
            before = _find(call, entry.id, name)
            if before is not None and before.media_type == media_type and _same(call, before, data):
                return _shown(entry.id, before)
            _check_revision(entry.id, name, before, request.if_revision)
            if before is None and entry.sidecars >= MAX_SIDECARS:
                raise OperationFailed("failed", f"the entry has {MAX_SIDECARS} sidecars, and may have no more")
            old_cost = _cost(before.name, before.stored.size) if before is not None else 0
            cost = _cost(name, len(data))
            call.usage.exchange(Amount(old_cost), Amount(cost))
            stored = call.uses.store(data)
        now = self._host.now()
        record = SidecarRecord(
            name=name,
            media_type=media_type,
            stored=stored,
            created=before.created if before is not None else now,
            updated=max(now, before.updated) if before is not None else now,
            revision=before.revision + 1 if before is not None else 1,
            extension=context.extension,
        )
        call.data.put(call.keys.sidecar(entry.id, name), encode_row(record))
        _account(call, entry, cost - old_cost, 0 if before is not None else 1)
        if before is not None:
            _release(call, before)
        _publish_written(call, entry, record)
        return _shown(entry.id, record)

    @query("vdfs.read_sidecar")
    def read_sidecar(self, context: CallContext, request: ReadSidecar) -> SidecarContent:
        """A sidecar with its content."""
        call = LibraryCall(self._host, context)
        entry = call.entry(request.entry_id)
        with answered():
            record = _sidecar(call, entry.id, checked_name(request.name))
        with call.reading():
            data = read_stored(self._host.store.blobs, record.stored)
        text = _as_text(data) if request.text else None
        return SidecarContent(sidecar=_shown(entry.id, record), content=data if text is None else None, text=text)

    @query("vdfs.list_sidecars")
    def list_sidecars(self, context: CallContext, request: ListSidecars) -> SidecarPage:
        """An entry's sidecars by name, in pages, without their contents."""
        call = LibraryCall(self._host, context)
        entry = call.entry(request.entry_id)
        prefix = call.keys.sidecars(entry.id)
        with answered():
            after = read_cursor(request.cursor, "sidecars", entry.id) if request.cursor is not None else b""
        rows = call.data.scan(prefix, after=prefix + after if after else b"", limit=request.limit + 1)
        page, more = rows[: request.limit], len(rows) > request.limit
        return SidecarPage(
            sidecars=[_shown(entry.id, decode_row(value, SidecarRecord)) for _, value in page],
            next=make_cursor(page[-1][0][len(prefix) :], "sidecars", entry.id) if more else None,
        )

    @action("vdfs.delete_sidecar", effect=Effect.TRANSACTIONAL)
    def delete_sidecar(self, context: CallContext, request: DeleteSidecar) -> Deleted:
        """Delete a sidecar; ``deleted`` is false if there is none (any more). Publishes ``sidecar.deleted``."""
        call = LibraryCall(self._host, context)
        entry = call.entry(request.entry_id)
        with answered():
            name = checked_name(request.name)
        before = _find(call, entry.id, name)
        if before is None:
            return Deleted(deleted=False)
        _check_revision(entry.id, name, before, request.if_revision)
        cost = _cost(before.name, before.stored.size)
        call.usage.give_back(Amount(cost))
        call.data.delete(call.keys.sidecar(entry.id, name))
        _account(call, entry, -cost, -1)
        _release(call, before)
        call.publish("sidecar.deleted", entry, sidecar=name)
        return Deleted(deleted=True)


class CheckedSidecar(msgspec.Struct, frozen=True):
    """A sidecar of an entry that is being made, checked; ``cost`` is what it takes of the quota."""

    name: str
    media_type: str
    data: bytes
    cost: int


def checked_sidecars(sidecars: Sequence[NewSidecar]) -> list[CheckedSidecar]:
    """Sidecars of an entry that is being made.

    Raises:
        BadInput: one cannot be, or two have one name.
    """
    found = []
    for one in sidecars:
        name, data = checked_name(one.name), content_of(one.content, one.text, MAX_SIDECAR_BYTES)
        media_type = checked_media_type(one.media_type or (TEXT if one.text is not None else BINARY))
        found.append(CheckedSidecar(name, media_type, data, _cost(name, len(data))))
    if len({one.name for one in found}) < len(found):
        raise BadInput("sidecars: two of them have one name")
    return found


def with_sidecars(call: LibraryCall, entry: EntryRecord, sidecars: Sequence[CheckedSidecar]) -> EntryRecord:
    """Write sidecars of an entry that this call has made; their cost is in the library's account already.

    Raises:
        StoreError: one could not be stored.
    """
    for one in sidecars:
        now = call.host.now()
        record = SidecarRecord(
            name=one.name,
            media_type=one.media_type,
            stored=call.uses.store(one.data),
            created=now,
            updated=now,
            revision=1,
            extension=call.context.extension,
        )
        call.data.put(call.keys.sidecar(entry.id, one.name), encode_row(record))
        entry = _account(call, entry, one.cost, 1)
        _publish_written(call, entry, record)
    return entry


def _publish_written(call: LibraryCall, entry: EntryRecord, record: SidecarRecord) -> None:
    call.publish(
        "sidecar.written",
        entry,
        sidecar=record.name,
        media_type=record.media_type,
        size=record.stored.size,
        digest=record.stored.digest.hex(),
        revision=record.revision,
    )


def _find(call: LibraryCall, entry_id: UUID, name: str) -> SidecarRecord | None:
    found = call.data.get(call.keys.sidecar(entry_id, name))
    return decode_row(found, SidecarRecord) if found is not None else None


def _sidecar(call: LibraryCall, entry_id: UUID, name: str) -> SidecarRecord:
    record = _find(call, entry_id, name)
    if record is None:
        raise OperationFailed("not_found", f"entry {entry_id} has no sidecar of this name")
    return record


def _check_revision(entry_id: UUID, name: str, record: SidecarRecord | None, wanted: int | None) -> None:
    revision = record.revision if record is not None else 0
    if wanted is not None and wanted != revision:
        raise stale(f"sidecar {name} of entry {entry_id}", revision, wanted)


def _same(call: LibraryCall, record: SidecarRecord, data: bytes) -> bool:
    return record.stored.size == len(data) and read_stored(call.host.store.blobs, record.stored) == data


def _account(call: LibraryCall, entry: EntryRecord, cost: int, sidecars: int) -> EntryRecord:
    if cost or sidecars:
        entry = msgspec.structs.replace(entry, cost=entry.cost + cost, sidecars=entry.sidecars + sidecars)
        call.write(entry)
    return entry


def _release(call: LibraryCall, record: SidecarRecord) -> None:
    call.uses.release(record.stored)
    if record.stored.blob:
        with answered():
            call.garbage.collect(_COLLECTED, around=record.stored.digest.hex().encode())


def _cost(name: str, size: int) -> int:
    return ROW_COST + len(name.encode()) + size


def _as_text(data: bytes) -> str | None:
    """The text; None if it is not UTF-8, or too long as JSON for an answer."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if len(msgspec.json.encode(text)) <= _MAX_ANSWER_BYTES else None


def _shown(entry_id: UUID, record: SidecarRecord) -> Sidecar:
    return Sidecar(
        entry_id=entry_id,
        name=record.name,
        media_type=record.media_type,
        size=record.stored.size,
        digest=record.stored.digest.hex(),
        created=record.created,
        updated=record.updated,
        revision=record.revision,
        extension=record.extension,
    )
