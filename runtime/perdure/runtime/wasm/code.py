"""Machine code: made from a module or a component, and loaded again."""

from __future__ import annotations

import wasmtime
from wasmtime.component import Component

from perdure.runtime.wasm.component_inspect import ComponentInterface, read_component
from perdure.runtime.wasm.errors import InvalidWasm
from perdure.runtime.wasm.form import Form, form_of
from perdure.runtime.wasm.inspect import Interface, compile_module, last_cause, read_interface

Code = wasmtime.Module | Component
FileInterface = Interface | ComponentInterface


def read_file(data: bytes) -> FileInterface:
    """What a file imports and exports; nothing is compiled for it.

    Raises:
        ModuleError: it is neither a module nor a component.
    """
    return read_interface(data) if form_of(data) is Form.MODULE else read_component(data)


def compile_code(engine: wasmtime.Engine, data: bytes) -> Code:
    """Machine code for a module or a component: 0.5 s a megabyte, on all processors.

    Raises:
        ModuleError: the bytes are none that can run here.
    """
    if form_of(data) is Form.MODULE:
        return compile_module(engine, data)
    read_component(data)
    try:
        return Component(engine, data)
    except wasmtime.WasmtimeError as error:
        raise InvalidWasm(last_cause(str(error))) from None


def deserialise(engine: wasmtime.Engine, interface: FileInterface, code: bytes) -> Code:
    """Load machine code that was made of a file with this interface. It is run as it is: it must be one's own.

    Raises:
        wasmtime.WasmtimeError: it is of another wasmtime, of other settings, or of another processor.
    """
    form = wasmtime.Module if isinstance(interface, Interface) else Component
    return form.deserialize(engine, code)


def deserialise_file(engine: wasmtime.Engine, interface: FileInterface, path: str) -> Code:
    """Like `deserialise`, mapped from a file.

    Raises:
        wasmtime.WasmtimeError: see there; or the file cannot be read.
    """
    form = wasmtime.Module if isinstance(interface, Interface) else Component
    return form.deserialize_file(engine, path)
