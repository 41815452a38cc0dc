"""Components straight on wasmtime's C API: as `perdure.runtime.wasm.boundary.raw`, with values read by their layout."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi
from wasmtime import component
from wasmtime.component import Component

from perdure.runtime.wasm import c_api
from perdure.runtime.wasm.boundary.names import BoundaryName
from perdure.runtime.wasm.boundary.protocol import Guard, ImportedComponentFunction
from perdure.runtime.wasm.boundary.raw import RawFuel
from perdure.runtime.wasm.component_values import VALUE_BYTES, Values, reader, writer
from perdure.runtime.wasm.wit import FunctionType


class RawComponentBoundary:
    """A `perdure.runtime.wasm.boundary.protocol.ComponentBoundary`."""

    name: BoundaryName = "raw"

    def fuel(self, store: wasmtime.Store) -> RawFuel:
        """See `Boundary.fuel`."""
        return RawFuel(store)

    def define(
        self, instance: component.LinkerInstance, functions: Iterable[ImportedComponentFunction], guard: Guard
    ) -> object:
        """See `ComponentBoundary.define`."""
        at = c_api.address(instance.ptr())
        return [
            c_api.define_component_function(at, function.name, _callback(function, guard)) for function in functions
        ]

    def instantiate(self, linker: component.Linker, store: wasmtime.Store, code: Component) -> RawComponentInstance:
        """See `ComponentBoundary.instantiate`."""
        raw = ffi.wasmtime_component_instance_t()
        context = c_api.address(store._context())
        error = c_api.component_instantiate(
            c_api.address(linker.ptr()), context, c_api.address(code.ptr()), ctypes.addressof(raw)
        )
        c_api.raise_failure(error)
        return RawComponentInstance(store, context, component.Instance._from_raw(raw))


def _callback(function: ImportedComponentFunction, guard: Guard) -> c_api.ComponentFunction:
    """The function that C calls: nothing in it may raise."""
    body, name, memory = function.body, function.name, c_api.PROCESS_MEMORY
    readers = [reader(of) for _, of in function.kind.parameters]
    given = [(read, index * VALUE_BYTES) for index, read in enumerate(readers)]
    size = len(readers) * VALUE_BYTES
    write = None if function.kind.result is None else writer(function.kind.result)

    def call(env: int | None, context: int, kind: int, at: int | None, count: int, results: int, expected: int) -> int:
        try:
            if guard.stopped_by is None:
                block = memory[at : at + size] if at is not None else b""
                answer = body(*[read(block, start) for read, start in given])
                if write is not None:
                    write(results, answer)
                return 0
        except BaseException as cause:  # noqa: BLE001  # the guard keeps it, and the guest is trapped
            guard.stop(cause, name)
        return c_api.stopping_error()

    return call


class RawComponentInstance:
    """A `perdure.runtime.wasm.boundary.protocol.ComponentInstanceAccess`."""

    def __init__(self, store: wasmtime.Store, context: int, instance: component.Instance) -> None:
        self._store = store
        self._context = context
        self._instance = instance

    def function(self, name: str, kind: FunctionType) -> RawComponentExport | None:
        """See `ComponentInstanceAccess.function`."""
        function = self._instance.get_func(self._store, name)
        return None if function is None else RawComponentExport(self._context, function._func, kind)


class RawComponentExport:
    """An exported function."""

    def __init__(self, context: int, function: ffi.wasmtime_component_func_t, kind: FunctionType) -> None:
        self._context = context
        self._function = function
        self._writers = [writer(of) for _, of in kind.parameters]
        self._reader = None if kind.result is None else reader(kind.result)

    def __call__(self, *arguments: Any) -> Any:
        """See `ComponentInstanceAccess.function`."""
        given, result = Values(len(self._writers)), Values(0 if self._reader is None else 1)
        try:
            given.write(self._writers, arguments)
            error = c_api.component_call(
                ctypes.addressof(self._function),
                self._context,
                given.address,
                given.count,
                result.address,
                result.count,
            )
            c_api.raise_failure(error)
            return None if self._reader is None else result.read(self._reader)
        finally:
            given.release()
            result.release()
