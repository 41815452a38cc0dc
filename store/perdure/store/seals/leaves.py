"""Where a tree's leaves are kept: in memory, or in a file without a name when they are those of a whole log.

A log that has seen a million jobs has a million leaves, 32 MB; in a file they are the operating system's to keep or
not. Neither kind outlives the process.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final, Protocol

from perdure.store.errors import refused
from perdure.store.frame import HASH_BYTES

BLOCK: Final = 64  # leaves that are read and written at once: 2 KiB
_BLOCK_BYTES: Final = BLOCK * HASH_BYTES


class Leaves(Protocol):
    """The hashes of leaves, in blocks of `BLOCK`; only the last block has fewer."""

    def __len__(self) -> int:
        """How many leaves there are."""

    def read(self, block: int) -> bytes:
        """The hashes of a block, one after the other; empty behind the last.

        Raises:
            StoreFailed: they cannot be read.
        """

    def write(self, block: int, hashes: bytes) -> None:
        """Put the hashes of a block, at least as many as it has, in their place.

        Raises:
            DiskFull, StoreFailed: they cannot be written.
        """

    def close(self) -> None:
        """Give back what they take up. Twice is once."""


class LeavesInMemory:
    """Leaves of something small, or of something that is looked at once."""

    def __init__(self) -> None:
        self._hashes = bytearray()

    def __len__(self) -> int:
        return len(self._hashes) // HASH_BYTES

    def read(self, block: int) -> bytes:
        """See `Leaves.read`."""
        return bytes(self._hashes[block * _BLOCK_BYTES : (block + 1) * _BLOCK_BYTES])

    def write(self, block: int, hashes: bytes) -> None:
        """See `Leaves.write`."""
        self._hashes[block * _BLOCK_BYTES : block * _BLOCK_BYTES + len(hashes)] = hashes

    def close(self) -> None:
        """See `Leaves.close`."""
        self._hashes.clear()


class LeafFile:
    """Leaves in a file without a name in ``folder``; it is gone with its `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._file = tempfile.TemporaryFile(dir=folder, prefix=".seals-", buffering=0)  # noqa: SIM115  # kept
        except OSError as error:
            raise refused(folder, error) from None
        self._size = 0
        self._at = -1  # the block that was read last: neighbours are asked for one after the other
        self._last = b""

    def __len__(self) -> int:
        return self._size

    def read(self, block: int) -> bytes:
        """See `Leaves.read`."""
        if block != self._at:
            try:
                self._last = os.pread(self._file.fileno(), _BLOCK_BYTES, block * _BLOCK_BYTES)
            except OSError as error:
                raise refused(self._folder, error) from None
            self._at = block
        return self._last

    def write(self, block: int, hashes: bytes) -> None:
        """See `Leaves.write`."""
        self._at = -1
        at, end = block * _BLOCK_BYTES, block * _BLOCK_BYTES + len(hashes)
        try:
            while at < end:
                at += os.pwrite(self._file.fileno(), hashes[at - end :], at)
        except OSError as error:
            raise refused(self._folder, error) from None
        self._size = max(self._size, end // HASH_BYTES)

    def close(self) -> None:
        """See `Leaves.close`."""
        self._file.close()
