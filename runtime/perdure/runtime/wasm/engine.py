"""The one way perdure configures wasmtime.

Every setting that changes machine code or behaviour stands in `SETTINGS`: the configuration and the key under which
machine code is cached are both made from it, so they cannot disagree. The guest must be deterministic (a replay
compares its fuel and its bytes), and must not find features that nobody here limits:

- NaNs are canonical, relaxed SIMD is deterministic, there are no threads and no shared memory.
- One 32-bit memory with pages of 64 KiB, because the memory limit of a store counts each memory for itself.
- No garbage-collected types: their heap is another memory that no ABI needs. `externref` goes with them.
- A memory never moves: its whole 4 GiB of addresses are reserved (not used) when it is made. A pointer to its start
  stays good for the life of the store, which `perdure.runtime.abi1.memory` relies on.

wasmtime's own cache on disk stays off: see `perdure.runtime.wasm.module_cache`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import sys
from typing import Final

import wasmtime

SETTINGS: Final[dict[str, bool | int]] = {
    "consume_fuel": True,
    "epoch_interruption": True,
    "cranelift_nan_canonicalization": True,
    "wasm_relaxed_simd": True,
    "wasm_relaxed_simd_deterministic": True,
    "wasm_threads": False,
    "shared_memory": False,
    "wasm_multi_memory": False,
    "wasm_memory64": False,
    "wasm_custom_page_sizes": False,
    "wasm_gc": False,
    "gc_support": False,
    "wasm_function_references": False,
    "wasm_exceptions": False,
    "wasm_stack_switching": False,
    "wasm_wide_arithmetic": False,
    "memory_may_move": False,
    "memory_reservation": 1 << 32,
}

# wasmtime aborts the process (not an error: an abort) for 0 and for more than 2 MiB, so nothing else may get through.
MIN_STACK_BYTES: Final = 16 * 1024
MAX_STACK_BYTES: Final = 2 * 1024 * 1024


def new_engine(stack_bytes: int) -> wasmtime.Engine:
    """An engine of its own for one job, so that its epoch is the kill switch of that job alone. Costs 15 µs.

    Raises:
        ValueError: ``stack_bytes`` is not from `MIN_STACK_BYTES` to `MAX_STACK_BYTES`.
    """
    if not MIN_STACK_BYTES <= stack_bytes <= MAX_STACK_BYTES:
        raise ValueError(f"stack_bytes is {stack_bytes}; it must be from {MIN_STACK_BYTES} to {MAX_STACK_BYTES}")
    config = wasmtime.Config()
    for name, value in SETTINGS.items():
        setattr(config, name, value)
    # Not a setting of the machine code: modules of the cache run under any stack size.
    config.max_wasm_stack = stack_bytes
    return wasmtime.Engine(config)


@functools.cache
def wasmtime_version() -> str:
    """The installed wasmtime, for example ``50.0.1``."""
    return importlib.metadata.version("wasmtime")


@functools.cache
def engine_key() -> str:
    """What machine code depends on beside the module: wasmtime's version, the platform and `SETTINGS`.

    It does not name the processor's features. Machine code that needs others is refused when it is loaded, and made
    anew.
    """
    settings = ",".join(f"{name}={int(value)}" for name, value in sorted(SETTINGS.items()))
    return f"wasmtime-{wasmtime_version()} {sys.platform}-{platform.machine()} {settings}"
