"""What a core module imports and exports, before anything of it is compiled.

The file is hostile, and wasmtime-py is not made for that before a module is known: it takes bytes that do not begin
with NUL for the *text* format and would compile them, and asking it for a function type with ``v128`` in it aborts
the process (wasmtime 50). So the few sections that matter are read here; `compile_module` then validates the rest.
"""

from __future__ import annotations

import itertools
from typing import Final

import msgspec
import wasmtime

from perdure.runtime.wasm.binary import BinaryReader
from perdure.runtime.wasm.errors import InvalidWasm
from perdure.runtime.wasm.form import HEADER_BYTES, MAX_SECTIONS, Form, form_of

_PAGE_BYTES: Final = 64 * 1024
_MAX_PAGES: Final = 1 << 16

# wasmtime's own limits. They also bound the time that reading a module takes here.
_MAX_TYPES: Final = 1_000_000
_MAX_FUNCTIONS: Final = 1_000_000
_MAX_IMPORTS: Final = 100_000
_MAX_EXPORTS: Final = 100_000
_MAX_VALUES: Final = 1_000

_VALUE_TYPES: Final = {
    0x7F: "i32",
    0x7E: "i64",
    0x7D: "f32",
    0x7C: "f64",
    0x7B: "v128",
    0x70: "funcref",
    0x6F: "externref",
}
_TYPES, _IMPORTS, _FUNCTIONS, _MEMORIES, _EXPORTS = 1, 2, 3, 5, 7
_FUNCTION, _TABLE, _MEMORY, _GLOBAL, _TAG = range(5)


class Signature(msgspec.Struct, frozen=True):
    """A function's type, in wasm's words: ``i32``, ``i64``, ``f32``, ``f64``, ``v128``, ``funcref``, ``externref``."""

    parameters: tuple[str, ...]
    results: tuple[str, ...]

    def __str__(self) -> str:
        result = f" -> {', '.join(self.results)}" if self.results else ""
        return f"function ({', '.join(self.parameters)}){result}"


class MemoryShape(msgspec.Struct, frozen=True):
    """A memory's declared size in bytes; without a declared maximum that is 4 GiB."""

    minimum_bytes: int
    maximum_bytes: int

    def __str__(self) -> str:
        return "memory"


class OtherItem(msgspec.Struct, frozen=True):
    """Something that no ABI has a use for; ``kind`` is ``table``, ``global`` or ``tag``."""

    kind: str

    def __str__(self) -> str:
        return self.kind


Item = Signature | MemoryShape | OtherItem


class ImportedItem(msgspec.Struct, frozen=True):
    """One import."""

    module: str
    name: str
    item: Item


class Interface(msgspec.Struct, frozen=True):
    """All that a module imports and exports, in the module's order."""

    imports: tuple[ImportedItem, ...]
    exports: dict[str, Item]


def kind_of(item: Item) -> str:
    """The kind of an import or export: ``function``, ``memory``, ``table``, ``global`` or ``tag``."""
    if isinstance(item, Signature):
        return "function"
    return "memory" if isinstance(item, MemoryShape) else item.kind


def compile_module(engine: wasmtime.Engine, data: bytes) -> wasmtime.Module:
    """Machine code for a core module: 30 to 55 ms for 80 KB.

    Raises:
        NotWasm, InvalidWasm: the bytes are no module that can run here.
    """
    _check_header(data)
    try:
        return wasmtime.Module(engine, data)
    except wasmtime.WasmtimeError as error:
        raise InvalidWasm(last_cause(str(error))) from None


def _check_header(data: bytes) -> None:
    if form_of(data) is not Form.MODULE:
        raise InvalidWasm("it is a component, not a core module")


def last_cause(text: str) -> str:
    """The line of a message of wasmtime that says what is wrong."""
    # wasmtime's text is a headline, a blank line and a list of causes; the last one is the one that helps.
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    number, colon, cause = lines[-1].partition(": ")
    return cause if colon and number.isdigit() else lines[-1]


def read_interface(data: bytes) -> Interface:
    """What the module imports and exports. Only the sections that say so are read; the rest may be invalid.

    Raises:
        NotWasm, InvalidWasm: the bytes are no core module.
    """
    _check_header(data)
    return _InterfaceReader(data).read()


class _InterfaceReader:
    """Collects the index spaces that the exports refer to."""

    def __init__(self, data: bytes) -> None:
        self._file = BinaryReader(data, HEADER_BYTES, len(data))
        self._types: list[Signature] = []
        self._imports: list[ImportedItem] = []
        self._functions: list[int] = []  # each one's type
        self._memories: list[MemoryShape] = []
        self._exports: dict[str, Item] = {}

    def read(self) -> Interface:
        sections = {
            _TYPES: self._read_types,
            _IMPORTS: self._read_imports,
            _FUNCTIONS: self._read_functions,
            _MEMORIES: self._read_memories,
            _EXPORTS: self._read_exports,
        }
        for count in itertools.count(1):
            if self._file.at_end:
                break
            if count > MAX_SECTIONS:
                raise InvalidWasm(f"more than {MAX_SECTIONS} sections")
            read = sections.get(self._file.byte())
            section = self._file.part(self._file.unsigned())
            if read is not None:
                read(section)
        return Interface(tuple(self._imports), self._exports)

    def _read_types(self, section: BinaryReader) -> None:
        for _ in range(section.count("types", _MAX_TYPES)):
            start = section.position
            if (form := section.byte()) != 0x60:
                raise InvalidWasm(f"type {form:#x} at offset {start} belongs to a feature that is off")
            self._types.append(Signature(self._values(section), self._values(section)))

    def _values(self, section: BinaryReader) -> tuple[str, ...]:
        return tuple(self._value(section) for _ in range(section.count("values of one function", _MAX_VALUES)))

    def _value(self, section: BinaryReader) -> str:
        start = section.position
        code = section.byte()
        if code not in _VALUE_TYPES:
            raise InvalidWasm(f"value type {code:#x} at offset {start} belongs to a feature that is off")
        return _VALUE_TYPES[code]

    def _read_imports(self, section: BinaryReader) -> None:
        for _ in range(section.count("imports", _MAX_IMPORTS)):
            module, name, start = section.name(), section.name(), section.position
            kind = section.byte()
            item: Item
            if kind == _FUNCTION:
                self._functions.append(section.unsigned())
                item = self._signature(len(self._functions) - 1)
            elif kind == _MEMORY:
                item = self._memory(section)
                self._memories.append(item)
            elif kind == _TABLE:
                self._value(section)
                self._limits(section)
                item = OtherItem("table")
            elif kind == _GLOBAL:
                self._value(section)
                section.byte()
                item = OtherItem("global")
            elif kind == _TAG:
                section.byte()
                section.unsigned()
                item = OtherItem("tag")
            else:
                raise InvalidWasm(f"import of kind {kind:#x} at offset {start} belongs to a feature that is off")
            self._imports.append(ImportedItem(module, name, item))

    def _read_functions(self, section: BinaryReader) -> None:
        self._functions.extend(section.numbers(section.count("functions", _MAX_FUNCTIONS)))

    def _read_memories(self, section: BinaryReader) -> None:
        for _ in range(section.count("memories", 1)):
            self._memories.append(self._memory(section))

    def _memory(self, section: BinaryReader) -> MemoryShape:
        minimum, maximum = self._limits(section)
        return MemoryShape(minimum * _PAGE_BYTES, (_MAX_PAGES if maximum is None else maximum) * _PAGE_BYTES)

    def _limits(self, section: BinaryReader) -> tuple[int, int | None]:
        start = section.position
        flags = section.byte()
        if flags > 1:
            raise InvalidWasm(f"limits at offset {start} are shared or 64-bit (flags {flags:#x}), which is off")
        minimum = section.unsigned()
        return minimum, section.unsigned() if flags else None

    def _read_exports(self, section: BinaryReader) -> None:
        others = {_TABLE: OtherItem("table"), _GLOBAL: OtherItem("global"), _TAG: OtherItem("tag")}
        for _ in range(section.count("exports", _MAX_EXPORTS)):
            name, start = section.name(), section.position
            kind, index = section.byte(), section.unsigned()
            if name in self._exports:
                raise InvalidWasm(f"export {name[:100]!r} is there twice")
            if kind == _FUNCTION:
                self._exports[name] = self._signature(index)
            elif kind == _MEMORY and index < len(self._memories):
                self._exports[name] = self._memories[index]
            elif kind in others:
                self._exports[name] = others[kind]
            else:
                raise InvalidWasm(f"export at offset {start} names a thing that does not exist")

    def _signature(self, function: int) -> Signature:
        if function >= len(self._functions) or self._functions[function] >= len(self._types):
            raise InvalidWasm(f"function {function} does not exist, or has no type")
        return self._types[self._functions[function]]
