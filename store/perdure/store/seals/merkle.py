"""A Merkle tree as in RFC 6962 (section 2.1), over leaves that change in place and are added at the end.

``leaf = SHA-256(0x00 || bytes)``, ``node = SHA-256(0x01 || left || right)``; where a level has an odd end, that end
goes up as it is, which gives the RFC's tree. Changing one of n leaves costs log n hashes. The root of no leaves is the
SHA-256 of nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

HASH_BYTES: Final = 32
MAX_PATH: Final = 64  # hashes of a proof, for as many leaves as anybody can count
_LEAF: Final = b"\0"
_NODE: Final = b"\1"


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two hashes."""
    return hashlib.sha256(_NODE + left + right).digest()


class MerkleTree:
    """A tree that is kept: 64 bytes a leaf."""

    def __init__(self) -> None:
        self._levels = [bytearray()]

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return len(self._levels[0]) // HASH_BYTES

    @property
    def root(self) -> bytes:
        """The root of all leaves."""
        return bytes(self._levels[-1]) if self.size else hashlib.sha256().digest()

    def leaf(self, index: int) -> bytes:
        """The hash of leaf ``index``, from 0; empty if there is none."""
        return bytes(self._levels[0][index * HASH_BYTES : (index + 1) * HASH_BYTES])

    def change(self, leaves: Mapping[int, bytes]) -> None:
        """Set the hashes of some leaves; new ones follow the last without a gap.

        Raises:
            ValueError: they do not.
        """
        level = self._levels[0]
        for index in sorted(leaves):
            at = index * HASH_BYTES
            if not 0 <= at <= len(level) or len(leaves[index]) != HASH_BYTES:
                raise ValueError(f"leaf {index} does not follow leaf {self.size - 1}")
            level[at : at + HASH_BYTES] = leaves[index]
        self._rise({index // 2 for index in leaves})

    def _rise(self, changed: set[int]) -> None:
        height = 0
        while len(below := self._levels[height]) > HASH_BYTES:
            height += 1
            if height == len(self._levels):
                self._levels.append(bytearray())
            level = self._levels[height]
            for index in sorted(changed):
                pair = bytes(below[index * 2 * HASH_BYTES : (index + 1) * 2 * HASH_BYTES])
                level[index * HASH_BYTES : (index + 1) * HASH_BYTES] = (
                    pair if len(pair) == HASH_BYTES else hashlib.sha256(_NODE + pair).digest()
                )
            changed = {index // 2 for index in changed}

    def path(self, index: int) -> tuple[bytes, ...]:
        """What proves that leaf ``index`` is in the tree (`root_by`), from the bottom up.

        Raises:
            IndexError: there is no such leaf.
        """
        if not 0 <= index < self.size:
            raise IndexError(index)
        found: list[bytes] = []
        for level in self._levels[:-1]:
            beside = (index ^ 1) * HASH_BYTES
            if beside < len(level):
                found.append(bytes(level[beside : beside + HASH_BYTES]))
            index //= 2
        return tuple(found)


def root_by(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root of a tree of ``size`` leaves with the hash ``leaf`` at ``index``; None if ``path`` does not fit."""
    if not 0 <= index < size:
        return None
    rest = iter(path)
    tip = leaf
    last = size - 1
    while last:
        if index % 2 or index < last:
            beside = next(rest, None)
            if beside is None or len(beside) != HASH_BYTES:
                return None
            tip = node_hash(beside, tip) if index % 2 else node_hash(tip, beside)
        index, last = index // 2, last // 2
    return tip if next(rest, None) is None else None
