"""One instance of one module, in an engine and a store of its own, under limits.

A sandbox belongs to the thread that runs it; only `Sandbox.kill` may be called from others. It knows nothing of an ABI.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_uint64, c_void_p
from typing import Final

import msgspec
import wasmtime
from wasmtime import _ffi as ffi

from perdure.runtime.wasm import c_api
from perdure.runtime.wasm.engine import new_engine
from perdure.runtime.wasm.module_source import ModuleLoader

# "No limit", as a number that fuel arithmetic can go on with. No guest uses it up: it is more than a hundred years.
UNLIMITED_FUEL: Final = 1 << 62

# A table's element takes 8 bytes of the host, outside the memory limit: 32 MiB at the most for one guest. CPython, as
# big a guest as there is, has one table of some 10,000 elements.
MAX_TABLE_ELEMENTS: Final = 1 << 18
MAX_TABLES: Final = 16


class SandboxLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox may use: ``fuel`` in wasmtime's units (None: no limit), memory and stack in bytes."""

    fuel: int | None
    memory_bytes: int
    stack_bytes: int


class ExportedFunction:
    """A function of the guest, called without wasmtime-py's wrapper (see `perdure.runtime.wasm.c_api`)."""

    def __init__(self, sandbox: Sandbox, function: wasmtime.Func, parameters: int, results: int) -> None:
        self._sandbox = sandbox
        self._function = function
        # Values of kind 0 are i32, the only type that the guest's exports take and give.
        self._parameters = (ffi.wasmtime_val_t * parameters)()
        self._results = (ffi.wasmtime_val_t * results)()
        self._trap = c_void_p()

    def __call__(self, *arguments: int) -> int | None:
        """Call with 32-bit integers, signed or unsigned; the result is signed, None for a function without one.

        Raises:
            wasmtime.Trap: the guest trapped.
            wasmtime.WasmtimeError: the arguments are not what the function takes.
        """
        for value, argument in zip(self._parameters, arguments, strict=True):
            value.of.i32 = argument
        self._trap.value = None
        self._sandbox.entered += 1
        try:
            error = c_api.func_call(
                self._sandbox.context,
                ctypes.addressof(self._function._func),
                ctypes.addressof(self._parameters),
                len(self._parameters),
                ctypes.addressof(self._results),
                len(self._results),
                ctypes.addressof(self._trap),
            )
        finally:
            self._sandbox.entered -= 1
        c_api.raise_failure(error, self._trap)
        return int(self._results[0].of.i32) if len(self._results) else None


class Sandbox:
    """A module, loaded under limits; `instantiate` makes the instance."""

    def __init__(self, load: ModuleLoader, limits: SandboxLimits) -> None:
        """Load the module.

        Raises:
            ValueError: a limit is out of its range; wasmtime would take a negative one for "no limit".
            perdure.runtime.errors.PerdureError: from ``load``.
        """
        fuel = UNLIMITED_FUEL if limits.fuel is None else limits.fuel
        if not 0 <= fuel <= UNLIMITED_FUEL:
            raise ValueError(f"fuel is {fuel}; it must be from 0 to {UNLIMITED_FUEL}")
        if not 0 <= limits.memory_bytes < 1 << 63:
            raise ValueError(f"memory_bytes is {limits.memory_bytes}; it must not be negative")
        engine = new_engine(limits.stack_bytes)
        self.limits = limits
        self.module = load(engine)
        self._fuel = fuel
        self._remaining = c_uint64(0)
        self._fuel_at_end: int | None = None
        self._memory_at_end = 0
        self._memory: wasmtime.Memory | None = None
        self._instance: ffi.wasmtime_instance_t | None = None
        self._imports: object = None
        self._linker = wasmtime.Linker(engine)
        self._store = wasmtime.Store(engine)
        self._store.set_limits(
            memory_size=limits.memory_bytes,
            table_elements=MAX_TABLE_ELEMENTS,
            instances=1,
            tables=MAX_TABLES,
            memories=1,
        )
        self._store.set_fuel(fuel)
        # Counted from the engine's present epoch: it has to be set before anybody can kill.
        self._store.set_epoch_deadline(1)
        self.context = c_api.address(self._store._context())
        self.entered = 0
        self._engine: wasmtime.Engine | None = engine

    def instantiate(self, define: Callable[[wasmtime.Linker], object]) -> None:
        """Make the instance with the imports that ``define`` puts in the linker, and run its start function.

        What ``define`` returns is kept until `close`.

        Raises:
            wasmtime.Trap: the start function trapped, or a segment does not fit.
            wasmtime.WasmtimeError: a table is larger than allowed, or an import is missing.
        """
        self._imports = define(self._linker)
        instance = ffi.wasmtime_instance_t()
        trap = c_void_p()
        self.entered += 1
        try:
            error = c_api.linker_instantiate(
                c_api.address(self._linker.ptr()),
                self.context,
                c_api.address(self.module.ptr()),
                ctypes.addressof(instance),
                ctypes.addressof(trap),
            )
        finally:
            self.entered -= 1
        c_api.raise_failure(error, trap)
        self._instance = instance
        memory = self._export("memory")
        self._memory = memory if isinstance(memory, wasmtime.Memory) else None

    def _export(self, name: str) -> object:
        encoded = name.encode()
        item = ffi.wasmtime_extern_t()
        if self._instance is None or not c_api.instance_export_get(
            self.context, ctypes.addressof(self._instance), encoded, len(encoded), ctypes.addressof(item)
        ):
            return None
        # A copy of the handle: `item` goes away, and with it what a view into it would point to.
        if int(item.kind) == ffi.WASMTIME_EXTERN_FUNC.value:
            return wasmtime.Func._from_raw(ffi.wasmtime_func_t.from_buffer_copy(item.of.func))
        if int(item.kind) == ffi.WASMTIME_EXTERN_MEMORY.value:
            return wasmtime.Memory._from_raw(ffi.wasmtime_memory_t.from_buffer_copy(item.of.memory))
        return None

    def function(self, name: str, parameters: int, results: int) -> ExportedFunction | None:
        """The exported function of this name, which takes and gives that many i32; None if there is none."""
        function = self._export(name)
        if not isinstance(function, wasmtime.Func):
            return None
        return ExportedFunction(self, function, parameters, results)

    @property
    def memory(self) -> wasmtime.Memory | None:
        """The memory that the instance exports."""
        return self._memory

    def memory_bytes(self) -> int:
        """The memory's size in bytes; after `close`, what it was then."""
        if self._memory is None:
            return self._memory_at_end
        return int(c_api.memory_data_size(self.context, ctypes.addressof(self._memory._memory)))

    def fuel_used(self) -> int:
        """The fuel consumed so far; after `halt` or `close`, what it was then.

        Exact in host functions and after a return. Of a guest that was killed, what it did since its last call is
        missing: wasmtime keeps that count in a register.
        """
        if self._fuel_at_end is not None:
            return self._fuel_at_end
        c_api.get_fuel(self.context, ctypes.addressof(self._remaining))
        return self._fuel - self._remaining.value

    def allow_fuel(self, fuel: int) -> None:
        """Let the guest consume ``fuel`` in all from now on; from its own thread, before it runs or in a host function.

        Nothing of what it has consumed is forgotten, and one that was halted stays so.
        """
        if self._fuel_at_end is None:
            used = self.fuel_used()
            self._fuel = max(used, min(fuel, UNLIMITED_FUEL))
            c_api.set_fuel(self.context, self._fuel - used)

    def halt(self) -> None:
        """Stop the guest from within a host function: it traps at its next fuel check.

        Until there it can run straight on, and call the host again: host functions have to look for that.
        """
        self._fuel_at_end = self.fuel_used()
        c_api.set_fuel(self.context, 0)

    def kill(self) -> None:
        """Stop the guest, wherever it is, at its next function or loop. Thread-safe, idempotent, at any time.

        A guest that has not started yet will stop before its first instruction.
        """
        # The reference keeps the engine alive while another thread closes the sandbox.
        engine = self._engine
        if engine is not None:
            engine.increment_epoch()

    def close(self) -> None:
        """Free everything; idempotent.

        Raises:
            RuntimeError: called from one of the guest's own host calls.
        """
        if self.entered:
            raise RuntimeError("a sandbox cannot be closed while its guest runs")
        if self._engine is None:
            return
        self._fuel_at_end = self.fuel_used()
        self._memory_at_end = self.memory_bytes()
        self._memory = self._instance = self._engine = None
        self.context = 0
        # Explicitly, not by garbage collection: the store holds the host functions, and they may hold us.
        self._store.close()
        self._linker.close()
        self.module.close()
        self._imports = None  # last: until here C could have called them
