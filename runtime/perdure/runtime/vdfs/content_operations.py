"""``vdfs.append_content``, ``read_content`` and ``import_entry``: content of any size, in parts."""

from __future__ import annotations

import codecs
import re
from typing import Final

import msgspec

from perdure.actors.operations import OperationFailed
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.runtime.vdfs.blob_uses import INLINE_BYTES
from perdure.runtime.vdfs.contents import MAX_PARTS, PART_BYTES, Grown
from perdure.runtime.vdfs.entry_operations import created, made_before, new_record, touched
from perdure.runtime.vdfs.errors import BadInput, answered
from perdure.runtime.vdfs.library_call import BINARY, LibraryCall, VdfsHost, content_of, shown
from perdure.runtime.vdfs.messages import (
    MAX_CONTENT_BYTES,
    MAX_READ_BYTES,
    MAX_TEXT_BYTES,
    AppendContent,
    ContentPart,
    Entry,
    ImportedEntry,
    ImportEntry,
    ReadContent,
    StagedPart,
)
from perdure.runtime.vdfs.quota import Amount
from perdure.runtime.vdfs.records import ROW_COST, Part, Stored, encode_row

_LONGEST_CHARACTER: Final = 4
_DIGEST: Final = re.compile("[0-9a-f]{64}")


class ContentOperations:
    """Operations on entries' contents."""

    def __init__(self, host: VdfsHost) -> None:
        self._host = host

    # It may have to read all that is there once, after a restart.
    @action("vdfs.append_content", effect=Effect.TRANSACTIONAL, timeout=120.0)
    def append_content(self, context: CallContext, request: AppendContent) -> Entry:
        """Add to the end of an entry's content.

        Bytes that are there already, at that offset, change nothing: so a call can be repeated. Size and digest are
        those of the whole so far. Publishes ``entry.updated``.
        """
        call = LibraryCall(self._host, context)
        record = call.entry(request.entry_id)
        data = request.content
        with answered():
            data = content_of(request.content, None, MAX_CONTENT_BYTES)
            if request.offset + len(data) <= record.size and (
                not data or call.contents.read(record.id, request.offset, len(data)) == data
            ):
                return shown(record)
            if request.offset != record.size:
                raise OperationFailed("failed", f"the content has {record.size} bytes; what is added goes there")
            most = len(data) + ROW_COST * -(-len(data) // PART_BYTES)
            call.usage.take(Amount(most))  # before anything goes to the disk
            before = Grown(record.size, record.digest, record.parts, 0)
            content = call.contents.append(record.id, before, data, call.uses, context.cancelled)
        if content.cost < most:
            call.usage.give_back(Amount(most - content.cost))
        grown = msgspec.structs.replace(record, size=content.size, digest=content.digest, parts=content.parts)
        grown = touched(call, grown, cost=record.cost + content.cost)
        call.write(grown)
        call.publish("entry.updated", grown, revision=grown.revision, size=grown.size)
        return shown(grown)

    @query("vdfs.read_content")
    def read_content(self, context: CallContext, request: ReadContent) -> ContentPart:
        """A part of an entry's content. What was read once stays so: content only grows.

        A part that is read as text ends with a whole character.
        """
        call = LibraryCall(self._host, context)
        record = call.entry(request.entry_id)
        if request.offset > record.size:
            raise OperationFailed("invalid_payload", f"offset: the content ends at {record.size}")
        most = MAX_TEXT_BYTES if request.text else MAX_READ_BYTES
        length = min(most, record.size - request.offset, most if request.length is None else request.length)
        if request.text and length:
            length = min(max(length, _LONGEST_CHARACTER), record.size - request.offset)
        with call.reading():
            data = call.contents.read(record.id, request.offset, length)
        text = None
        if request.text:
            text, length = _as_text(data, final=request.offset + length == record.size)
            data = data[:length]
        end = request.offset + len(data)
        return ContentPart(
            entry_id=record.id,
            offset=request.offset,
            length=len(data),
            next_offset=end if end < record.size else None,
            size=record.size,
            digest=record.digest.hex(),
            content=data if text is None else None,
            text=text,
        )

    @action("vdfs.import_entry", effect=Effect.TRANSACTIONAL, timeout=300.0, callers="host")
    def import_entry(self, context: CallContext, request: ImportEntry) -> ImportedEntry:
        """Create an entry with content that the host has staged (`perdure.runtime.vdfs.library.Library`).

        For Python only: a staged part names a blob, and a guest could name another's. Publishes ``entry.created``.
        """
        call = LibraryCall(self._host, context)
        if context.caller != "python":
            raise OperationFailed("permission_denied", f"{context.operation} is for Python only")
        staged = {part.blob for part in request.parts if part.blob}
        if (made := made_before(call)) is not None:
            return ImportedEntry(entry=shown(made), unused=sorted(staged))
        with answered():
            if len(request.parts) > MAX_PARTS:
                raise BadInput(f"parts: there are {len(request.parts)}, there may be {MAX_PARTS}")
            parts = [_stored(part) for part in request.parts]
            digest = _digest(request.digest)
            record = new_record(call, request.name, request.kind, request.media_type or BINARY, request.metadata)
            size = sum(part.size for part in parts)
            cost = size + ROW_COST * len(parts)
            call.usage.take(Amount(record.cost + cost, 1))
        start = 0
        for part in parts:
            kept = call.uses.adopt(part)
            staged.discard(kept.blob)
            call.data.put(call.keys.part(record.id, start + part.size), encode_row(Part(start, kept)))
            start += part.size
        content = Grown(size, digest, len(parts), cost)
        return ImportedEntry(entry=shown(created(call, record, content)), unused=sorted(staged))


def _as_text(data: bytes, *, final: bool) -> tuple[str | None, int]:
    """The text, and how many bytes of ``data`` it is; None and all of them if it is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        text = decoder.decode(data, final)
    except UnicodeDecodeError:
        return None, len(data)
    return text, len(data) - len(decoder.getstate()[0])


def _stored(part: StagedPart) -> Stored:
    inline = not part.blob
    if not 0 < part.size <= PART_BYTES or (inline and not len(part.content) == part.size <= INLINE_BYTES):
        raise BadInput("parts: one has an impossible size")
    if not inline and not _DIGEST.fullmatch(part.blob):
        raise BadInput("parts: one names no blob")
    return Stored(part.size, _digest(part.digest), part.content, part.blob)


def _digest(text: str) -> bytes:
    if not _DIGEST.fullmatch(text):
        raise BadInput("digest: it must be 64 hexadecimal digits, in small letters")
    return bytes.fromhex(text)
