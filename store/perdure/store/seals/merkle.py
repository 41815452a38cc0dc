"""A Merkle tree as in RFC 6962 (section 2.1), over leaves that change in place and are added at the end.

``leaf = SHA-256(0x00 || bytes)``, ``node = SHA-256(0x01 || left || right)``; where a level has an odd end, that end
goes up as it is, which gives the RFC's tree. Changing one of n leaves costs `BLOCK` + log n hashes. The root of no
leaves is the SHA-256 of nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from perdure.store.frame import HASH_BYTES
from perdure.store.seals.leaves import BLOCK, Leaves, LeavesInMemory

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
    """A tree that is kept: its ``leaves`` where they are said to be (32 bytes each), and a byte a leaf in memory.

    Of the levels, only those above blocks of leaves are kept; what is inside a block is computed from its leaves, and
    nothing is before it is asked for.
    """

    def __init__(self, leaves: Leaves | None = None) -> None:
        self._leaves: Leaves = LeavesInMemory() if leaves is None else leaves
        self._levels = [bytearray()]  # the roots of the blocks, and what is above them
        self._stale: set[int] = set()  # blocks with leaves that have changed

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return len(self._leaves)

    @property
    def root(self) -> bytes:
        """The root of all leaves."""
        self._catch_up()
        return bytes(self._levels[-1]) if self.size else hashlib.sha256().digest()

    def leaf(self, index: int) -> bytes:
        """The hash of leaf ``index``, from 0; empty if there is none."""
        at = index % BLOCK * HASH_BYTES
        return self._leaves.read(index // BLOCK)[at : at + HASH_BYTES]

    def change(self, leaves: Iterable[tuple[int, bytes]]) -> None:
        """Set the hashes of some leaves, given in order; new ones follow the last without a gap.

        Raises:
            ValueError: they do not; of those before, some are set.
            StoreError: the leaves cannot be kept.
        """
        before = -1
        for block, changes in groupby(leaves, lambda leaf: leaf[0] // BLOCK):
            hashes = bytearray(self._leaves.read(block)) if block >= 0 else bytearray()
            for index, leaf in changes:
                at = index % BLOCK * HASH_BYTES
                follows = index > before and block * BLOCK <= self.size and at <= len(hashes)
                if not follows or len(leaf) != HASH_BYTES:
                    raise ValueError(f"leaf {index} does not follow leaf {self.size - 1}")
                hashes[at : at + HASH_BYTES] = leaf
                before = index
            self._leaves.write(block, bytes(hashes))
            self._stale.add(block)

    def path(self, index: int) -> tuple[bytes, ...]:
        """What proves that leaf ``index`` is in the tree (`root_by`), from the bottom up.

        Raises:
            IndexError: there is no such leaf.
        """
        if not 0 <= index < self.size:
            raise IndexError(index)
        self._catch_up()
        block, place = divmod(index, BLOCK)
        inside = _levels_over(self._leaves.read(block))
        return (*_beside(inside[:-1], place), *_beside(self._levels[:-1], block))

    def _catch_up(self) -> None:
        """Compute the roots of the blocks that have changed, and what is above them."""
        for block in sorted(self._stale):
            at = block * HASH_BYTES
            self._levels[0][at : at + HASH_BYTES] = _levels_over(self._leaves.read(block))[-1]
        changed, height = {block // 2 for block in self._stale}, 0
        while len(below := self._levels[height]) > HASH_BYTES:
            height += 1
            if height == len(self._levels):
                self._levels.append(bytearray())
            for index in sorted(changed):
                at = index * HASH_BYTES
                self._levels[height][at : at + HASH_BYTES] = _over(bytes(below[at * 2 : (at + HASH_BYTES) * 2]))
            changed = {index // 2 for index in changed}
        self._stale.clear()


def _beside(levels: Sequence[bytes | bytearray], index: int) -> Iterator[bytes]:
    """The other hash of each pair that place ``index`` of the lowest level, and what is above it, are in."""
    for level in levels:
        at = (index ^ 1) * HASH_BYTES
        if at < len(level):
            yield bytes(level[at : at + HASH_BYTES])
        index //= 2


def _over(pair: bytes) -> bytes:
    return pair if len(pair) == HASH_BYTES else hashlib.sha256(_NODE + pair).digest()


def _levels_over(hashes: bytes) -> list[bytes]:
    """These hashes, and all levels above them up to their root."""
    levels = [hashes]
    while len(below := levels[-1]) > HASH_BYTES:
        levels.append(b"".join(_over(below[at : at + 2 * HASH_BYTES]) for at in range(0, len(below), 2 * HASH_BYTES)))
    return levels


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
