"""The frames of the log, and the index that finds those of a stream.

What is read is copied out of short transactions, some megabytes each: one that stayed open would keep every page that
a commit frees from being used again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from perdure.store.errors import CorruptLog
from perdure.store.event_store import Head, RawFrame
from perdure.store.frame import read_frame
from perdure.store.lmdb_environment import LmdbEnvironment
from perdure.store.lmdb_layout import PLACE, POSITION

_CHUNK_BYTES: Final = 4 << 20  # what one read transaction copies out at most, so that none stays open for long
_FIRST_BYTES: Final = 16 << 10  # of the first one: most who read want some events, not all
_GROWTH: Final = 8
_CHUNK_ENTRIES: Final = 16_384  # of the index, as above


class LmdbFrames:
    """The frames in an environment, as each transaction finds them."""

    def __init__(self, env: LmdbEnvironment) -> None:
        self._env = env

    def last_position(self, txn: Any) -> int:
        """The position of the last event; 0 for an empty log."""
        cursor = txn.cursor(self._env.log)
        if not cursor.last():
            return 0
        position: int = POSITION.unpack(cursor.key())[0]
        return position + len(read_frame(cursor.value(), position).bodies) - 1

    def of(self, head: Head, after: int, last: int) -> Iterator[RawFrame]:
        """The stream's frames that hold sequences in ``(after, last]``, in order, some megabytes a transaction."""
        key: bytes | None = PLACE.pack(head.number, after + 1)
        lowest, stop = PLACE.pack(head.number, 0), PLACE.pack(head.number, last)
        limit = _FIRST_BYTES
        while key is not None and key <= stop:
            chunk: list[RawFrame] = []
            size = 0
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.index)
                # The frame that holds `key` begins at it or before it; a stream's first frame begins at sequence 1.
                found = cursor.set_range(key)
                if not found or cursor.key() != key:
                    found = cursor.prev() if found else cursor.last()
                if not found or cursor.key() < lowest:
                    raise CorruptLog(f"stream {head.number}", "its index is not there")
                key = None
                while found and cursor.key() <= stop:
                    if size >= limit:
                        key = cursor.key()
                        break
                    position: bytes = cursor.value()
                    data = txn.get(position, db=self._env.log)
                    chunk.append(RawFrame(POSITION.unpack(position)[0], present(data, position)))
                    size += len(data)
                    found = cursor.next()
            yield from chunk
            limit = min(limit * _GROWTH, _CHUNK_BYTES)

    def backward(self, number: int, after: int, last: int) -> Iterator[RawFrame]:
        """The same frames of the stream with this number, last first."""
        key: bytes | None = PLACE.pack(number, last)
        lowest = PLACE.pack(number, 0)
        limit = _FIRST_BYTES
        while key is not None:
            chunk: list[RawFrame] = []
            size = 0
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.index)
                found = cursor.set_range(key)
                if not found or cursor.key() != key:
                    found = cursor.prev() if found else cursor.last()
                key = None
                while found and cursor.key() > lowest:
                    if size >= limit:
                        key = cursor.key()
                        break
                    position: bytes = cursor.value()
                    data = txn.get(position, db=self._env.log)
                    chunk.append(RawFrame(POSITION.unpack(position)[0], present(data, position)))
                    size += len(data)
                    if PLACE.unpack(cursor.key())[1] <= after + 1:
                        break
                    found = cursor.prev()
            yield from chunk
            limit = min(limit * _GROWTH, _CHUNK_BYTES)

    def after(self, after: int) -> Iterator[RawFrame]:
        """The log's frames that hold positions behind ``after``, in order."""
        key: bytes | None = POSITION.pack(after + 1)
        limit = _FIRST_BYTES
        while key is not None:
            chunk: list[RawFrame] = []
            size = 0
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.log)
                found = cursor.set_range(key)
                if not found or cursor.key() != key:
                    # The frame before may reach beyond `after`.
                    found = (cursor.prev() or cursor.first()) if found else cursor.last()
                key = None
                while found:
                    if size >= limit:
                        key = cursor.key()
                        break
                    data: bytes = cursor.value()
                    chunk.append(RawFrame(POSITION.unpack(cursor.key())[0], data))
                    size += len(data)
                    found = cursor.next()
            yield from chunk
            limit = min(limit * _GROWTH, _CHUNK_BYTES)

    def last_of(self, head: Head) -> RawFrame | None:
        """The stream's last frame, if it holds one event."""
        with self._env.transaction() as txn:
            position = txn.get(PLACE.pack(head.number, head.sequence), db=self._env.index)
            if position is None:
                return None
            data = present(txn.get(position, db=self._env.log), position)
        return RawFrame(POSITION.unpack(position)[0], data)

    def first_sequence(self, number: int) -> int:
        """The first sequence of a stream's number that the index has; 0 for none."""
        with self._env.transaction() as txn:
            cursor = txn.cursor(self._env.index)
            if not cursor.set_range(PLACE.pack(number, 0)):
                return 0
            found, first = PLACE.unpack(cursor.key())
        return int(first) if found == number else 0

    def indexed(self) -> Iterator[tuple[int, int, int]]:
        """Every index entry as ``(stream number, sequence, position)``."""
        key = b""
        while True:
            chunk: list[tuple[int, int, int]] = []
            with self._env.transaction() as txn:
                cursor = txn.cursor(self._env.index)
                found = cursor.set_range(key) if key else cursor.first()
                while found and len(chunk) < _CHUNK_ENTRIES:
                    key = cursor.key()
                    chunk.append((*PLACE.unpack(key), *POSITION.unpack(cursor.value())))
                    found = cursor.next()
            if not chunk:
                return
            yield from chunk
            key += b"\0"


def present(data: bytes | None, position: bytes) -> bytes:
    """The frame that the index names.

    Raises:
        CorruptLog: it is not there.
    """
    if data is None:
        raise CorruptLog(f"position {POSITION.unpack(position)[0]}", "the index names a frame that is not there")
    return data
