"""One instance of one core module, in a store of its own, under limits. It knows nothing of an ABI."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import wasmtime

from perdure.runtime.wasm.boundary.protocol import Boundary, CoreInstance, Guard, ImportedFunction, MemoryAccess
from perdure.runtime.wasm.guest_store import GuestStore, SandboxLimits
from perdure.runtime.wasm.module_source import ModuleLoader


class Sandbox(GuestStore):
    """A module, loaded under limits; `instantiate` makes the instance."""

    def __init__(self, load: ModuleLoader, limits: SandboxLimits, boundary: Boundary) -> None:
        """Load the module.

        Raises:
            ValueError: a limit is out of its range.
            perdure.runtime.errors.PerdureError: from ``load``.
        """
        super().__init__(limits, boundary.fuel, instances=1)
        code = load(self.engine)
        if not isinstance(code, wasmtime.Module):
            raise ValueError("it is no core module; its interface was not checked")  # noqa: TRY004  # the caller's defect
        self.module = code
        self._boundary = boundary
        self._memory_at_end: int | None = None
        self._instance: CoreInstance | None = None
        self._imports: object = None
        self._linker = wasmtime.Linker(self.engine)

    def instantiate(self, imports: Iterable[ImportedFunction], guard: Guard) -> None:
        """Make the instance with these imports, and run its start function.

        Raises:
            wasmtime.Trap: the start function trapped, or a segment does not fit.
            wasmtime.WasmtimeError: a table is larger than allowed, or an import is missing.
            perdure.runtime.wasm.boundary.protocol.LostFailure: see there.
        """
        self._imports = self._boundary.define(self._linker, imports, guard)
        self.entered += 1
        try:
            self._instance = self._boundary.instantiate(self._linker, self.store, self.module)
        finally:
            self.entered -= 1

    def function(self, name: str, parameters: int, results: int) -> Callable[..., int | None] | None:
        """The exported function of this name, which takes and gives that many i32; None if there is none.

        See `perdure.runtime.wasm.boundary.protocol.CoreInstance.function` for what it raises.
        """
        function = None if self._instance is None else self._instance.function(name, parameters, results)
        if function is None:
            return None

        def call(*arguments: int) -> int | None:
            self.entered += 1
            try:
                return function(*arguments)
            finally:
                self.entered -= 1

        return call

    @property
    def memory(self) -> MemoryAccess | None:
        """The memory that the instance exports."""
        return None if self._instance is None else self._instance.memory

    def memory_bytes(self) -> int:
        """The memory's size in bytes; after `halt` or `close`, what it was then."""
        if self._memory_at_end is not None:
            return self._memory_at_end
        memory = self.memory
        return 0 if memory is None else memory.size()

    def halt(self) -> None:
        """See `GuestStore.halt`. How soon the guest stops depends on the boundary; what it does until then is lost."""
        self._memory_at_end = self.memory_bytes()
        super().halt()

    def close(self) -> bool:
        """See `GuestStore.close`."""
        if self.is_open and not self.entered:
            self._memory_at_end = self.memory_bytes()
            self._instance = None
        if not super().close():
            return False
        self._linker.close()
        self.module.close()
        self._imports = None  # last: until here C could have called them
        return True
