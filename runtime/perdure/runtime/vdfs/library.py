"""A library from Python: entries with contents of any size, in constant memory.

    library = Library(runtime, library_id)
    with open("holiday.mov", "rb") as film:
        entry = library.create_entry("holiday.mov", film, media_type="video/quicktime")
    with library.open(entry.id) as content:
        shutil.copyfileobj(content, out)

Everything else (metadata, sidecars, lists) is an operation: ``runtime.call("query:vdfs.list_entries", …)``.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol, runtime_checkable
from uuid import UUID

from perdure.runtime.errors import OperationError
from perdure.runtime.operations.data import Access, Data
from perdure.runtime.vdfs.blob_uses import INLINE_BYTES, read_stored
from perdure.runtime.vdfs.contents import PART_BYTES, Contents, RunningDigests
from perdure.runtime.vdfs.marks import KEY_ROW, fresh_mark
from perdure.runtime.vdfs.messages import (
    Entry,
    GetEntry,
    GetUsage,
    ImportedEntry,
    ImportEntry,
    OrphansRemoved,
    RemoveOrphans,
    SetQuota,
    StagedPart,
    Sweep,
    SweepAnswer,
    UsageAnswer,
)
from perdure.runtime.vdfs.records import EntryRecord, Keys, SidecarRecord, decode_row
from perdure.runtime.vdfs.sidecar_operations import MAX_SIDECARS
from perdure.store.blobs import BlobStore
from perdure.store.errors import StoreError
from perdure.store.integrity import Problem

if TYPE_CHECKING:
    from perdure.store.event_store import EventStore

_CHECKED_AT_ONCE: Final = 100


@runtime_checkable
class Readable(Protocol):
    """A binary file, or what reads like one."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


Content = bytes | bytearray | memoryview | Readable | Iterable[bytes]
"""What an entry can be made of."""


class LibraryHost(Protocol):
    """Who has libraries: a `Runtime`; for reading, whoever can call operations and read the log."""

    @property
    def store(self) -> EventStore:
        """The log, with the contents beside it."""

    def call(
        self,
        method: str,
        request: object = None,
        *,
        library_id: UUID,
        caller: str = "python",
        effect_key: str | None = None,
    ) -> Any:
        """See `Runtime.call`."""


class Library:
    """One library of a runtime. Thread-safe; holds nothing that must be closed."""

    def __init__(self, runtime: LibraryHost, library_id: UUID) -> None:
        self._runtime = runtime
        self.library_id = library_id

    def create_entry(
        self,
        name: str,
        content: Content = b"",
        *,
        kind: str = "file",
        media_type: str | None = None,
        metadata: dict[str, Any] | None = None,
        effect_key: str | None = None,
    ) -> Entry:
        """Create an entry with all of its content at once: it is there completely, or not at all. Durable.

        The content is read in parts of 4 MiB, each of which is on disk before the next one is read.

        Args:
            name: see `perdure.runtime.vdfs.names`.
            content: bytes, a binary file, or an iterator of bytes in pieces of any size; read to its end.
            kind, media_type, metadata: see ``action:vdfs.create_entry``.
            effect_key: a second call with the same key gives the entry that the first one made.

        Raises:
            OperationError: the name or the metadata was refused (``invalid_payload``), or the quota is exceeded
                (``failed``).
            StoreError: the disk refused. What was staged is removed, unless the commit may have come through.
            TypeError: the content gave something else than bytes.
        """
        staged = _Staged(self._runtime.store.blobs, self._room(), self._key())
        sent = False
        try:
            for piece in _pieces(content):
                staged.add(piece)
            request = ImportEntry(
                name=name,
                kind=kind,
                media_type=media_type,
                metadata=metadata or {},
                digest=staged.whole.hexdigest(),
                parts=staged.parts,
            )
            sent = True
            imported: ImportedEntry = self._call("action:vdfs.import_entry", request, effect_key=effect_key)
        except BaseException as error:
            # After a request whose answer never came the blobs may be in use.
            if not sent or isinstance(error, OperationError):
                staged.remove()
            raise
        staged.remove(imported.unused)
        return imported.entry

    def entry(self, entry_id: UUID) -> Entry:
        """One entry.

        Raises:
            OperationError: ``not_found``.
        """
        found: Entry = self._call("query:vdfs.get_entry", GetEntry(entry_id=entry_id))
        return found

    def open(self, entry_id: UUID) -> BinaryIO:
        """An entry's content as it is now, as a seekable binary file that reads the parts it is asked for.

        What is added to the content later is not in it. When the entry is deleted, reading raises OSError.

        Raises:
            OperationError: ``not_found``.
        """
        size = self.entry(entry_id).size
        return io.BufferedReader(_Content(self, entry_id, size), PART_BYTES)

    def usage(self) -> UsageAnswer:
        """What the library uses of its quota."""
        usage: UsageAnswer = self._call("query:vdfs.get_usage", GetUsage())
        return usage

    def set_quota(self, *, size: int | None = None, entries: int | None = None) -> UsageAnswer:
        """Give the library a quota of its own, in bytes and entries; None for both: the runtime's again. Durable."""
        usage: UsageAnswer = self._call("action:vdfs.set_quota", SetQuota(bytes=size, entries=entries))
        return usage

    def sweep(self) -> SweepAnswer:
        """Remove from the disk what deleted entries and overwritten sidecars left; returns how much that was.

        Safe at any time, also beside running jobs. Deletions sweep a little themselves, so this is for what they leave.
        """
        rows = blobs = size = 0
        while True:
            swept: SweepAnswer = self._call("action:vdfs.sweep", Sweep())
            rows, blobs, size = rows + swept.rows, blobs + swept.blobs, size + swept.bytes
            if not swept.more:
                return SweepAnswer(rows=rows, blobs=blobs, bytes=size, more=False)

    def read(self, entry_id: UUID, offset: int, length: int) -> bytes:
        """At most ``length`` bytes of an entry's content from ``offset`` on; fewer only at its end.

        Leaves no event: what the host reads for itself is not a call, and its answer would be the content once more.

        Raises:
            StoreError: a part is missing (the entry was deleted meanwhile) or damaged.
        """
        store = self._runtime.store
        contents = Contents(Data(store, Access.PEEK), Keys(self.library_id), store.blobs, RunningDigests())
        return contents.read(entry_id, offset, length)

    def remove_orphans(self) -> OrphansRemoved:
        """Remove what processes that died left of contents they did not finish, in all libraries. Safe at any time.

        Worth a call after crashes in the middle of large imports; it reads every blob that no library names.
        """
        removed: OrphansRemoved = self._call("action:vdfs.remove_orphans", RemoveOrphans())
        return removed

    def check(self) -> list[Problem]:
        """Read all contents and sidecars of the library; returns what is missing or damaged, by entry.

        For backups that were restored, and disks that are doubted: the check of the log does not look in here.
        """
        data, blobs = Data(self._runtime.store, Access.PEEK), self._runtime.store.blobs
        keys, after = Keys(self.library_id), b""
        problems: list[Problem] = []
        while rows := data.scan(keys.entries, after=after, limit=_CHECKED_AT_ONCE):
            for after, value in rows:  # noqa: B007, the last one's key is where the next batch begins
                record = decode_row(value, EntryRecord)
                where = f"entry {record.id} of library {self.library_id}"
                try:
                    whole = Contents(data, keys, blobs, RunningDigests()).digest(record.id, record.size)
                    if whole != record.digest:
                        problems.append(Problem(where, "its content has another digest"))
                    for _, row in data.scan(keys.sidecars(record.id), limit=MAX_SIDECARS):
                        read_stored(blobs, decode_row(row, SidecarRecord).stored)
                except StoreError as error:
                    # One that was deleted meanwhile has the right to be gone.
                    if data.get(keys.entry(record.id)) is not None:
                        problems.append(Problem(where, str(error)))
        return problems

    def _room(self) -> int:
        usage = self.usage()
        return usage.bytes_limit - usage.bytes_used

    def _key(self) -> bytes:
        while (row := self._runtime.store.row(KEY_ROW)) is None:
            self._call("action:vdfs.remove_orphans", RemoveOrphans())  # makes it
        return row.value

    def _call(self, method: str, request: object, *, effect_key: str | None = None) -> Any:
        return self._runtime.call(method, request, library_id=self.library_id, effect_key=effect_key)


class _Staged:
    """Parts in the blob store that no row names yet, each under a mark that nobody else has."""

    def __init__(self, blobs: BlobStore, room: int, key: bytes) -> None:
        self.parts: list[StagedPart] = []
        self.whole = hashlib.sha256()
        self._blobs = blobs
        self._room = room
        self._key = key

    def add(self, data: bytes) -> None:
        """Put a part. Once there is more than the library has room for, nothing is put any more."""
        self.whole.update(data)
        digest = hashlib.sha256(data).hexdigest()
        self._room -= len(data)
        if len(data) <= INLINE_BYTES:
            self.parts.append(StagedPart(size=len(data), digest=digest, content=data))
            return
        if self._room < 0:
            raise _no_room(-self._room)
        blob = self._blobs.put(fresh_mark(self._key) + data)
        self.parts.append(StagedPart(size=len(data), digest=digest, blob=blob))

    def remove(self, blobs: Iterable[str] | None = None) -> None:
        """Remove some of them, or all."""
        for blob in blobs if blobs is not None else [part.blob for part in self.parts if part.blob]:
            self._blobs.remove(blob)


def _no_room(missing: int) -> OperationError:
    return OperationError(
        "action:vdfs.import_entry",
        "failed",
        f"quota exceeded: the content needs at least {missing} bytes more than the library has left",
    )


class _Content(io.RawIOBase):
    """The raw side of `Library.open`."""

    def __init__(self, library: Library, entry_id: UUID, size: int) -> None:
        self._library = library
        self._entry_id = entry_id
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"cannot seek to {base + offset}")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readall(self) -> bytes:
        # RawIOBase reads 8 KiB at a time, and each of those would read a whole part.
        pieces = bytearray()
        while self._at < self._size:
            piece = bytearray(min(PART_BYTES, self._size - self._at))
            self.readinto(piece)
            pieces += piece
        return bytes(pieces)

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        length = min(len(view), self._size - self._at)
        if length <= 0:
            return 0
        try:
            data = self._library.read(self._entry_id, self._at, length)
        except StoreError as error:
            raise OSError(f"entry {self._entry_id} cannot be read: {error}") from error
        if len(data) < length:
            raise OSError(f"entry {self._entry_id} cannot be read: it was deleted")
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def _pieces(content: Content) -> Iterator[bytes]:
    """The content in parts of `PART_BYTES`, the last one smaller, none empty."""
    if isinstance(content, bytes | bytearray | memoryview):
        view = memoryview(content).cast("B")
        for at in range(0, len(view), PART_BYTES):
            yield bytes(view[at : at + PART_BYTES])
        return
    pieces = iter(content) if isinstance(content, Iterable) and not hasattr(content, "read") else _reads(content)
    held = bytearray()
    for piece in pieces:
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise TypeError(f"content must be bytes, not {type(piece).__name__}; open the file in binary mode")
        view = memoryview(piece).cast("B")
        at = 0
        while at < len(view):
            taken = view[at : at + PART_BYTES - len(held)]
            held += taken
            at += len(taken)
            if len(held) == PART_BYTES:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)


def _reads(file: object) -> Iterator[bytes]:
    if not isinstance(file, Readable):
        raise TypeError(f"content must be bytes, a binary file or an iterator of bytes, not {type(file).__name__}")
    while piece := file.read(PART_BYTES):
        yield piece
