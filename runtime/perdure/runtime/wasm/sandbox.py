"""One instance of one core module, in a store of its own, under limits. It knows nothing of an ABI."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_void_p

import wasmtime
from wasmtime import _ffi as ffi

from perdure.runtime.wasm import c_api
from perdure.runtime.wasm.guest_store import GuestStore, SandboxLimits
from perdure.runtime.wasm.module_source import ModuleLoader


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


class Sandbox(GuestStore):
    """A module, loaded under limits; `instantiate` makes the instance."""

    def __init__(self, load: ModuleLoader, limits: SandboxLimits) -> None:
        """Load the module.

        Raises:
            ValueError: a limit is out of its range.
            perdure.runtime.errors.PerdureError: from ``load``.
        """
        super().__init__(limits, instances=1)
        code = load(self.engine)
        if not isinstance(code, wasmtime.Module):
            raise ValueError("it is no core module; its interface was not checked")  # noqa: TRY004  # the caller's defect
        self.module = code
        self._memory_at_end = 0
        self._memory: wasmtime.Memory | None = None
        self._instance: ffi.wasmtime_instance_t | None = None
        self._imports: object = None
        self._linker = wasmtime.Linker(self.engine)

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

    def close(self) -> bool:
        """See `GuestStore.close`."""
        if self.is_open and not self.entered:
            self._memory_at_end = self.memory_bytes()
            self._memory = self._instance = None
        if not super().close():
            return False
        self._linker.close()
        self.module.close()
        self._imports = None  # last: until here C could have called them
        return True
