"""What kind of WebAssembly a file holds, from its first eight bytes."""

from __future__ import annotations

import enum
from typing import Final

from perdure.runtime.wasm.errors import InvalidWasm, NotWasm

HEADER_BYTES: Final = 8
MAX_SECTIONS: Final = 10_000  # ours: a file of nothing but empty sections would take half a minute to read
_MAGIC: Final = b"\0asm"


class Form(enum.Enum):
    """The two forms, each by its version and layer (``Binary.md`` of the component model)."""

    MODULE = (1, 0)
    COMPONENT = (13, 1)


def form_of(data: bytes) -> Form:
    """Which of the two a file begins like. The bytes are a stranger's.

    Raises:
        NotWasm: too short, or another magic number.
        InvalidWasm: a version of the format that nobody knows.
    """
    if data[:4] != _MAGIC:
        if not data:
            raise NotWasm("the file is empty", b"")
        if data[:64].lstrip()[:1] == b"(":
            raise NotWasm("it seems to be WebAssembly's text format, which has to be compiled", bytes(data[:8]))
        raise NotWasm(f"it begins with {bytes(data[:4])!r} instead of {_MAGIC!r}", bytes(data[:8]))
    if len(data) < HEADER_BYTES:
        raise NotWasm(f"it ends after {len(data)} bytes, within the header", bytes(data))
    found = int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:8], "little")
    try:
        return Form(found)
    except ValueError:
        raise InvalidWasm(
            f"version {found[0]}, layer {found[1]}; this perdure knows version 1, layer 0 (modules) and version 13, "
            "layer 1 (components)"
        ) from None
