"""An entry's content: parts in a row, each of at most `PART_BYTES`, and the digest of the whole.

Content only grows: what was read at an offset stays what it was, for as long as its entry lives.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from perdure.actors.cancel_token import CancelToken
from perdure.actors.operations import OperationFailed
from perdure.runtime.operations.data import Data
from perdure.runtime.vdfs.blob_uses import INLINE_BYTES, BlobUses, read_stored
from perdure.runtime.vdfs.records import ROW_COST, Keys, Part, decode_row, encode_row
from perdure.store.blobs import BlobStore

if TYPE_CHECKING:
    from hashlib import _Hash

PART_BYTES: Final = 4 * 1024 * 1024
MAX_PARTS: Final = 65_536
EMPTY: Final = hashlib.sha256().digest()
_BATCH: Final = 64  # parts whose rows are read at once
_REMEMBERED: Final = 4_096


class Grown(msgspec.Struct, frozen=True):
    """Content after bytes were added: its size and digest, how many parts it has, and what the change costs."""

    size: int
    digest: bytes
    parts: int
    cost: int


class RunningDigests:
    """SHA-256 computations that can go on: by the digest of the content so far. Thread-safe, and of bounded size.

    Without it each part of a long upload would have to read all before it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_digest: OrderedDict[bytes, _Hash] = OrderedDict()

    def remember(self, computation: _Hash) -> bytes:
        """Keep a computation; returns its digest."""
        digest = computation.digest()
        with self._lock:
            self._by_digest[digest] = computation
            self._by_digest.move_to_end(digest)
            if len(self._by_digest) > _REMEMBERED:
                self._by_digest.popitem(last=False)
        return digest

    def resume(self, digest: bytes) -> _Hash | None:
        """A computation of its own that has come to this digest, or None."""
        if digest == EMPTY:
            return hashlib.sha256()
        with self._lock:
            known = self._by_digest.get(digest)
            return known.copy() if known is not None else None


class Contents:
    """The contents of a library's entries in one call."""

    def __init__(self, data: Data, keys: Keys, blobs: BlobStore, digests: RunningDigests) -> None:
        self._data = data
        self._keys = keys
        self._blobs = blobs
        self._digests = digests

    def read(self, entry_id: UUID, offset: int, length: int) -> bytes:
        """At most ``length`` bytes from ``offset`` on.

        Raises:
            StoreError: a part is missing or damaged.
        """
        pieces: list[bytes] = []
        for part in self._parts(entry_id, offset):
            if part.start >= offset + length:
                break
            data = read_stored(self._blobs, part.stored)
            pieces.append(data[max(0, offset - part.start) : offset + length - part.start])
        return b"".join(pieces)

    def digest(self, entry_id: UUID, size: int) -> bytes:
        """The digest of the first ``size`` bytes, computed from the parts.

        Raises:
            StoreError: a part is missing or damaged.
        """
        computation, left = hashlib.sha256(), size
        for part in self._parts(entry_id, 0):
            data = read_stored(self._blobs, part.stored)[:left]
            computation.update(data)
            left -= len(data)
        return computation.digest()

    def append(
        self, entry_id: UUID, before: Grown, data: bytes, uses: BlobUses, cancelled: CancelToken | None = None
    ) -> Grown:
        """Add bytes to an entry's content, which is as ``before`` says.

        Raises:
            OperationFailed: it would have too many parts.
            StoreError: the bytes could not be stored, or those before them not be read.
        """
        if not data:
            return before
        computation = self._digests.resume(before.digest) or self._computed(entry_id, cancelled)
        computation.update(data)
        start, parts, cost = before.size, before.parts, before.cost
        size = start + len(data)
        tail = self._small_tail(entry_id, start) if len(data) <= INLINE_BYTES else None
        if tail is not None and tail.stored.size + len(data) <= INLINE_BYTES:
            # Small ones are put together in one row, so that a log that grows by lines is not a row a line.
            self._data.delete(self._keys.part(entry_id, start))
            start, data, parts, cost = tail.start, tail.stored.data + data, parts - 1, cost - ROW_COST
        for at in range(0, len(data), PART_BYTES):
            piece = data[at : at + PART_BYTES]
            part = Part(start + at, uses.store(piece))
            self._data.put(self._keys.part(entry_id, start + at + len(piece)), encode_row(part))
            parts, cost = parts + 1, cost + ROW_COST
        if parts > MAX_PARTS:
            raise OperationFailed("failed", f"the content has {MAX_PARTS} parts, add to it in larger ones")
        return Grown(size, self._digests.remember(computation), parts, cost + size - before.size)

    def _small_tail(self, entry_id: UUID, size: int) -> Part | None:
        found = self._data.get(self._keys.part(entry_id, size)) if size else None
        part = decode_row(found, Part) if found is not None else None
        return part if part is not None and not part.stored.blob else None

    def _computed(self, entry_id: UUID, cancelled: CancelToken | None) -> _Hash:
        computation = hashlib.sha256()
        for part in self._parts(entry_id, 0):
            if cancelled is not None and cancelled.cancelled:
                raise OperationFailed("unavailable", "the call was cancelled")
            computation.update(read_stored(self._blobs, part.stored))
        return computation

    def _parts(self, entry_id: UUID, offset: int) -> Iterator[Part]:
        prefix, after = self._keys.parts(entry_id), self._keys.part(entry_id, offset)
        while rows := self._data.scan(prefix, after=after, limit=_BATCH):
            for after, value in rows:  # noqa: B007, the last one's key is where the next batch begins
                yield decode_row(value, Part)
