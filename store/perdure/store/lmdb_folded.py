"""Removing what folded jobs have left in the log."""

from __future__ import annotations

from typing import Any

from perdure.store.event_store import Removed
from perdure.store.lmdb_environment import LmdbEnvironment
from perdure.store.lmdb_frames import present
from perdure.store.lmdb_layout import FOLDING, PLACE


class FoldedFrames:
    """Frames of folded jobs that are still to be removed. `meta` says of which streams, and up to which sequence."""

    def __init__(self, env: LmdbEnvironment) -> None:
        self._env = env

    def note(self, txn: Any, stream: str, number: int, through: int) -> None:
        """Note, in a transaction, that the stream's frames up to the sequence ``through`` are to be removed."""
        txn.put(FOLDING + stream.encode(), PLACE.pack(number, through), db=self._env.meta)

    def are_left(self) -> bool:
        """Whether there are any."""
        with self._env.transaction() as txn:
            cursor = txn.cursor(self._env.meta)
            return bool(cursor.set_range(FOLDING)) and cursor.key().startswith(FOLDING)

    def remove(self, txn: Any, limit: int) -> Removed:
        """Remove at most ``limit`` frames, in a transaction."""
        frames = events = size = 0
        jobs = txn.cursor(self._env.meta)
        index = txn.cursor(self._env.index)
        there = jobs.set_range(FOLDING)
        while there and jobs.key().startswith(FOLDING):
            stop = jobs.value()
            number, through = PLACE.unpack(stop)
            found = index.set_range(PLACE.pack(number, 0))
            while found and index.key() <= stop:
                if frames >= limit:
                    return Removed(frames, events, size, left=True)
                _, first = PLACE.unpack(index.key())
                size += len(present(txn.pop(index.value(), db=self._env.log), index.value()))
                index.delete()  # which goes on to the next one
                found = bool(index.key())
                behind = PLACE.unpack(index.key())[1] if found and index.key() <= stop else through + 1
                frames, events = frames + 1, events + behind - first
            jobs.delete()
            there = bool(jobs.key())
        return Removed(frames, events, size, left=False)
