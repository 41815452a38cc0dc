"""Custom sections of WebAssembly files, modules and components alike: read and appended. For hostile bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from perdure.toolchain.errors import NotWebAssembly

MANIFEST_SECTION: Final = "perdure.manifest"

_MAGIC: Final = b"\0asm"
_HEADER_BYTES: Final = 8
_LAYERS: Final = (0, 1)  # a core module, a component
_CUSTOM: Final = 0


def sections(wasm: bytes) -> Iterator[tuple[int, int, int]]:
    """Each section's id, and where its content begins and ends; of a component, only those of its outermost layer.

    Raises:
        NotWebAssembly: the bytes are none, or end too soon.
    """
    if wasm[:4] != _MAGIC or len(wasm) < _HEADER_BYTES or int.from_bytes(wasm[6:8], "little") not in _LAYERS:
        raise NotWebAssembly("it does not begin like one")
    at = _HEADER_BYTES
    while at < len(wasm):
        kind = wasm[at]
        size, at = unsigned(wasm, at + 1)
        if size > len(wasm) - at:
            raise NotWebAssembly(f"the section at byte {at} has {size} bytes, only {len(wasm) - at} follow")
        yield kind, at, at + size
        at += size


def unsigned(wasm: bytes, at: int) -> tuple[int, int]:
    """The unsigned LEB128 number of at most 32 bits at ``at``, and where it ends.

    Raises:
        NotWebAssembly: there is none.
    """
    value = 0
    for shift in range(0, 35, 7):
        if at >= len(wasm):
            break
        byte = wasm[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 1 << 32:
                break
            return value, at
    raise NotWebAssembly(f"no number at byte {at}")


def custom_sections(wasm: bytes, name: str) -> tuple[bytes, ...]:
    """The contents of every custom section of this name, in order.

    Raises:
        NotWebAssembly: the bytes are none, or end too soon.
    """
    wanted = name.encode()
    found = []
    for kind, start, end in sections(wasm):
        if kind != _CUSTOM:
            continue
        length, at = unsigned(wasm, start)
        if length > end - at:
            raise NotWebAssembly(f"the name of the section at byte {start} ends beyond it")
        if wasm[at : at + length] == wanted:
            found.append(wasm[at + length : end])
    return tuple(found)


def with_section(wasm: bytes, name: str, content: bytes) -> bytes:
    """``wasm`` with one more custom section at its end."""
    body = _leb(len(name.encode())) + name.encode() + content
    return wasm + bytes((_CUSTOM,)) + _leb(len(body)) + body


def _leb(number: int) -> bytes:
    made = bytearray()
    while number >= 0x80:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)
