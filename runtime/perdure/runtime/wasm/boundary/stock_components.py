"""Components with wasmtime-py as it is: see `perdure.runtime.wasm.boundary.stock`. A stopped one traps at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import wasmtime
from wasmtime import component
from wasmtime.component import Component

from perdure.runtime.wasm.boundary.names import BoundaryName
from perdure.runtime.wasm.boundary.protocol import Guard, ImportedComponentFunction
from perdure.runtime.wasm.boundary.stock import StockFuel, reported
from perdure.runtime.wasm.boundary.stock_values import from_stock, to_stock
from perdure.runtime.wasm.wit import FunctionType


class StockComponentBoundary:
    """A `perdure.runtime.wasm.boundary.protocol.ComponentBoundary`."""

    name: BoundaryName = "stock"

    def fuel(self, store: wasmtime.Store) -> StockFuel:
        """See `Boundary.fuel`."""
        return StockFuel(store)

    def define(
        self, instance: component.LinkerInstance, functions: Iterable[ImportedComponentFunction], guard: Guard
    ) -> object:
        """See `ComponentBoundary.define`."""
        for function in functions:
            instance.add_func(function.name, _guarded(function, guard))
        return None  # wasmtime-py keeps them itself, until the linker is closed

    def instantiate(self, linker: component.Linker, store: wasmtime.Store, code: Component) -> StockComponentInstance:
        """See `ComponentBoundary.instantiate`."""
        return StockComponentInstance(store, reported(lambda: linker.instantiate(store, code)))


def _guarded(function: ImportedComponentFunction, guard: Guard) -> Callable[..., Any]:
    body, name, kind = function.body, function.name, function.kind
    parameters = [of for _, of in kind.parameters]

    def call(context: object, *arguments: Any) -> Any:
        try:
            if guard.stopped_by is None:
                values = [from_stock(of, value) for of, value in zip(parameters, arguments, strict=True)]
                answer = body(*values)
                return None if kind.result is None else to_stock(kind.result, answer)
        except BaseException as cause:  # noqa: BLE001  # the guard keeps it, and the guest is trapped
            guard.stop(cause, name)
        # This one wasmtime-py hands to C by itself, past the process-global variable that all others go to.
        raise wasmtime.WasmtimeError("the guest was stopped")

    return call


class StockComponentInstance:
    """A `perdure.runtime.wasm.boundary.protocol.ComponentInstanceAccess`."""

    def __init__(self, store: wasmtime.Store, instance: component.Instance) -> None:
        self._store = store
        self._instance = instance

    def function(self, name: str, kind: FunctionType) -> Callable[..., Any] | None:
        """See `ComponentInstanceAccess.function`."""
        store, function = self._store, self._instance.get_func(self._store, name)
        if function is None:
            return None

        def call(*arguments: Any) -> Any:
            given = [to_stock(of, value) for (_, of), value in zip(kind.parameters, arguments, strict=True)]
            answer = reported(lambda: function(store, *given))
            return None if kind.result is None else from_stock(kind.result, answer)

        return call
