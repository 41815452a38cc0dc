"""How many guests find room in this process: each reserves addresses, which are plenty, and mappings, which are not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from perdure.runtime.wasm.engine import SETTINGS

# Of one instance, measured with wasmtime 50 on Linux: 6.1 mappings, and 4,160 MiB with the guard behind the memory. A
# component has one memory as well; its mappings were 10.
_GUARD_BYTES: Final = 64 << 20
_MAPPINGS: Final = 10
_USER_BYTES: Final = 1 << 47  # what a 64-bit process can address, on all systems that are served
_MAX_MAPPINGS: Final = Path("/proc/sys/vm/max_map_count")

# wasmtime's words for a reservation that the system refused.
_REFUSED: Final = "mmap failed to reserve"


def guest_bytes() -> int:
    """The addresses that one guest's memory reserves. It uses what it touches."""
    return int(SETTINGS["memory_reservation"]) + _GUARD_BYTES


def most_guests() -> int:
    """How many guests can run at once, at most, before the system refuses one its memory."""
    limits = [_address_limit() // guest_bytes()]
    if (mappings := _mapping_limit()) is not None:
        limits.append(mappings // _MAPPINGS)
    return min(limits)


def refusal(text: str) -> str:
    """What to say of an error of wasmtime that is the system's refusal of a reservation; empty for any other."""
    if _REFUSED not in text:
        return ""
    return (
        f"the system refused to reserve {guest_bytes() >> 20:,} MiB of addresses for a guest's memory; raise the limit "
        "of the process's address space (ulimit -v), or vm.max_map_count with thousands of jobs"
    )


def _address_limit() -> int:
    if sys.platform == "win32":
        return _USER_BYTES
    import resource  # noqa: PLC0415  # there is none on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return _USER_BYTES if soft == resource.RLIM_INFINITY else min(_USER_BYTES, soft)


def _mapping_limit() -> int | None:
    """Linux's; others have none."""
    try:
        return int(_MAX_MAPPINGS.read_text())
    except (OSError, ValueError):
        return None
