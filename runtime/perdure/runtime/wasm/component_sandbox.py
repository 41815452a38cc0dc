"""One instance of one component, in a store of its own, under limits. It knows nothing of an ABI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import wasmtime
from wasmtime import component

from perdure.runtime.wasm.boundary.protocol import (
    ComponentBoundary,
    ComponentInstanceAccess,
    Guard,
    ImportedComponentFunction,
)
from perdure.runtime.wasm.code import SplitCode
from perdure.runtime.wasm.component_frames import frames_of
from perdure.runtime.wasm.component_parts import part_name
from perdure.runtime.wasm.guest_store import GuestStore, SandboxLimits
from perdure.runtime.wasm.inspect import last_cause
from perdure.runtime.wasm.module_source import ModuleLoader
from perdure.runtime.wasm.wit import FunctionType

# A Python guest consists of 38 core instances (libraries, adapters), and its packages may bring more.
MAX_INSTANCES: Final = 256


_Result = TypeVar("_Result")


class ComponentFailure(Exception):
    """A component did not return.

    ``text`` is wasmtime's, ``cause`` its last line, ``frames`` are function names and code offsets.
    """

    def __init__(self, error: wasmtime.WasmtimeError, offsets: Mapping[str, int]) -> None:
        self.text = str(error)
        self.cause = last_cause(self.text)
        self.frames = frames_of(error, offsets)
        super().__init__(self.cause)


class ComponentSandbox(GuestStore):
    """A component, loaded under limits; `instantiate` makes the instance.

    All core instances of a component share one memory, so that the memory limit is the component's.
    """

    def __init__(self, load: ModuleLoader, limits: SandboxLimits, boundary: ComponentBoundary) -> None:
        """Load the component.

        Raises:
            ValueError: a limit is out of its range.
            perdure.runtime.errors.PerdureError: from ``load``.
        """
        super().__init__(limits, boundary.fuel, instances=MAX_INSTANCES)
        code = load(self.engine)
        self._parts = code.parts if isinstance(code, SplitCode) else {}
        whole = code.component if isinstance(code, SplitCode) else code
        if not isinstance(whole, component.Component):
            raise ValueError("it is no component; its interface was not checked")  # noqa: TRY004  # the caller's defect
        self.code = whole
        names = (name for name in map(part_name, self._parts) if name is not None)
        self._offsets = {name.module_name: name.offset for name in names}
        self._linker = component.Linker(self.engine)
        self._boundary = boundary
        self._instance: ComponentInstanceAccess | None = None
        self._imports: list[object] = []

    def instantiate(
        self,
        imports: Iterable[str],
        functions: Callable[[str], Sequence[ImportedComponentFunction]],
        guard: Guard,
    ) -> None:
        """Make the instance with the instances ``imports``, of which ``functions`` says what they consist of.

        Raises:
            ComponentFailure: its start trapped, an import is missing, or it is larger than allowed.
            perdure.runtime.wasm.boundary.protocol.LostFailure: see there.
        """
        with self._linker.root() as root:
            for name, part in self._parts.items():
                root.add_module(name, part)
            for name in imports:
                with root.add_instance(name) as instance:
                    self._imports.append(self._boundary.define(instance, functions(name), guard))
        self._instance = self._entered(lambda: self._boundary.instantiate(self._linker, self.store, self.code))

    def function(self, name: str, kind: FunctionType) -> Callable[..., Any] | None:
        """The exported function of this name, which is of this type; None if there is none.

        It takes and gives values of `perdure.runtime.wasm.wit`, and raises as `instantiate` does.
        """
        function = None if self._instance is None else self._instance.function(name, kind)
        return None if function is None else lambda *arguments: self._entered(lambda: function(*arguments))

    def close(self) -> bool:
        """See `GuestStore.close`."""
        if not super().close():
            return False
        self._instance = None
        self._linker.close()
        self.code.close()
        for part in self._parts.values():
            part.close()
        self._imports.clear()  # last: until here C could have called them
        return True

    def _entered(self, call: Callable[[], _Result]) -> _Result:
        self.entered += 1
        try:
            return call()
        except wasmtime.WasmtimeError as failure:
            raise ComponentFailure(failure, self._offsets) from None
        finally:
            self.entered -= 1
