"""What this process takes of the machine, as Linux tells it (proc(5))."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from bench.figure import BenchFailed

_PROC: Final = Path("/proc/self")
_MAPS_ALLOWED: Final = Path("/proc/sys/vm/max_map_count")
_KIB: Final = {"VmSize": "address_space", "VmRSS": "resident", "RssAnon": "private", "RssFile": "of_files"}


class Footprint(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes and numbers.

    Attributes:
        resident: memory that is in RAM: ``private`` and ``of_files``, among which are the pages of the log.
        private: what the process alone has: heaps, stacks, memories of guests.
        address_space: addresses that are taken, most with nothing behind them: wasmtime reserves 4 GiB a memory.
        mappings: areas of addresses; the kernel allows a process ``vm.max_map_count`` of them, 65,530 by default.
        threads, descriptors: how many there are.
    """

    resident: int
    private: int
    of_files: int
    address_space: int
    mappings: int
    threads: int
    descriptors: int


def footprint() -> Footprint:
    """At this moment.

    Raises:
        BenchFailed: this is no Linux.
    """
    if not (_PROC / "status").exists():
        raise BenchFailed("memory is measured on Linux only")
    status = dict(line.split(":", 1) for line in (_PROC / "status").read_text().splitlines())
    return Footprint(
        mappings=(_PROC / "maps").read_bytes().count(b"\n"),
        threads=int(status["Threads"]),
        descriptors=len(list((_PROC / "fd").iterdir())) - 1,  # without the one that lists them
        **{name: int(status[key].split()[0]) * 1024 for key, name in _KIB.items()},
    )


def mappings_allowed() -> int:
    """The kernel's limit of areas of addresses in one process."""
    return int(_MAPS_ALLOWED.read_text())
