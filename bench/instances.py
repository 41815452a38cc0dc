"""Many instances in one process: ``python3 -m bench.instances 1000 [MiB]``.

Prints what each takes: processor time, resident memory, addresses, mappings (Linux). ``MiB`` is another reservation for
a memory than `perdure.runtime.wasm.engine.SETTINGS` has; below 4 GiB, bounds are checked in code.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

import wasmtime

from bench.guests import EXTENSION, WORK, compiled
from perdure.runtime.abi1.module_file import ModuleFile
from perdure.runtime.guests.instance import InstanceLimits
from perdure.runtime.wasm.code import Code, FileInterface, compile_code
from perdure.runtime.wasm.engine import SETTINGS, new_engine
from perdure.runtime.wasm.inspect import Interface, read_interface
from perdure.runtime.wasm.kept_code import KeptCode

_PROC: Final = Path("/proc/self")
_LIMITS: Final = InstanceLimits(
    fuel=None, memory_bytes=16 << 20, stack_bytes=512 << 10, payload_bytes=1 << 20, checkpoint_bytes=1 << 20
)


class _Kept:
    """The bench's module (a `perdure.runtime.wasm.module_source.ModuleLoader`)."""

    def __init__(self) -> None:
        self._interface: Interface = read_interface(compiled(WORK))
        engine = new_engine(_LIMITS.stack_bytes)
        self._code = KeptCode(bytes(compile_code(engine, compiled(WORK)).serialize()))

    def interface(self) -> FileInterface:
        return self._interface

    def __call__(self, engine: wasmtime.Engine) -> Code:
        return self._code.load(engine, self._interface)


def _taken() -> tuple[float, float, int]:
    """Resident memory in KiB, addresses in MiB, mappings."""
    status = dict(line.split(":", 1) for line in (_PROC / "status").read_text().splitlines())
    resident, addresses = (int(status[name].split()[0]) for name in ("VmRSS", "VmSize"))
    return resident, addresses / 1024, len((_PROC / "maps").read_text().splitlines())


def main(count: int, reservation: int | None = None) -> None:
    """Make them, each initialised, and print what each took."""
    if reservation is not None:
        SETTINGS["memory_reservation"] = reservation << 20
    load = _Kept()
    file = ModuleFile(load, read_interface(compiled(WORK)))
    instances = []
    for number in range(count + 1):
        if number == 1:  # the first one pays for what all share
            before, start = _taken(), time.process_time()
        instance = file.instance(_LIMITS, extension=EXTENSION)
        instance.initialise()
        instances.append(instance)
    seconds = time.process_time() - start
    resident, addresses, mappings = ((now - then) / count for now, then in zip(_taken(), before, strict=True))
    print(
        f"{count:,} instances, each: {seconds / count * 1e6:.0f} µs of a processor, {resident:.0f} KiB resident, "
        f"{addresses:,.0f} MiB of addresses, {mappings:.1f} mappings"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
