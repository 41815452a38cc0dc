"""The guest's memory, as the host may touch it: only after every pointer and length was checked.

The start of the memory is asked for once. That is safe because a memory never moves (`perdure.runtime.wasm.engine`
sees to it), and never shrinks: a range that once was inside stays inside. The size is asked for again only when a
range lies outside the one known, which costs nothing on the usual way. Measured: a read of 100 bytes 0.7 µs, against
3 to 6 µs with ``Memory.read``.
"""

from __future__ import annotations

import ctypes
from typing import Final

import wasmtime

from perdure.runtime.guests.failure import abi_violation
from perdure.runtime.wasm import c_api

_UNSIGNED: Final = 0xFFFF_FFFF


class GuestMemory:
    """A guest's linear memory. ``context`` is the address of the store's context; both live as long as the store."""

    def __init__(self, memory: wasmtime.Memory, context: int) -> None:
        self._memory = memory._memory
        self._context = context
        self._base = int(c_api.memory_data(context, ctypes.addressof(self._memory)) or 0)
        self._size = 0
        self.refresh()

    def refresh(self) -> int:
        """Ask for the memory's size in bytes, which may have grown."""
        self._size = int(c_api.memory_data_size(self._context, ctypes.addressof(self._memory)))
        return self._size

    def contains(self, pointer: int, length: int) -> bool:
        """Whether the range, both unsigned, lies in the memory."""
        end = pointer + length
        return end <= self._size or end <= self.refresh()

    def check(self, function: str, prefix: str, pointer: int, length: int) -> int:
        """The unsigned pointer of a range that the guest named in arguments ``prefix`` + ``ptr`` and ``len``.

        A length of 0 is an empty range wherever the pointer points: compilers make up pointers for empty slices.

        Raises:
            GuestFault: the length is negative, or the range is not within the memory.
        """
        if length < 0:
            raise abi_violation(function, f"{prefix}len", length, "a length is negative")
        pointer &= _UNSIGNED
        if length and pointer + length > self._size and not self.contains(pointer, length):
            why = f"{length} bytes at {pointer} are not within the memory of {self._size} bytes"
            if pointer >= self._size:
                raise abi_violation(function, f"{prefix}ptr", pointer, why)
            raise abi_violation(function, f"{prefix}len", length, why)
        return pointer

    def read(self, function: str, prefix: str, pointer: int, length: int) -> bytes:
        """A copy of a range that `check` allows.

        Raises:
            GuestFault: it does not.
        """
        pointer = self.check(function, prefix, pointer, length)
        return ctypes.string_at(self._base + pointer, length) if length else b""

    def read_exactly(self, function: str, argument: str, pointer: int, length: int) -> bytes:
        """A copy of a range whose length the ABI fixes; ``argument`` is the pointer's name.

        Raises:
            GuestFault: the range is not within the memory.
        """
        pointer &= _UNSIGNED
        if pointer + length > self._size and not self.contains(pointer, length):
            raise abi_violation(
                function, argument, pointer, f"{length} bytes there are not within the memory of {self._size} bytes"
            )
        return ctypes.string_at(self._base + pointer, length)

    def write(self, pointer: int, data: bytes) -> None:
        """Write to a range that `contains` has allowed.

        Raises:
            ValueError: it has not: a defect of the host.
        """
        if not self.contains(pointer, len(data)) or pointer < 0:
            raise ValueError(f"{len(data)} bytes at {pointer} are not within the memory of {self._size} bytes")
        ctypes.memmove(self._base + pointer, data, len(data))
