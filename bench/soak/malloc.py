"""What the C library's allocator has given out, and what it has taken from the system: mallinfo(3), glibc 2.33."""

from __future__ import annotations

import ctypes

import msgspec

from bench.figure import BenchFailed


class Malloc(msgspec.Struct, frozen=True):
    """Bytes. What lies between the two is free, and stays with the process: holes among what is given out."""

    given_out: int
    taken: int


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    ]  # fmt: skip


def malloc() -> Malloc:
    """At this moment, of all its arenas, and of what it has mapped one by one.

    Raises:
        BenchFailed: this is another C library, or an old one.
    """
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        raise BenchFailed("the C library's memory is measured with glibc 2.33 or later only") from None
    mallinfo2.restype = _Mallinfo2
    now = mallinfo2()
    return Malloc(given_out=now.uordblks + now.hblkhd, taken=now.arena + now.hblkhd)
