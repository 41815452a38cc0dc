"""The type of a core module, in the binary form in which a component declares it. The module is a stranger's."""

from __future__ import annotations

from typing import Final

from perdure.runtime.wasm.binary import BinaryReader
from perdure.runtime.wasm.errors import InvalidWasm
from perdure.runtime.wasm.form import HEADER_BYTES, Form, form_of

# Sections, types, functions, names, instructions of constants …, all together: some 0.2 s. CPython has 25,000.
_MAX_ITEMS: Final = 100_000

_TYPES, _IMPORTS, _FUNCTIONS, _TABLES, _MEMORIES, _GLOBALS, _EXPORTS = range(1, 8)
_LAST_SECTION: Final = 12  # the count of data segments; what comes behind belongs to features that are off
_FUNCTION, _TABLE, _MEMORY, _GLOBAL = range(4)
_VALUE_TYPES: Final = frozenset((0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x70))
_FUNCREF: Final = 0x70

# Of the instructions of a constant expression: how many bytes follow; None for a number.
_END: Final = 0x0B
_CONSTANT: Final[dict[int, int | None]] = {
    0x41: None,  # i32.const
    0x42: None,  # i64.const
    0x43: 4,  # f32.const
    0x44: 8,  # f64.const
    0x23: None,  # global.get
    0xD2: None,  # ref.func
    0xD0: 1,  # ref.null
    **dict.fromkeys((0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E), 0),  # i32 and i64: add, sub, mul
}


class NotUnderstood(Exception):
    """The module may be valid or not: it has something that is not known here."""


def module_type(module: bytes) -> bytes:
    """What a core module imports and exports, as a core type of ``Binary.md`` of the component model.

    Raises:
        NotUnderstood: it defines a memory, or has something that is not known here.
        InvalidWasm, NotWasm: it is no module.
    """
    if form_of(module) is not Form.MODULE:
        raise NotUnderstood
    return _TypeReader(module).read()


def number(value: int) -> bytes:
    """An unsigned LEB128 number, as short as it can be."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


class _TypeReader:
    """Collects the index spaces, each item as its bytes in the file; of functions it is the type's index."""

    def __init__(self, module: bytes) -> None:
        self._data = module
        self._left = _MAX_ITEMS
        self._types: list[bytes] = []
        self._items: tuple[list[bytes], ...] = ([], [], [], [])
        self._imports: dict[tuple[bytes, bytes], bytes] = {}
        self._exports: dict[bytes, bytes] = {}
        self._declared: dict[bytes, bytes] = {}  # function types, and the index of each

    def read(self) -> bytes:
        sections = {
            _TYPES: self._read_types,
            _IMPORTS: self._read_imports,
            _FUNCTIONS: self._read_functions,
            _TABLES: self._read_tables,
            _MEMORIES: self._read_memories,
            _GLOBALS: self._read_globals,
            _EXPORTS: self._read_exports,
        }
        file = BinaryReader(self._data, HEADER_BYTES, len(self._data))
        last = 0
        while not file.at_end:
            self._take(1)
            which = file.byte()
            section = file.part(file.unsigned())
            if which > _LAST_SECTION:
                raise NotUnderstood
            if which in sections:
                if which <= last:
                    raise NotUnderstood
                last = which
                sections[which](section)
                if not section.at_end:
                    raise NotUnderstood
        types = [b"\x01" + kind for kind in self._declared]
        imports = [
            b"\x00" + _named(module) + _named(name) + described for (module, name), described in self._imports.items()
        ]
        exports = [b"\x03" + _named(name) + described for name, described in self._exports.items()]
        return b"\x50" + number(len(types) + len(imports) + len(exports)) + b"".join(types + imports + exports)

    def _read_types(self, section: BinaryReader) -> None:
        for _ in range(self._count(section)):
            start = section.position
            if section.byte() != 0x60:
                raise NotUnderstood
            for _ in range(2):
                for _ in range(self._count(section)):
                    self._value(section)
            self._types.append(self._data[start : section.position])

    def _read_imports(self, section: BinaryReader) -> None:
        for _ in range(self._count(section)):
            name = section.take(section.unsigned()), section.take(section.unsigned())
            kind = section.byte()
            if name in self._imports or kind > _GLOBAL:
                raise NotUnderstood
            if kind == _FUNCTION:
                item = number(section.unsigned())
            else:
                start = section.position
                (self._table, self._limits, self._global)[kind - 1](section)
                item = self._data[start : section.position]
            self._items[kind].append(item)
            self._imports[name] = self._described(kind, item)

    def _read_functions(self, section: BinaryReader) -> None:
        functions = self._items[_FUNCTION]
        functions.extend(number(section.unsigned()) for _ in range(self._count(section)))

    def _read_tables(self, section: BinaryReader) -> None:
        for _ in range(self._count(section)):
            start = section.position
            self._table(section)
            self._items[_TABLE].append(self._data[start : section.position])

    def _read_memories(self, section: BinaryReader) -> None:
        # The module that holds the memory is a guest's own, and what is in it, too.
        if self._count(section):
            raise NotUnderstood

    def _read_globals(self, section: BinaryReader) -> None:
        for _ in range(self._count(section)):
            start = section.position
            self._global(section)
            self._items[_GLOBAL].append(self._data[start : section.position])
            self._skip_constant(section)

    def _read_exports(self, section: BinaryReader) -> None:
        for _ in range(self._count(section)):
            name = section.take(section.unsigned())
            kind, index = section.byte(), section.unsigned()
            if kind > _GLOBAL or index >= len(self._items[kind]) or name in self._exports:
                raise NotUnderstood
            self._exports[name] = self._described(kind, self._items[kind][index])

    def _skip_constant(self, section: BinaryReader) -> None:
        while (instruction := section.byte()) != _END:
            self._take(1)
            if instruction not in _CONSTANT:
                raise NotUnderstood
            length = _CONSTANT[instruction]
            if length is None:
                section.unsigned(70)  # of either sign: ten bytes at the most
            else:
                section.take(length)

    def _count(self, section: BinaryReader) -> int:
        found = section.unsigned()
        self._take(found)
        return found

    def _take(self, items: int) -> None:
        self._left -= items
        if self._left < 0:
            raise NotUnderstood

    def _described(self, kind: int, item: bytes) -> bytes:
        if kind != _FUNCTION:
            return bytes([kind]) + item
        index = BinaryReader(item, 0, len(item)).unsigned()
        if index >= len(self._types):
            raise InvalidWasm(f"type {index} does not exist")
        return b"\x00" + self._declared.setdefault(self._types[index], number(len(self._declared)))

    def _table(self, section: BinaryReader) -> None:
        if section.byte() != _FUNCREF:
            raise NotUnderstood
        self._limits(section)

    def _global(self, section: BinaryReader) -> None:
        self._value(section)
        if section.byte() > 1:
            raise NotUnderstood

    def _value(self, section: BinaryReader) -> None:
        if section.byte() not in _VALUE_TYPES:
            raise NotUnderstood

    def _limits(self, section: BinaryReader) -> None:
        flags = section.byte()
        if flags > 1:
            raise NotUnderstood
        for _ in range(1 + flags):
            section.unsigned()


def _named(name: bytes) -> bytes:
    return number(len(name)) + name
