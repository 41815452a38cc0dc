"""Core modules straight on wasmtime's C API.

wasmtime-py's own callbacks ask C once for the caller and some ten times to make an i32 result, and each of these calls
gives up the GIL: with many jobs, each was a hand-over to another thread. Here a call takes its arguments from where
wasmtime has put them, and leaves its result there.

Nothing of Python's may fail in a callback: what the host function raises goes to its `Guard`, and the guest is trapped
at once. Memory is read through an array of exactly its size, made anew when it has grown, so that not even a range
that was not checked reads beyond it.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterable
from ctypes import c_char, c_int32, c_uint64, c_void_p
from typing import Any, Final, cast

import wasmtime
from wasmtime import _ffi as ffi

from perdure.runtime.wasm import c_api
from perdure.runtime.wasm.boundary.names import BoundaryName
from perdure.runtime.wasm.boundary.protocol import Guard, ImportedFunction, Window
from perdure.runtime.wasm.inspect import Signature

# A value is a union of 16 bytes, little-endian on every machine (wasmtime_val_raw in wasmtime/val.h).
_VALUE: Final = {"i32": "i12x", "i64": "q8x", "f32": "f12x"}


class RawBoundary:
    """A `perdure.runtime.wasm.boundary.protocol.Boundary`."""

    name: BoundaryName = "raw"

    def fuel(self, store: wasmtime.Store) -> RawFuel:
        """See `Boundary.fuel`."""
        return RawFuel(store)

    def define(self, linker: wasmtime.Linker, functions: Iterable[ImportedFunction], guard: Guard) -> object:
        """See `Boundary.define`."""
        at = c_api.address(linker.ptr())
        return [
            c_api.define_function(at, function.module, function.name, function.signature, _callback(function, guard))
            for function in functions
        ]

    def instantiate(self, linker: wasmtime.Linker, store: wasmtime.Store, module: wasmtime.Module) -> RawInstance:
        """See `Boundary.instantiate`."""
        instance, trap = ffi.wasmtime_instance_t(), c_void_p()
        context = c_api.address(store._context())
        error = c_api.linker_instantiate(
            c_api.address(linker.ptr()),
            context,
            c_api.address(module.ptr()),
            ctypes.addressof(instance),
            ctypes.addressof(trap),
        )
        c_api.raise_failure(error, trap)
        return RawInstance(context, instance)


def _callback(function: ImportedFunction, guard: Guard) -> c_api.RawFunction:
    """The function that C calls."""
    name = function.name
    body: Callable[..., Any] = function.body
    unpack, size = _unpacking(function.signature)
    memory, answer = c_api.PROCESS_MEMORY, c_int32.from_address

    def take(env: int | None, caller: int, values: int, count: int) -> int:
        try:
            if guard.stopped_by is None:
                body(*unpack(memory[values : values + size]))
                return 0
        except BaseException as cause:  # noqa: BLE001  # see the module's text; the guard keeps it
            guard.stop(cause, name)
        return c_api.stopping_trap()

    def take_and_answer(env: int | None, caller: int, values: int, count: int) -> int:
        try:
            if guard.stopped_by is None:
                # The answer stands where the first argument stood; of a pointer, its 32 bits.
                answer(values).value = body(*unpack(memory[values : values + size]))
                return 0
        except BaseException as cause:  # noqa: BLE001  # as above
            guard.stop(cause, name)
        return c_api.stopping_trap()

    return take_and_answer if function.signature.results else take


def _unpacking(signature: Signature) -> tuple[Callable[[bytes], tuple[int | float, ...]], int]:
    values = struct.Struct("<" + "".join(_VALUE[kind] for kind in signature.parameters))
    return values.unpack, values.size


class RawFuel:
    """A `perdure.runtime.wasm.boundary.protocol.FuelGauge`."""

    def __init__(self, store: wasmtime.Store) -> None:
        self._context = c_api.address(store._context())
        self._left = c_uint64(0)
        self._at = ctypes.addressof(self._left)

    def left(self) -> int:
        """See `FuelGauge.left`."""
        c_api.get_fuel(self._context, self._at)
        return self._left.value

    def set(self, fuel: int) -> None:
        """See `FuelGauge.set`."""
        c_api.set_fuel(self._context, fuel)


class RawMemory:
    """A `perdure.runtime.wasm.boundary.protocol.MemoryAccess`."""

    def __init__(self, context: int, memory: ffi.wasmtime_memory_t) -> None:
        self._context = context
        self._memory = memory
        self._at = ctypes.addressof(memory)

    def base(self) -> int:
        """Where it begins in this process: asked anew each time, though a memory here never moves (see `engine`)."""
        return int(c_api.memory_data(self._context, self._at) or 0)

    def size(self) -> int:
        """See `MemoryAccess.size`."""
        return int(c_api.memory_data_size(self._context, self._at))

    def window(self, size: int) -> Window:
        """See `MemoryAccess.window`."""
        window: Any = (c_char * size).from_address(self.base())  # to mypy its slices are lists; they are bytes
        return cast(Window, window)

    def write(self, pointer: int, data: bytes) -> None:
        """See `MemoryAccess.write`."""
        ctypes.memmove(self.base() + pointer, data, len(data))


class RawInstance:
    """A `perdure.runtime.wasm.boundary.protocol.CoreInstance`."""

    def __init__(self, context: int, instance: ffi.wasmtime_instance_t) -> None:
        self._context = context
        self._instance = instance
        item = self._export("memory")
        is_memory = item is not None and int(item.kind) == ffi.WASMTIME_EXTERN_MEMORY.value
        # A copy of the handle: `item` goes away, and with it what a view into it would point to.
        self._memory = (
            RawMemory(context, ffi.wasmtime_memory_t.from_buffer_copy(item.of.memory))
            if item is not None and is_memory
            else None
        )

    @property
    def memory(self) -> RawMemory | None:
        """See `CoreInstance.memory`."""
        return self._memory

    def function(self, name: str, parameters: int, results: int) -> RawExport | None:
        """See `CoreInstance.function`."""
        item = self._export(name)
        if item is None or int(item.kind) != ffi.WASMTIME_EXTERN_FUNC.value:
            return None
        function = ffi.wasmtime_func_t.from_buffer_copy(item.of.func)
        return RawExport(self._context, function, parameters, results)

    def _export(self, name: str) -> ffi.wasmtime_extern_t | None:
        encoded = name.encode()
        item = ffi.wasmtime_extern_t()
        found = c_api.instance_export_get(
            self._context, ctypes.addressof(self._instance), encoded, len(encoded), ctypes.addressof(item)
        )
        return item if found else None


class RawExport:
    """An exported function. It can be called within itself: the guest's allocator is, from host calls."""

    def __init__(self, context: int, function: ffi.wasmtime_func_t, parameters: int, results: int) -> None:
        self._context = context
        self._function = function
        self._at = ctypes.addressof(function)
        # Values of kind 0 are i32, the only type that the guest's exports take and give.
        self._parameters = (ffi.wasmtime_val_t * parameters)()
        self._results = (ffi.wasmtime_val_t * results)()

    def __call__(self, *arguments: int) -> int | None:
        """See `CoreInstance.function`."""
        for value, argument in zip(self._parameters, arguments, strict=True):
            value.of.i32 = argument
        trap = c_void_p()
        error = c_api.func_call(
            self._context,
            self._at,
            ctypes.addressof(self._parameters),
            len(self._parameters),
            ctypes.addressof(self._results),
            len(self._results),
            ctypes.addressof(trap),
        )
        c_api.raise_failure(error, trap)
        return int(self._results[0].of.i32) if len(self._results) else None
