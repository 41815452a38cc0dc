"""Rows: perdure's own data beside the log, for operations whose effect is perdure's own.

A row is a key (bytes, at most `MAX_KEY_BYTES`) with a value and a version: the log position of the event that wrote it.
Rows change only with an append: by the `RowWrite`s that an action's outcome carries, or riding along with a commit
(`EventStore.append_batch`), for what can be lost with the events that caused it. So the rows of outcomes are a
projection of the log, and the transaction that stores an outcome is the one that makes its effect.

Concurrency is optimistic: whoever computed the writes says what it read (`RowRead`, `RangeRead`), and the store refuses
with `WriteConflict` when that is not so any more. That is serialisable, without a transaction that stays open.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from perdure.store.errors import BadEvent, WriteConflict

MAX_KEY_BYTES: Final = 480  # LMDB's keys end at 511; the rest is for seeking past a key
SEPARATOR: Final = b"\0"
# Rows under it ride on commits: what budgets count. All others are a projection of the log.
DERIVED: Final = b"budget\0"
_U64: Final = struct.Struct(">Q")


class Row(msgspec.Struct, array_like=True, frozen=True):
    """A row as it is stored; ``version`` is the log position of the event that wrote it."""

    key: bytes
    value: bytes
    version: int


class RowRead(msgspec.Struct, array_like=True, frozen=True):
    """A row was read; ``version`` is 0 if there was none."""

    key: bytes
    version: int


class RangeRead(msgspec.Struct, array_like=True, frozen=True):
    """The first ``limit`` rows under ``prefix`` behind ``after`` were read; ``digest`` is theirs (`digest_of_rows`)."""

    prefix: bytes
    after: bytes
    limit: int
    digest: bytes


def row_key(*parts: str | bytes) -> bytes:
    """A key of some parts, none of which may contain NUL, so that no part can reach into the next.

    Raises:
        ValueError: a part contains NUL, or the key is too long.
    """
    encoded = [part.encode() if isinstance(part, str) else part for part in parts]
    if any(SEPARATOR in part for part in encoded):
        raise ValueError("a part of a row's key must not contain NUL")
    key = SEPARATOR.join(encoded)
    if not 0 < len(key) <= MAX_KEY_BYTES:
        raise ValueError(f"a row's key has {len(key)} bytes, it may have 1 to {MAX_KEY_BYTES}")
    return key


def digest_of_rows(rows: Iterable[Row]) -> bytes:
    """What identifies a result of reading rows: their keys and versions."""
    digest = hashlib.blake2b(digest_size=16)
    for row in rows:
        digest.update(_U64.pack(len(row.key)) + row.key + _U64.pack(row.version))
    return digest.digest()


def digest_of_value(value: bytes) -> bytes:
    """What identifies a row's value, for checks of the log."""
    return hashlib.blake2b(value, digest_size=16).digest()


class RowOverlay:
    """The rows as they will be after a commit that is being planned: what is stored, and the changes on top.

    Args:
        stored: the stored row with a key, or None.
        stored_range: the first so many stored rows under a prefix, behind a key.
    """

    def __init__(
        self, stored: Callable[[bytes], Row | None], stored_range: Callable[[bytes, bytes, int], Sequence[Row]]
    ) -> None:
        self._stored = stored
        self._stored_range = stored_range
        self.changed: dict[bytes, Row | None] = {}

    def get(self, key: bytes) -> Row | None:
        """The row, or None."""
        return self.changed[key] if key in self.changed else self._stored(key)

    def range(self, prefix: bytes, after: bytes, limit: int) -> list[Row]:
        """The first ``limit`` rows under ``prefix`` whose keys are behind ``after``."""
        changed = {key: row for key, row in self.changed.items() if key.startswith(prefix) and key > after}
        # Each change may take one stored row away.
        found = {row.key: row for row in self._stored_range(prefix, after, limit + len(changed))}
        for key, row in changed.items():
            if row is None:
                found.pop(key, None)
            else:
                found[key] = row
        return [found[key] for key in sorted(found)][:limit]

    def write(self, key: bytes, value: bytes | None, version: int) -> None:
        """Note a change."""
        self.changed[key] = Row(key, value, version) if value is not None else None

    def check(self, reads: Iterable[RowRead], ranges: Iterable[RangeRead]) -> None:
        """Make sure that what was read is still so.

        Raises:
            WriteConflict: something else wrote there since.
        """
        for read in reads:
            row = self.get(read.key)
            if (row.version if row is not None else 0) != read.version:
                raise WriteConflict(read.key)
        for part in ranges:
            if digest_of_rows(self.range(part.prefix, part.after, part.limit)) != part.digest:
                raise WriteConflict(part.prefix)


def checked_key(stream: str, key: bytes) -> bytes:
    """``key``, if a row can have it.

    Raises:
        BadEvent: it is empty or too long.
    """
    if not 0 < len(key) <= MAX_KEY_BYTES:
        raise BadEvent(stream, f"a row's key has {len(key)} bytes, it may have 1 to {MAX_KEY_BYTES}")
    return key
