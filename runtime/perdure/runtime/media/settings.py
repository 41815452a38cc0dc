"""What an embedder may choose about pictures."""

from __future__ import annotations

import msgspec

from perdure.runtime.errors import InvalidLimits


class MediaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of what is opened; a picture beyond them is refused before it is decoded.

    Attributes:
        max_bytes: the largest file.
        max_pixels: width times height, of one frame. The memory of a worker process has to have room for some 16 bytes
            of each.
        memory_bytes: the address space of a worker process, its libraries (some 500 MiB) counted.
        processes: how many pictures are worked on at once; None: as many as there are processors, 8 at most.

    Raises:
        InvalidLimits: a value makes no sense.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 100_000_000
    memory_bytes: int = 3 << 30
    processes: int | None = None

    def __post_init__(self) -> None:
        for field, least in (("max_bytes", 1), ("max_pixels", 1), ("memory_bytes", 512 << 20), ("processes", 1)):
            value = getattr(self, field)
            if value is not None and value < least:
                raise InvalidLimits(field, value, f"at least {least}")
