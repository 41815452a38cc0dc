"""What the figures depend on beside the code: versions, processors, the disk, and how busy the machine was."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from typing import Final

import msgspec

from perdure.runtime import perdure_version

_PACKAGES: Final = ("wasmtime", "lmdb", "msgspec", "pykka")
_SPINS: Final = 400_000


class Machine(msgspec.Struct, frozen=True):
    """Facts for the table's head; no names of hosts or users."""

    system: str
    processors: int
    python: str
    perdure: str
    packages: dict[str, str]
    filesystem: str


def describe_machine(filesystem: str) -> Machine:
    """The machine that this process runs on."""
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        processors=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        python=platform.python_version(),
        perdure=perdure_version(),
        packages={name: version(name) for name in _PACKAGES},
        filesystem=filesystem,
    )


def spin_ms() -> float:
    """How long a fixed piece of Python takes, in milliseconds: equal in all runs on an idle machine."""
    start = time.perf_counter()
    total = 0
    for number in range(_SPINS):
        total += number
    return (time.perf_counter() - start) * 1e3
