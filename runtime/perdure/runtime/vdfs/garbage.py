"""What deleted entries leave behind, and its removal in bounded steps.

Whoever makes garbage pays: a call that deletes something also removes some of what earlier ones left, so that a guest
that creates and deletes in a loop does not fill the disk. What remains (an entry with very many parts, or the last ones
deleted) goes with ``action:vdfs.sweep``.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import msgspec

from perdure.runtime.operations.data import Data
from perdure.runtime.vdfs.blob_uses import BlobUses
from perdure.runtime.vdfs.records import BlobUse, IdleBlob, Keys, Part, SidecarRecord, Stored, decode_row, encode_row
from perdure.store.blobs import BlobStore
from perdure.store.event_store import EventStore
from perdure.store.rows import SEPARATOR


class Swept(msgspec.Struct):
    """What was removed: rows, blobs and their bytes; ``left`` when there was more than the step allowed."""

    rows: int = 0
    blobs: int = 0
    bytes: int = 0
    left: bool = False


class Garbage:
    """The garbage of one library in one call."""

    def __init__(self, store: EventStore, data: Data, keys: Keys, uses: BlobUses) -> None:
        self._store = store
        self._blobs: BlobStore = store.blobs
        self._data = data
        self._keys = keys
        self._uses = uses

    def purge(self, entry_id: UUID, limit: int) -> int:
        """Remove at most ``limit`` parts and sidecars of an entry that is gone, and remember it if there are more.

        Returns how many were removed.
        """
        removed = 0
        kinds: list[tuple[bytes, Callable[[bytes], Stored]]] = [
            (self._keys.parts(entry_id), lambda value: decode_row(value, Part).stored),
            (self._keys.sidecars(entry_id), lambda value: decode_row(value, SidecarRecord).stored),
        ]
        for prefix, stored in kinds:
            for key, value in self._data.scan(prefix, limit=limit - removed):
                self._data.delete(key)
                self._uses.release(stored(value))
                removed += 1
        key = self._keys.deleted_entry(entry_id)
        if removed == limit:
            self._data.put(key, b"")
        elif self._data.get(key) is not None:
            self._data.delete(key)
        return removed

    def collect(self, limit: int, *, around: bytes = b"") -> Swept:
        """Take at most ``limit`` idle blobs a step further: one that is idle is condemned, a condemned one removed.

        Args:
            limit: how many.
            around: where to begin, so that calls at the same time do not meet.
        """
        swept = Swept()
        if limit < 1:
            return swept
        # Not read as a range: a call would have to run again for each blob that becomes idle anywhere. What is touched
        # is read by its key as well; and what is condemned here was so in a transaction that is committed.
        found = self._store.rows(self._keys.idle, after=self._keys.idle + around, limit=limit)
        if len(found) < limit and around:
            found += [row for row in self._store.rows(self._keys.idle, limit=limit - len(found)) if row not in found]
        swept.left = len(found) == limit
        for row in found:
            if self._data.get(row.key) != row.value:
                continue  # this call has changed it, or another has by now
            idle = decode_row(row.value, IdleBlob)
            if not idle.condemned:
                self._data.put(row.key, encode_row(IdleBlob(idle.blob, idle.size, True)))
                swept.left = True
                continue
            self._blobs.remove(idle.blob)
            self._forget(row.key, idle)
            swept.blobs += 1
            swept.bytes += idle.size
        return swept

    def sweep(self, limit: int) -> Swept:
        """`purge` what deleted entries left, then `collect`, at most ``limit`` rows of each."""
        rows = 0
        for row in self._store.rows(self._keys.deleted, limit=limit):
            # Read by its key as well: another sweep may be at it.
            if rows < limit and self._data.get(row.key) is not None:
                entry_id = UUID(hex=row.key[len(self._keys.deleted) :].decode())
                rows += self.purge(entry_id, limit - rows)
        swept = self.collect(limit)
        # Blobs that became idle just now are for the next one.
        return Swept(rows, swept.blobs, swept.bytes, swept.left or rows > 0)

    def _forget(self, key: bytes, idle: IdleBlob) -> None:
        self._data.delete(key)
        digest = bytes.fromhex(key[len(self._keys.idle) :].split(SEPARATOR)[0].decode())
        use_key = self._keys.blob_use(digest)
        found = self._data.get(use_key)
        if found is None:
            return
        use = decode_row(found, BlobUse)
        if use.count < 1 and use.blob == idle.blob:  # nobody has come with the same bytes since
            self._data.delete(use_key)
