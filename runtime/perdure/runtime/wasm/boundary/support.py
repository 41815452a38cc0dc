"""What ``raw`` knows of wasmtime: where it is another, nothing of it may even be tried.

A struct of another size is no error but a crash, so the sizes are compared before anything is called.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Mapping
from typing import Final

from wasmtime import _ffi as ffi

from perdure.runtime.wasm.engine import wasmtime_version

_MAJOR: Final = "50"
_SIZES: Final[Mapping[str, int]] = {
    "wasmtime_instance_t": 16,
    "wasmtime_func_t": 16,
    "wasmtime_memory_t": 24,
    "wasmtime_extern_t": 32,
    "wasmtime_val_t": 32,
    "wasmtime_val_raw_t": 16,
    "wasmtime_component_func_t": 32,
    "wasmtime_component_instance_t": 16,
    "wasmtime_component_val_t": 32,
    "wasmtime_component_valrecord_entry_t": 48,
}


def why_unknown() -> str:
    """Why ``raw`` is not for this process; empty if nothing speaks against it."""
    if wasmtime_version().partition(".")[0] != _MAJOR:
        return f"wasmtime is {wasmtime_version()}, only {_MAJOR} is known"
    if struct.calcsize("P") != 8 or sys.byteorder != "little":  # bytes of a pointer
        return "only 64-bit, little-endian processors are known"
    return wrong_size(_SIZES)


def wrong_size(sizes: Mapping[str, int]) -> str:
    """Which struct of wasmtime-py has another size than it should; empty if none has."""
    for name, size in sizes.items():
        kind = getattr(ffi, name, None)
        if kind is None:
            return f"wasmtime has no {name}"
        if ctypes.sizeof(kind) != size:
            return f"{name} has {ctypes.sizeof(kind)} bytes, not {size}"
    return ""
