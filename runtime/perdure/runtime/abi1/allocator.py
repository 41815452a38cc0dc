"""The guest's own allocator, called by the host and believed in nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from perdure.runtime.abi1.memory import GuestMemory
from perdure.runtime.guests.failure import abi_violation

_UNSIGNED: Final = 0xFFFF_FFFF
MAX_ALLOCATION: Final = 0x7FFF_FFFF  # lengths are i32, and a negative one is no length


class GuestAllocator:
    """``wasm_alloc`` and ``wasm_free`` of one instance. Both callables may raise what stops the guest."""

    def __init__(
        self, memory: GuestMemory, alloc: Callable[[int], int], free: Callable[[int, int], None] | None
    ) -> None:
        self._memory = memory
        self._alloc = alloc
        self._free = free
        self._held: list[tuple[int, int]] = []

    def allocate(self, size: int) -> int | None:
        """Room for ``size`` bytes, which the guest owns from now on; None if the guest has none (it answered 0).

        Raises:
            GuestFault: the range is not within the memory, or lies over one that the host still holds.
        """
        if size > MAX_ALLOCATION:
            return None
        pointer = self._alloc(size) & _UNSIGNED
        if pointer == 0:
            return None
        if not self._memory.contains(pointer, size):
            why = f"{size} bytes there are not within the memory of {self._memory.refresh()} bytes"
            raise abi_violation("wasm_alloc", "result", pointer, why)
        for held, length in self._held:
            if pointer < held + length and held < pointer + size:
                why = f"{size} bytes there overlap the {length} bytes at {held}, which are still in use"
                raise abi_violation("wasm_alloc", "result", pointer, why)
        return pointer

    def hold(self, data: bytes) -> int | None:
        """Like `allocate`, for bytes that stay the host's until `release`: no later allocation may overlap them."""
        pointer = self.allocate(len(data))
        if pointer is not None:
            self._memory.write(pointer, data)
            self._held.append((pointer, len(data)))
        return pointer

    def release(self) -> None:
        """Free what is held, the last first, if the guest exports ``wasm_free``."""
        while self._held:
            pointer, length = self._held.pop()
            if self._free is not None:
                self._free(pointer, length)
