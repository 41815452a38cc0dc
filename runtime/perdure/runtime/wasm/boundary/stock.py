"""Core modules with wasmtime-py as it is: the way that is taken where the C API is not what `raw` knows.

Slower, and as safe but for two things, which its users have to know of:

- A guest that is stopped in a host call goes on to its next function or loop, because only an exception would trap it
  at once, and wasmtime-py carries those through a process-global variable.
- For the same reason a trap can come as an error of other code in this process: `LostFailure`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import wasmtime

from perdure.runtime.wasm.boundary.function_types import function_type
from perdure.runtime.wasm.boundary.names import BoundaryName
from perdure.runtime.wasm.boundary.protocol import Guard, ImportedFunction, LostFailure

_Result = TypeVar("_Result")


class StockBoundary:
    """A `perdure.runtime.wasm.boundary.protocol.Boundary`."""

    name: BoundaryName = "stock"

    def fuel(self, store: wasmtime.Store) -> StockFuel:
        """See `Boundary.fuel`."""
        return StockFuel(store)

    def define(self, linker: wasmtime.Linker, functions: Iterable[ImportedFunction], guard: Guard) -> object:
        """See `Boundary.define`."""
        for function in functions:
            linker.define_func(
                function.module, function.name, function_type(function.signature), _guarded(function, guard)
            )
        return None  # wasmtime-py keeps them itself, until the linker is closed

    def instantiate(self, linker: wasmtime.Linker, store: wasmtime.Store, module: wasmtime.Module) -> StockInstance:
        """See `Boundary.instantiate`."""
        return StockInstance(store, reported(lambda: linker.instantiate(store, module)))


def reported(enter: Callable[[], _Result]) -> _Result:
    """What ``enter`` returns, or how the guest failed in it.

    Raises:
        wasmtime.Trap, wasmtime.WasmtimeError: as wasmtime-py told it.
        LostFailure: it told something else.
    """
    try:
        return enter()
    except (wasmtime.Trap, wasmtime.WasmtimeError):
        raise
    except Exception as error:
        raise LostFailure from error


def _guarded(function: ImportedFunction, guard: Guard) -> Callable[..., int | None]:
    body, name, when_stopped = function.body, function.name, function.when_stopped
    has_result = bool(function.signature.results)

    def call(*arguments: int | float) -> int | None:
        try:
            if guard.stopped_by is None:
                answer = body(*arguments)
                return _signed(answer or 0) if has_result else None
        except BaseException as cause:  # noqa: BLE001  # see the module's text; the guard keeps it
            guard.stop(cause, name)
        return when_stopped

    return call


def _signed(value: int) -> int:
    return (value + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000


class StockFuel:
    """A `perdure.runtime.wasm.boundary.protocol.FuelGauge`."""

    def __init__(self, store: wasmtime.Store) -> None:
        self._store = store

    def left(self) -> int:
        """See `FuelGauge.left`."""
        return self._store.get_fuel()

    def set(self, fuel: int) -> None:
        """See `FuelGauge.set`."""
        self._store.set_fuel(fuel)


class StockMemory:
    """A `perdure.runtime.wasm.boundary.protocol.MemoryAccess`, and its own `Window`."""

    def __init__(self, store: wasmtime.Store, memory: wasmtime.Memory) -> None:
        self._store = store
        self._memory = memory

    def size(self) -> int:
        """See `MemoryAccess.size`."""
        return self._memory.data_len(self._store)

    def window(self, size: int) -> StockMemory:
        """See `MemoryAccess.window`."""
        return self

    def __getitem__(self, part: slice) -> bytes:
        return bytes(self._memory.read(self._store, part.start, part.stop))

    def write(self, pointer: int, data: bytes) -> None:
        """See `MemoryAccess.write`."""
        self._memory.write(self._store, data, pointer)


class StockInstance:
    """A `perdure.runtime.wasm.boundary.protocol.CoreInstance`."""

    def __init__(self, store: wasmtime.Store, instance: wasmtime.Instance) -> None:
        self._store = store
        self._exports = instance.exports(store)
        memory = self._exports.get("memory")
        self._memory = StockMemory(store, memory) if isinstance(memory, wasmtime.Memory) else None

    @property
    def memory(self) -> StockMemory | None:
        """See `CoreInstance.memory`."""
        return self._memory

    def function(self, name: str, parameters: int, results: int) -> Callable[..., int | None] | None:
        """See `CoreInstance.function`."""
        function, store = self._exports.get(name), self._store
        if not isinstance(function, wasmtime.Func):
            return None
        kind = function.type(store)
        fits = [*map(str, kind.params)] == ["i32"] * parameters and [*map(str, kind.results)] == ["i32"] * results

        def call(*arguments: int) -> int | None:
            if not fits or len(arguments) != parameters:
                raise wasmtime.WasmtimeError(f"{name} does not take {len(arguments)} i32 and give {results}")
            answer = reported(lambda: function(store, *map(_signed, arguments)))
            return int(answer) if results else None

        return call
