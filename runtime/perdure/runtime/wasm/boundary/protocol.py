"""What a way through wasmtime has to do: imports, exports, memory and fuel of a guest.

There are two. ``raw`` calls wasmtime's C API straight, ``stock`` uses wasmtime-py as it is; whatever a guest does, both
do the same, down to its fuel, so that a job recorded with one is proved with the other. Which one is used is chosen by
`perdure.runtime.wasm.boundary.choice`.

All of it is for the thread that runs the guest. What stops a guest from outside (the epoch) is no part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec
import wasmtime
from wasmtime import component
from wasmtime.component import Component

from perdure.runtime.wasm.boundary.names import BoundaryName
from perdure.runtime.wasm.inspect import Signature
from perdure.runtime.wasm.wit import FunctionType


class LostFailure(Exception):
    """The guest failed, and wasmtime-py told of something else: the error of other code in this process.

    Only ``stock`` raises it. wasmtime-py carries exceptions of host functions through a process-global variable, and
    raises what stands there when any guest traps. Those of perdure raise none; ``__cause__`` is somebody else's.
    """

    def __init__(self) -> None:
        super().__init__("the guest failed, and an error of other code in this process took the place of the reason")


class Guard(Protocol):
    """Where the errors of host functions end, because none may travel on into wasmtime.

    Attributes:
        stopped_by: the first of them; a guest that has one is not served any more.
    """

    stopped_by: BaseException | None

    def stop(self, cause: BaseException, function: str) -> None:
        """Keep the error, and stop the guest."""


class ImportedFunction(msgspec.Struct, frozen=True):
    """A host function. Its arguments are integers as signed ones, and floats; ``body`` may raise.

    ``when_stopped`` is what a guest that is being stopped gets back, if the function has a result.
    """

    module: str
    name: str
    signature: Signature
    body: Callable[..., int | None]
    when_stopped: int | None


class ImportedComponentFunction(msgspec.Struct, frozen=True):
    """A host function of components. Its values are those of `perdure.runtime.wasm.wit`; ``body`` may raise."""

    name: str
    kind: FunctionType
    body: Callable[..., Any]


class Window(Protocol):
    """A memory of one size: slices of it are copies of its bytes. Who slices sees to it that the range is within."""

    def __getitem__(self, part: slice, /) -> bytes: ...


class MemoryAccess(Protocol):
    """The linear memory of one instance. Nothing here checks a range."""

    def size(self) -> int:
        """Its present size in bytes."""

    def window(self, size: int) -> Window:
        """The memory as it lies now, ``size`` bytes of it; good until it grows."""

    def write(self, pointer: int, data: bytes) -> None:
        """Write bytes."""


class FuelGauge(Protocol):
    """The fuel of one store."""

    def left(self) -> int:
        """What there is."""

    def set(self, fuel: int) -> None:
        """Change that. 0 stops a guest at its next function or loop."""


class CoreInstance(Protocol):
    """An instance of a core module."""

    @property
    def memory(self) -> MemoryAccess | None:
        """The memory that it exports as ``memory``."""

    def function(self, name: str, parameters: int, results: int) -> Callable[..., int | None] | None:
        """The exported function of this name, which takes so many i32 and gives none or one; None if there is none.

        It is called with integers of 32 bits, signed or not, answers with a signed one, and raises `wasmtime.Trap`,
        `wasmtime.WasmtimeError` (the arguments do not fit) or `LostFailure`.
        """


class ComponentInstanceAccess(Protocol):
    """An instance of a component."""

    def function(self, name: str, kind: FunctionType) -> Callable[..., Any] | None:
        """The exported function of this name, which is of this type; None if there is none.

        It raises `wasmtime.WasmtimeError`, for traps too, or `LostFailure`.
        """


class Boundary(Protocol):
    """One way through wasmtime, for core modules. Thread-safe, without a state of its own."""

    name: BoundaryName

    def fuel(self, store: wasmtime.Store) -> FuelGauge:
        """The fuel of a store; good until that is closed."""

    def define(self, linker: wasmtime.Linker, functions: Iterable[ImportedFunction], guard: Guard) -> object:
        """Put host functions into a linker. What it returns has to be kept for as long as they may be called."""

    def instantiate(self, linker: wasmtime.Linker, store: wasmtime.Store, module: wasmtime.Module) -> CoreInstance:
        """Make an instance, and run its start function.

        Raises:
            wasmtime.Trap: the start function trapped, or a segment does not fit.
            wasmtime.WasmtimeError: a table is larger than allowed, or an import is missing.
            LostFailure: one of them.
        """


class ComponentBoundary(Protocol):
    """One way through wasmtime, for components. Thread-safe, without a state of its own."""

    name: BoundaryName

    def fuel(self, store: wasmtime.Store) -> FuelGauge:
        """See `Boundary.fuel`."""

    def define(
        self, instance: component.LinkerInstance, functions: Iterable[ImportedComponentFunction], guard: Guard
    ) -> object:
        """See `Boundary.define`."""

    def instantiate(self, linker: component.Linker, store: wasmtime.Store, code: Component) -> ComponentInstanceAccess:
        """Make an instance.

        Raises:
            wasmtime.WasmtimeError: its start trapped, an import is missing, or it is larger than allowed.
            LostFailure: one of them.
        """
