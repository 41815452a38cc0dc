"""A reader of the WebAssembly binary format, for hostile bytes: nothing is read past the end."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.runtime.wasm.errors import InvalidWasm


class BinaryReader:
    """Reads ``data`` from ``position`` up to ``end`` (positions count from the start of the file)."""

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self._data = data
        self.position = position
        self._end = end

    @property
    def at_end(self) -> bool:
        """Whether everything was read."""
        return self.position >= self._end

    def byte(self) -> int:
        """One byte.

        Raises:
            InvalidWasm: there is none left.
        """
        position = self.position
        if position >= self._end:
            raise InvalidWasm(f"truncated at offset {position}")
        self.position = position + 1
        return self._data[position]

    def unsigned(self, bits: int = 32) -> int:
        """An unsigned LEB128 number of at most ``bits`` bits.

        Raises:
            InvalidWasm: it ends too soon, or is too long or too large.
        """
        start, value = self.position, 0
        for shift in range(0, bits, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >= 1 << bits:
                    break
                return value
        raise InvalidWasm(f"a number at offset {start} is too large")

    def numbers(self, count: int) -> Sequence[int]:
        """So many unsigned numbers of 32 bits. Where each takes a byte, as nearly all do, without a call for each.

        Raises:
            InvalidWasm: one ends too soon, or is too large.
        """
        short = self._data[self.position : min(self.position + count, self._end)]
        if len(short) == count and short.isascii():
            self.position += count
            return short
        return [self.unsigned() for _ in range(count)]

    def count(self, what: str, maximum: int) -> int:
        """How many items follow.

        Raises:
            InvalidWasm: more than ``maximum``, which is wasmtime's own, or it ends too soon.
        """
        found = self.unsigned()
        if found > maximum:
            raise InvalidWasm(f"{found} {what}; {maximum} are allowed")
        return found

    def name(self) -> str:
        """A string.

        Raises:
            InvalidWasm: it is not UTF-8, or ends too soon.
        """
        start = self.position
        raw = self.take(self.unsigned())
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise InvalidWasm(f"a name at offset {start} is not UTF-8") from None

    def take(self, length: int) -> bytes:
        """So many bytes.

        Raises:
            InvalidWasm: fewer are left.
        """
        start = self.position
        self._skip(length)
        return self._data[start : self.position]

    def part(self, length: int) -> BinaryReader:
        """A reader of the next ``length`` bytes, which this one skips.

        Raises:
            InvalidWasm: fewer are left.
        """
        start = self.position
        self._skip(length)
        return BinaryReader(self._data, start, self.position)

    def _skip(self, length: int) -> None:
        if length > self._end - self.position:
            missing = length - (self._end - self.position)
            raise InvalidWasm(f"truncated: {missing} more bytes should follow offset {self._end}")
        self.position += length
