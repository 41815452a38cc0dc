"""A ring of slots in memory that two processes share: one puts, the other takes.

Each side writes its own counter only, after the slot it counts. What makes the one see what the other wrote is the
semaphore that is posted after it (`sem_post(3)` and `sem_wait(3)` synchronize memory, POSIX 4.12).
"""

from __future__ import annotations

import struct
from multiprocessing.shared_memory import SharedMemory
from typing import Final

SLOTS: Final = 1024
STOP: Final = 0xFFFF  # a number that nobody has: the writer is to end

_HEAD: Final = struct.Struct("<HHq")
_SLOT: Final = 256  # bytes
_PUT, _TAKEN, _COUNTERS = 0, 8, 128  # the counters' places in words, in two lines of the cache; the first slot in bytes

SIZE: Final = _COUNTERS + SLOTS * _SLOT

Item = tuple[int, int, bytes]  # whose it is, a time or a sequence, an event's bytes


class RingFull(Exception):
    """More is on its way than there are slots: the ring was made for fewer threads."""


class Ring:
    """A ring in the first `SIZE` bytes of ``memory``, which were zero at first."""

    def __init__(self, memory: memoryview) -> None:
        self._bytes = memory[:SIZE]
        self._counters = self._bytes[:_COUNTERS].cast("Q")

    def put(self, number: int, value: int, body: bytes = b"") -> None:
        """Put an item in; by one thread of one process at a time.

        Raises:
            RingFull: there is no slot.
            ValueError: ``body`` is longer than a slot.
        """
        put = self._counters[_PUT]
        if put - self._counters[_TAKEN] == SLOTS:
            raise RingFull
        at, size = _COUNTERS + put % SLOTS * _SLOT, len(body)
        if size > _SLOT - _HEAD.size:
            raise ValueError(f"{size} bytes do not fit into a slot")
        _HEAD.pack_into(self._bytes, at, number, size, value)
        self._bytes[at + _HEAD.size : at + _HEAD.size + size] = body
        self._counters[_PUT] = put + 1

    def take(self) -> list[Item]:
        """Take out all there is, oldest first; by one thread of the other process at a time."""
        put, taken = self._counters[_PUT], self._counters[_TAKEN]
        items = []
        for place in range(taken, put):
            at = _COUNTERS + place % SLOTS * _SLOT
            number, size, value = _HEAD.unpack_from(self._bytes, at)
            items.append((number, value, bytes(self._bytes[at + _HEAD.size : at + _HEAD.size + size])))
        self._counters[_TAKEN] = put
        return items

    def release(self) -> None:
        """Let go of the memory, which can be closed then."""
        self._counters.release()
        self._bytes.release()


def two_rings(shared: SharedMemory) -> tuple[Ring, Ring]:
    """Questions and answers, in ``2 * SIZE`` bytes or more."""
    memory = shared.buf
    if memory is None:
        raise ValueError("the memory is closed")
    return Ring(memory[:SIZE]), Ring(memory[SIZE:])
