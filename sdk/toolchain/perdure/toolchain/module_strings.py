"""Names of operations that stand in the data of a core module.

A name is found where its text is. Where it ends is another matter. C and Zig end texts with a NUL (`terminated_names`).
Rust lays texts side by side and keeps their lengths elsewhere (`measured_names`): in tables, or in the code, mostly as
``i32.const ADDRESS``, ``i32.const LENGTH``. What the sources have as literals helps. That is reading tracks, not
a proof: a name that the code puts together when it runs is not found; the host checks every call anyway.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from perdure.toolchain.wasm_sections import sections, unsigned

_KIND: Final = re.compile(rb"(?:query|action):")
_NAME: Final = re.compile(rb"(?:query|action):[a-z0-9_]+(?:\.[a-z0-9_]+)*")
_LONGEST: Final = 200  # bytes of a name, which is the host's limit too
_CODE, _DATA = 10, 11
_CONST: Final = 0x41  # i32.const; the one of 64 bits is the next one
_ANY_CONST: Final = re.compile(rb"[\x41\x42]")
_NEAR: Final = 48  # bytes of code around an address in which its length is looked for


class _Segment(msgspec.Struct, frozen=True):
    """A piece of the memory's first content; ``address`` is None where the code decides on it."""

    address: int | None
    data: bytes


def terminated_names(wasm: bytes) -> frozenset[str]:
    """The names of operations in a core module whose texts end with a NUL.

    Raises:
        NotWebAssembly: the bytes are damaged.
    """
    _, segments = _parts(wasm)
    return frozenset(
        text.decode()
        for segment in segments
        for start, text in _texts(segment.data)
        if segment.data[start + len(text) :][:1] in (b"", b"\0")
    )


def measured_names(wasm: bytes, literals: Collection[str] = ()) -> frozenset[str]:
    """The names of operations in a core module whose texts lie side by side; ``literals`` are those of its sources.

    Raises:
        NotWebAssembly: the bytes are damaged.
    """
    code, segments = _parts(wasm)
    known = sorted((literal.encode() for literal in literals), key=len, reverse=True)
    return frozenset(
        name.decode()
        for segment in segments
        for start, text in _texts(segment.data)
        if _NAME.fullmatch(name := text[: _length(segment, start, text, code, segments, known)])
    )


def _parts(wasm: bytes) -> tuple[_Code, list[_Segment]]:
    code, segments = _Code(b""), list[_Segment]()
    for kind, start, end in sections(wasm):
        if kind == _CODE:
            code = _Code(wasm[start:end])
        elif kind == _DATA:
            segments += _segments(wasm[start:end])
    return code, segments


def _segments(content: bytes) -> Iterator[_Segment]:
    count, at = unsigned(content, 0)
    for _ in range(count):
        flags, at = unsigned(content, at)
        address = None
        if flags != 1:  # active
            if flags == 2:
                _, at = unsigned(content, at)  # which memory; there is one
            if content[at : at + 1] != bytes((_CONST,)):
                return  # an address from an import: no toolchain of ours makes one
            number, at = _signed(content, at + 1)
            address = number if 0 <= number < 1 << 31 else None  # nothing of ours lies beyond 2 GiB
            at += 1  # the end of the expression
        length, at = unsigned(content, at)
        yield _Segment(address, content[at : at + length])
        at += length


def _texts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Where a name may be, and the longest one that it can be there."""
    for match in _KIND.finditer(data):
        start = match.start()
        # Behind a quote it is part of a JSON text, such as a manifest.
        if data[max(0, start - 1) : start] != b'"' and (text := _longest(data, start)) is not None:
            yield start, text


def _longest(data: bytes, start: int) -> bytes | None:
    """The longest name that begins at ``start``, up to the beginning of the next one."""
    match = _NAME.match(data, start, start + _LONGEST)
    if match is None:
        return None
    following = _KIND.search(data, start + 1, match.end() + len(b"action:"))
    if following is None or following.start() >= match.end():
        return match[0]
    cut = _NAME.match(data, start, following.start())
    return cut[0] if cut else None


def _length(  # the places that it looks at
    segment: _Segment, start: int, text: bytes, code: _Code, segments: list[_Segment], known: list[bytes]
) -> int:
    """How long the text that begins at ``start`` is: at least its kind, at most ``text``."""
    least, most = text.index(b":") + 1, len(text)
    literal = next((len(one) for one in known if text.startswith(one)), None)
    if segment.address is None:
        return literal or most
    address = segment.address + start
    for table in segments:
        for at in _occurrences(table.data, address.to_bytes(4, "little")):
            length = int.from_bytes(table.data[at + 4 : at + 8], "little")
            if least <= length <= most:
                return length
    for length in range(most, least - 1, -1):
        if code.has_long(length << 32 | address):  # both stored at once
            return length
    near = [entry for at, after in code.places(address) for entry in code.numbers_near(at, after)]
    distance, length = min((entry for entry in near if least <= entry[1] <= most), default=(_NEAR, most))
    return length if distance == 0 else literal or length


class _Code:
    """The numbers that may be constants in a module's code: it is searched, not decoded."""

    def __init__(self, code: bytes) -> None:
        self._code = code
        self._places: dict[int, list[tuple[int, int]]] = {}
        self._longs: set[int] = set()
        for match in _ANY_CONST.finditer(code):
            number, after = _signed(code, match.start() + 1)
            if code[match.start()] == _CONST:
                self._places.setdefault(number, []).append((match.start(), after))
            else:
                self._longs.add(number)

    def has_long(self, number: int) -> bool:
        """Whether a 64-bit constant is this number."""
        return number in self._longs

    def places(self, number: int) -> list[tuple[int, int]]:
        """Where a constant is this number: where it begins and ends."""
        return self._places.get(number, [])

    def numbers_near(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Constants around a place: how many bytes are between, and the number."""
        for match in _ANY_CONST.finditer(self._code, end, end + _NEAR):
            yield match.start() - end, _signed(self._code, match.start() + 1)[0]
        for match in _ANY_CONST.finditer(self._code, max(0, start - _NEAR), start):
            number, after = _signed(self._code, match.start() + 1)
            if after <= start:
                # What stands before an address belongs as often to something else: never as close as what follows.
                yield start - after + 1, number


def _occurrences(data: bytes, wanted: bytes) -> Iterator[int]:
    at = data.find(wanted)
    while at >= 0:
        yield at
        at = data.find(wanted, at + 1)


def _signed(data: bytes, at: int) -> tuple[int, int]:
    """The signed LEB128 number at ``at``, and where it ends; of damaged bytes any number."""
    value = shift = 0
    for byte in data[at : at + 10]:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return (value - (1 << shift) if byte & 0x40 else value), at
    return value, at
