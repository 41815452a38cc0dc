"""Removes the blobs that nothing names any more, and what crashes left of others.

Mark and sweep: what no event of the log and no row names goes. A blob that is put for an event which is not appended
yet is named by nothing either. So only those go that nobody has put or touched for `GRACE`, and whoever puts a blob
that is there already makes it count as new (`SweptBlobs`).
"""

from __future__ import annotations

import time
from typing import Final

import msgspec

from perdure.actors.hooks import ActorHooks
from perdure.runtime.retention.pace import Pace
from perdure.runtime.wasm.module_cache import ModuleCache
from perdure.store.event_store import EventStore
from perdure.store.failpoints import hit
from perdure.store.frame import read_frame
from perdure.store.references import may_name_blobs, named_in_frame, named_in_row

GRACE: Final = 86_400.0  # seconds
_BYTES: Final = 4 << 20  # of frames that are read at once
_ROWS: Final = 2_000
_FILES: Final = 64


class Swept(msgspec.Struct):
    """What was removed: blobs and their bytes, and files of writes that were cut short."""

    blobs: int = 0
    bytes: int = 0
    leftovers: int = 0


class Sweeper:
    """Sweeps the blobs of one log, and the machine code of modules that are not there any more.

    Args:
        store: the log.
        cache: where the machine code is.
        hooks: told of what was done.
    """

    def __init__(self, store: EventStore, cache: ModuleCache, hooks: ActorHooks) -> None:
        self._store = store
        self._cache = cache
        self._hooks = hooks

    def sweep(self, pace: Pace, before: float | None = None) -> Swept:
        """Remove what nothing names and nobody has put since ``before`` (seconds since 1970; None: `GRACE` ago).

        Raises:
            StoreError: the log cannot be read, or a file not be removed; what was removed is.
        """
        swept = Swept()
        blobs = self._store.blobs
        before = time.time() - GRACE if before is None else before
        hit("sweep.before_mark")
        unnamed = {bytes.fromhex(digest) for digest in blobs.unused(before)}
        # Rows first: what they name goes by changes of rows, which stand in the log behind that.
        if unnamed and not (self._mark_rows(unnamed, pace) and self._mark_events(unnamed, pace)):
            return swept
        hit("sweep.after_mark")
        for place, digest in enumerate(sorted(unnamed)):
            if size := blobs.remove_unused(digest.hex(), before):
                swept.blobs, swept.bytes = swept.blobs + 1, swept.bytes + size
            if place % _FILES == 0 and not pace.go_on():
                break
        swept.leftovers = blobs.remove_leftovers(before)
        if swept.blobs:
            self._cache.forget_missing(blobs.has)
        self._hooks.swept(swept.blobs, swept.bytes)
        return swept

    def _mark_rows(self, unnamed: set[bytes], pace: Pace) -> bool:
        after = b""
        while rows := self._store.rows(b"", after=after, limit=_ROWS):
            after = rows[-1].key
            for row in rows:
                unnamed.difference_update(named_in_row(row.key, row.value))
            if not pace.go_on():
                return False
        return True

    def _mark_events(self, unnamed: set[bytes], pace: Pace) -> bool:
        size = 0
        for raw in self._store.frames():
            if may_name_blobs(raw.data):
                unnamed.difference_update(named_in_frame(read_frame(raw.data, raw.position)))
            size += len(raw.data)
            if size >= _BYTES:
                size = 0
                if not unnamed or not pace.go_on():
                    break
        return pace.go_on()
