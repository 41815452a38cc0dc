"""Bytes of a library in the blob store: kept once however often they are used, and never lost to a collector.

A blob is stored with a mark before the content (`marks`), made when it is put. So each blob is a file of its own that
nothing else in the log can name, and a blob that is being removed is never confused with one that comes with the same
bytes in that moment. Its life:

1. put (durable), then named by the commit of the call that needs it: a `BlobUse` counts 1;
2. used by more parts and sidecars with the same bytes: the count goes up, and down again;
3. at 0 it is *idle*: a call that needs these bytes may still take it up;
4. *condemned*: nobody may any more, whoever needs these bytes puts a new one. When that is committed, its file is
   removed and then its row.

Each step is a change of rows in a transaction: a call that took the blob up and one that condemned it cannot both be
committed. What a crash between a put and its commit leaves behind is a file that nothing names, which
`orphans` finds.
"""

from __future__ import annotations

import hashlib
from typing import Final

from perdure.runtime.operations.data import Data
from perdure.runtime.vdfs.marks import KEY_ROW, MARK_BYTES, Marks, new_key
from perdure.runtime.vdfs.records import BlobUse, IdleBlob, Keys, Stored, decode_row, encode_row
from perdure.store.blobs import BlobStore
from perdure.store.errors import CorruptBlob

# Smaller bytes live in their row: a file each would take a block of the disk and three syncs.
INLINE_BYTES: Final = 4 * 1024


def read_stored(blobs: BlobStore, stored: Stored) -> bytes:
    """The bytes.

    Raises:
        BlobMissing, CorruptBlob: see `BlobStore.get`.
    """
    if not stored.blob:
        return stored.data
    data = blobs.get(stored.blob)[MARK_BYTES:]
    if len(data) != stored.size:
        raise CorruptBlob(stored.blob, hashlib.sha256(data).hexdigest())
    return data


class BlobUses:
    """The blobs of one library in one call; ``call`` names the call, the same when it runs again."""

    def __init__(self, data: Data, keys: Keys, blobs: BlobStore, marks: Marks, call: str) -> None:
        self._data = data
        self._keys = keys
        self._blobs = blobs
        self._marks = marks
        self._call = call

    def store(self, data: bytes) -> Stored:
        """Keep bytes once more. Durable before the commit that names them.

        Raises:
            DiskFull, StoreFailed: they could not be stored.
        """
        digest = hashlib.sha256(data).digest()
        if len(data) <= INLINE_BYTES:
            return Stored(len(data), digest, data)
        use = self._taken_up(digest)
        if use is None:
            use = BlobUse(1, self._put(digest, data), len(data))
        self._data.put(self._keys.blob_use(digest), encode_row(use))
        return Stored(len(data), digest, b"", use.blob)

    def adopt(self, staged: Stored) -> Stored:
        """Keep bytes that the host has put already, under a mark of their own; see which blob is used for them."""
        if not staged.blob:
            return staged
        use = self._taken_up(staged.digest) or BlobUse(1, staged.blob, staged.size)
        self._data.put(self._keys.blob_use(staged.digest), encode_row(use))
        return Stored(staged.size, staged.digest, b"", use.blob)

    def release(self, stored: Stored) -> None:
        """Keep bytes once less."""
        if not stored.blob:
            return
        key = self._keys.blob_use(stored.digest)
        found = self._data.get(key)
        if found is None:
            return
        use = decode_row(found, BlobUse)
        self._data.put(key, encode_row(BlobUse(use.count - 1, use.blob, use.size)))
        if use.count <= 1:
            idle = IdleBlob(use.blob, use.size, False)
            self._data.put(self._keys.idle_blob(stored.digest, use.blob), encode_row(idle))

    def _taken_up(self, digest: bytes) -> BlobUse | None:
        found = self._data.get(self._keys.blob_use(digest))
        if found is None:
            return None
        use = decode_row(found, BlobUse)
        if use.count < 1:
            key = self._keys.idle_blob(digest, use.blob)
            idle = self._data.get(key)
            if idle is None or decode_row(idle, IdleBlob).condemned:
                return None
            self._data.delete(key)
        return BlobUse(use.count + 1, use.blob, use.size)

    def _put(self, digest: bytes, data: bytes) -> str:
        key = self._data.get(KEY_ROW)
        if key is None:
            self._data.put(KEY_ROW, key := new_key())
        for attempt in range(1_000):
            marked = self._marks.of(key, self._call, digest, attempt) + data
            blob = hashlib.sha256(marked).hexdigest()
            # The file of a condemned blob may go at any moment, so that one is not to be put again.
            if self._data.get(self._keys.idle_blob(digest, blob)) is None:
                return self._blobs.put(marked)
        raise RuntimeError("a thousand condemned blobs of one call")
