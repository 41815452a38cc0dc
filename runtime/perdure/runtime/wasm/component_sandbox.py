"""One instance of one component, in a store of its own, under limits. It knows nothing of an ABI."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import c_void_p
from typing import Any, Final

import wasmtime
from wasmtime import _ffi as ffi
from wasmtime import component

from perdure.runtime.wasm import c_api
from perdure.runtime.wasm.code import SplitCode
from perdure.runtime.wasm.component_parts import part_name
from perdure.runtime.wasm.component_values import Values, reader, writer
from perdure.runtime.wasm.guest_store import GuestStore, SandboxLimits
from perdure.runtime.wasm.inspect import last_cause
from perdure.runtime.wasm.module_source import ModuleLoader
from perdure.runtime.wasm.wit import FunctionType

# A Python guest consists of 38 core instances (libraries, adapters), and its packages may bring more.
MAX_INSTANCES: Final = 256


class ComponentFailure(Exception):
    """A component did not return. ``cause`` is wasmtime's last line, ``frames`` are function names and code offsets."""

    def __init__(self, error: wasmtime.WasmtimeError, offsets: Mapping[str, int]) -> None:
        self.cause = last_cause(str(error))
        self.frames = c_api.frames_of(error, offsets)
        super().__init__(self.cause)


class ComponentFunction:
    """A function that a component exports, called without wasmtime-py's wrapper."""

    def __init__(self, sandbox: ComponentSandbox, function: ffi.wasmtime_component_func_t, kind: FunctionType) -> None:
        self._sandbox = sandbox
        self._function = function
        self._writers = [writer(of) for _, of in kind.parameters]
        self._reader = None if kind.result is None else reader(kind.result)

    def __call__(self, *arguments: Any) -> Any:
        """Call with values of the function's type (`perdure.runtime.wasm.wit`).

        Raises:
            ComponentFailure: the guest trapped, or the function is of another type.
        """
        given, result = Values(len(self._writers)), Values(0 if self._reader is None else 1)
        try:
            given.write(self._writers, arguments)
            self._sandbox.entered += 1
            try:
                error = c_api.component_call(
                    ctypes.addressof(self._function),
                    self._sandbox.context,
                    given.address,
                    given.count,
                    result.address,
                    result.count,
                )
            finally:
                self._sandbox.entered -= 1
            self._sandbox.raise_failure(error)
            return None if self._reader is None else result.read(self._reader)
        finally:
            given.release()
            result.release()


class ComponentSandbox(GuestStore):
    """A component, loaded under limits; `instantiate` makes the instance.

    All core instances of a component share one memory, so that the memory limit is the component's.
    """

    def __init__(self, load: ModuleLoader, limits: SandboxLimits) -> None:
        """Load the component.

        Raises:
            ValueError: a limit is out of its range.
            perdure.runtime.errors.PerdureError: from ``load``.
        """
        super().__init__(limits, instances=MAX_INSTANCES)
        code = load(self.engine)
        self._parts = code.parts if isinstance(code, SplitCode) else {}
        whole = code.component if isinstance(code, SplitCode) else code
        if not isinstance(whole, component.Component):
            raise ValueError("it is no component; its interface was not checked")  # noqa: TRY004  # the caller's defect
        self.code = whole
        names = (name for name in map(part_name, self._parts) if name is not None)
        self._offsets = {name.module_name: name.offset for name in names}
        self._linker = component.Linker(self.engine)
        self._instance: component.Instance | None = None
        self._imports: list[object] = []

    def instantiate(
        self, imports: Iterable[str], functions: Callable[[str], Sequence[tuple[str, c_api.ComponentFunction]]]
    ) -> None:
        """Make the instance with the instances ``imports``, of which ``functions`` says what they consist of.

        Raises:
            ComponentFailure: its start trapped, an import is missing, or it is larger than allowed.
        """
        with self._linker.root() as root:
            for name, part in self._parts.items():
                root.add_module(name, part)
            for name in imports:
                with root.add_instance(name) as instance:
                    at = c_api.address(instance.ptr())
                    for function, call in functions(name):
                        self._imports.append(c_api.define_component_function(at, function, call))
        raw = ffi.wasmtime_component_instance_t()
        self.entered += 1
        try:
            error = c_api.component_instantiate(
                c_api.address(self._linker.ptr()),
                self.context,
                c_api.address(self.code.ptr()),
                ctypes.addressof(raw),
            )
        finally:
            self.entered -= 1
        self.raise_failure(error)
        self._instance = component.Instance._from_raw(raw)

    def function(self, name: str, kind: FunctionType) -> ComponentFunction | None:
        """The exported function of this name, which is of this type; None if there is none."""
        function = None if self._instance is None else self._instance.get_func(self.store, name)
        return None if function is None else ComponentFunction(self, function._func, kind)

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

    def raise_failure(self, error: int | None) -> None:
        """Raise what a C function reported, if anything, and take ownership of it.

        Raises:
            ComponentFailure: ``error`` is set.
        """
        try:
            c_api.raise_failure(error, c_void_p())
        except wasmtime.WasmtimeError as failure:
            raise ComponentFailure(failure, self._offsets) from None
