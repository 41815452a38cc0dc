"""Machine code: made from a module or a component, and loaded again."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Final

import msgspec
import wasmtime
from wasmtime import component
from wasmtime.component import Component

from perdure.runtime.wasm.component_inspect import ComponentInterface, read_component
from perdure.runtime.wasm.component_parts import LEAST_PART_BYTES, PartName, part_name, split
from perdure.runtime.wasm.errors import InvalidWasm
from perdure.runtime.wasm.form import Form, form_of
from perdure.runtime.wasm.inspect import Interface, compile_module, last_cause, read_interface

# Machine code of wasmtime is an ELF file, which begins otherwise.
_SPLIT: Final = b"perdure: a component and its parts\n"


class SplitCode:
    """The machine code of a component, of which ``parts`` were compiled by themselves, by their import's name."""

    def __init__(self, component: Component, parts: Mapping[str, wasmtime.Module]) -> None:
        self.component = component
        self.parts = dict(parts)

    def serialize(self) -> bytes:
        """All of it as one run of bytes, which `deserialise` takes."""
        parts = {name: bytes(part.serialize()) for name, part in self.parts.items()}
        return join_code(bytes(self.component.serialize()), parts)

    def close(self) -> None:
        """Forget it. Instances that were made of it stay."""
        self.component.close()
        for part in self.parts.values():
            part.close()


Code = wasmtime.Module | Component | SplitCode
FileInterface = Interface | ComponentInterface


class CodePieces(msgspec.Struct, frozen=True, array_like=True):
    """Machine code in the pieces in which wasmtime loads it: ``main``, and the parts by their import's name."""

    main: bytes
    parts: dict[str, bytes] = {}


def read_file(data: bytes) -> FileInterface:
    """What a file imports and exports; nothing is compiled for it.

    Raises:
        ModuleError: it is neither a module nor a component.
    """
    return read_interface(data) if form_of(data) is Form.MODULE else read_component(data)


def compile_code(engine: wasmtime.Engine, data: bytes, least_part: int = LEAST_PART_BYTES) -> Code:
    """Machine code for a module or a component: 0.5 s a megabyte, on all processors.

    Raises:
        ModuleError: the bytes are none that can run here.
    """
    if form_of(data) is Form.MODULE:
        return compile_module(engine, data)
    read_component(data)
    pieces = split(data, least_part)
    if pieces.parts:
        with contextlib.suppress(wasmtime.WasmtimeError):  # whoever is to blame: the whole says what is wrong, if it is
            rest = Component(engine, pieces.rest)
            return SplitCode(rest, {part.import_name: wasmtime.Module(engine, part.data) for part in pieces.parts})
    return compile_component(engine, data)


def compile_component(engine: wasmtime.Engine, data: bytes) -> Component:
    """Machine code for a whole component.

    Raises:
        InvalidWasm: it is none that can run here.
    """
    try:
        return Component(engine, data)
    except wasmtime.WasmtimeError as error:
        raise InvalidWasm(last_cause(str(error))) from None


def imported_parts(engine: wasmtime.Engine, code: Component) -> dict[str, PartName]:
    """The parts that machine code needs, by their import's name."""
    modules = (name for name, item in code.type.imports(engine).items() if isinstance(item.ty, component.ModuleType))
    return {name: part for name in modules if (part := part_name(name)) is not None}


def join_code(main: bytes, parts: Mapping[str, bytes]) -> bytes:
    """Pieces of machine code as one run of bytes; ``main`` itself if there are no others."""
    return _SPLIT + msgspec.msgpack.encode(CodePieces(main, dict(parts))) if parts else main


def part_code(code: bytes) -> CodePieces:
    """The pieces of what `join_code` made, or `SplitCode.serialize`.

    Raises:
        wasmtime.WasmtimeError: it is damaged.
    """
    if not code.startswith(_SPLIT):
        return CodePieces(code)
    try:
        return msgspec.msgpack.decode(memoryview(code)[len(_SPLIT) :], type=CodePieces)
    except msgspec.DecodeError as error:
        raise wasmtime.WasmtimeError(f"damaged machine code: {error}") from None


def assemble(engine: wasmtime.Engine, code: wasmtime.Module | Component, parts: Mapping[str, wasmtime.Module]) -> Code:
    """Loaded machine code with the parts that it needs, and no others.

    Raises:
        wasmtime.WasmtimeError: those are not ``parts``.
    """
    needed = imported_parts(engine, code) if isinstance(code, Component) else {}
    if needed.keys() != parts.keys():
        raise wasmtime.WasmtimeError(f"machine code with {len(parts)} parts instead of {len(needed)}")
    return SplitCode(code, parts) if isinstance(code, Component) and parts else code


def deserialise(engine: wasmtime.Engine, interface: FileInterface, code: bytes) -> Code:
    """Load machine code that was made of a file with this interface. It is run as it is: it must be one's own.

    Raises:
        wasmtime.WasmtimeError: it is of another wasmtime, of other settings, or of another processor.
    """
    pieces = part_code(code)
    form = wasmtime.Module if isinstance(interface, Interface) else Component
    parts = {name: wasmtime.Module.deserialize(engine, part) for name, part in pieces.parts.items()}
    return assemble(engine, form.deserialize(engine, pieces.main), parts)


def deserialise_file(engine: wasmtime.Engine, interface: FileInterface, path: str) -> wasmtime.Module | Component:
    """One piece of machine code, mapped from a file: that of a module, or of a component without its parts.

    Raises:
        wasmtime.WasmtimeError: see `deserialise`; or the file cannot be read.
    """
    form = wasmtime.Module if isinstance(interface, Interface) else Component
    return form.deserialize_file(engine, path)
