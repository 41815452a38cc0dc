"""The rows as one call sees them: what it reads is remembered, what it writes is collected.

Nothing is locked, and no transaction of the store stays open. A read that finds something else than an earlier one of
the same call raises `Stale`; the call is then run again. The writes go into the commit that holds the call's outcome,
which the store refuses if anything that was read has changed by then. So a call sees one moment, and its effect is as
if it had happened in that moment.
"""

from __future__ import annotations

import enum

from perdure.store.event_store import EventStore
from perdure.store.events import RowWrite
from perdure.store.rows import DERIVED, MAX_KEY_BYTES, RangeRead, Row, RowOverlay, RowRead, digest_of_rows


class Stale(Exception):
    """What the call read has changed meanwhile; it runs again, also if its handler swallows this."""


class Access(enum.Enum):
    """What a call may do with the rows."""

    READ = "read"  # reads that agree with each other
    WRITE = "write"  # the same, and writes that are committed with the outcome
    PEEK = "peek"  # reads of the moment; for actions that must not be run twice


class _Seen:
    """What one call has read. Apart from `Data`, so that a call leaves no cycle for Python's collector to find."""

    def __init__(self, store: EventStore, access: Access) -> None:
        self.reads: dict[bytes, int] = {}
        self.ranges: list[RangeRead] = []
        self.stale = False
        self._store = store
        self._access = access

    def read(self, key: bytes) -> Row | None:
        """The stored row, or None. Raises `Stale`."""
        row = self._store.row(key)
        if self._access is Access.PEEK:
            return row  # not remembered: a conflict would run the action again, and that one must not be
        version = row.version if row is not None else 0
        if self.reads.setdefault(key, version) != version:
            self.stale = True
            raise Stale
        return row

    def read_range(self, prefix: bytes, after: bytes, limit: int) -> list[Row]:
        """The first stored rows under a prefix, behind a key."""
        rows = self._store.rows(prefix, after=after, limit=limit)
        if self._access is not Access.PEEK:
            self.ranges.append(RangeRead(prefix, after, limit, digest_of_rows(rows)))
        return rows

    def unchanged(self) -> bool:
        """Whether all of it still is so."""
        if self.stale:
            return False
        for key, version in self.reads.items():
            row = self._store.row(key)
            if (row.version if row is not None else 0) != version:
                return False
        return all(
            digest_of_rows(self._store.rows(part.prefix, after=part.after, limit=part.limit)) == part.digest
            for part in self.ranges
        )


class Data:
    """The rows of the store, for one run of one handler. Not thread-safe. ``access``: what the handler may do."""

    def __init__(self, store: EventStore, access: Access) -> None:
        self.access = access
        self._seen = _Seen(store, access)
        self._rows = RowOverlay(self._seen.read, self._seen.read_range)

    def get(self, key: bytes) -> bytes | None:
        """The value of a row, with this call's own writes; None if there is none."""
        row = self._rows.get(key)
        return row.value if row is not None else None

    def scan(self, prefix: bytes, *, after: bytes = b"", limit: int = 1000) -> list[tuple[bytes, bytes]]:
        """The first ``limit`` rows under ``prefix`` behind the key ``after``, as (key, value), in the order of keys."""
        return [(row.key, row.value) for row in self._rows.range(prefix, after, limit)]

    def put(self, key: bytes, value: bytes) -> None:
        """Write a row when the outcome is committed.

        Raises:
            PermissionError: the operation is a query, or an action that may not be run again.
            ValueError: no row can have such a key.
            TypeError: the key or the value are no bytes.
        """
        self._check_writable(key)
        if not isinstance(value, bytes):
            raise TypeError(f"a row's value is bytes, not {type(value).__name__}")
        self._rows.write(key, value, 0)

    def delete(self, key: bytes) -> None:
        """Delete a row when the outcome is committed. Raises as `put`."""
        self._check_writable(key)
        self._rows.write(key, None, 0)

    def _check_writable(self, key: bytes) -> None:
        if self.access is not Access.WRITE:
            raise PermissionError("only transactional and idempotent actions may write rows")
        # Here, where it is the handler's fault: the log would refuse the whole outcome.
        if not isinstance(key, bytes):
            raise TypeError(f"a row's key is bytes, not {type(key).__name__}")
        if not 0 < len(key) <= MAX_KEY_BYTES:
            raise ValueError(f"a row's key has {len(key)} bytes, it may have 1 to {MAX_KEY_BYTES}")
        if key.startswith(DERIVED):
            raise ValueError(f"rows under {DERIVED!r} are the runtime's own")

    def consistent(self) -> bool:
        """Whether a query's reads all are of one moment; an action's are checked by the commit of its outcome."""
        seen = self._seen
        if self.access is Access.READ and len(seen.reads) + len(seen.ranges) > 1:  # one look is one moment
            return seen.unchanged()
        return not seen.stale

    def unchanged(self) -> bool:
        """Whether all that was read still is so."""
        return self._seen.unchanged()

    @property
    def reads(self) -> tuple[RowRead, ...]:
        """The rows that were read."""
        return tuple(RowRead(key, version) for key, version in self._seen.reads.items())

    @property
    def ranges(self) -> tuple[RangeRead, ...]:
        """The ranges that were read."""
        return tuple(self._seen.ranges)

    @property
    def writes(self) -> tuple[RowWrite, ...]:
        """What is to be written."""
        return tuple(
            RowWrite(key, row.value if row is not None else None) for key, row in sorted(self._rows.changed.items())
        )
