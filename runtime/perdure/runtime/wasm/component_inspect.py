"""What a component imports and exports, by name and kind, before anything of it is compiled.

The file is hostile. Only the import and export sections of the outermost component are read (``Binary.md`` of the
component model); wasmtime validates the rest when it compiles, and `perdure.runtime.wasm.component_types` tells the
types then.
"""

from __future__ import annotations

import itertools
from typing import Final

import msgspec

from perdure.runtime.wasm.binary import BinaryReader
from perdure.runtime.wasm.errors import InvalidWasm
from perdure.runtime.wasm.form import HEADER_BYTES, MAX_SECTIONS, Form, form_of

_IMPORTS, _EXPORTS = 10, 11
_MAX_ITEMS: Final = 1_000  # wasmtime's own limits are a hundred times that; an ABI has a handful
_MODULE, _FUNCTION, _VALUE, _TYPE, _COMPONENT, _INSTANCE = range(6)
_KINDS: Final = ("module", "function", "value", "type", "component", "instance")


class ComponentItem(msgspec.Struct, frozen=True):
    """One import or export; ``kind`` is ``module``, ``function``, ``type``, ``component`` or ``instance``."""

    name: str
    kind: str


class ComponentInterface(msgspec.Struct, frozen=True):
    """All that a component imports and exports, in its order."""

    imports: tuple[ComponentItem, ...]
    exports: tuple[ComponentItem, ...]


def read_component(data: bytes) -> ComponentInterface:
    """What a component imports and exports.

    Raises:
        NotWasm, InvalidWasm: the bytes are no component.
    """
    if form_of(data) is not Form.COMPONENT:
        raise InvalidWasm("it is a core module, not a component")
    file = BinaryReader(data, HEADER_BYTES, len(data))
    imports: list[ComponentItem] = []
    exports: list[ComponentItem] = []
    for count in itertools.count(1):
        if file.at_end:
            break
        if count > MAX_SECTIONS:
            raise InvalidWasm(f"more than {MAX_SECTIONS} sections")
        number = file.byte()
        section = file.part(file.unsigned())
        if number == _IMPORTS:
            imports += (_import(section) for _ in range(section.count("imports", _MAX_ITEMS)))
        elif number == _EXPORTS:
            exports += (_export(section) for _ in range(section.count("exports", _MAX_ITEMS)))
    return ComponentInterface(tuple(imports), tuple(exports))


def _import(section: BinaryReader) -> ComponentItem:
    name = _name(section)
    return ComponentItem(name, _description(section))


def _export(section: BinaryReader) -> ComponentItem:
    name, start = _name(section), section.position
    sort = section.byte()
    if sort == 0:
        section.byte()  # which of the core module's sorts
    section.unsigned()
    has_description = section.byte()
    if has_description:
        _description(section)
    if sort > _INSTANCE:
        raise InvalidWasm(f"export at offset {start} is of an unknown sort {sort:#x}")
    return ComponentItem(name, _KINDS[sort])


def _name(section: BinaryReader) -> str:
    start = section.position
    if (form := section.byte()) > 1:
        raise InvalidWasm(f"name at offset {start} belongs to a feature that is off ({form:#x})")
    return section.name()


def _description(section: BinaryReader) -> str:
    start = section.position
    sort = section.byte()
    if sort == _MODULE:
        section.byte()  # 0x11: a core module
        section.unsigned()
    elif sort in (_FUNCTION, _COMPONENT, _INSTANCE):
        section.unsigned()
    elif sort == _TYPE:
        if section.byte() == 0:  # equal to another type; otherwise a resource
            section.unsigned()
    else:
        raise InvalidWasm(f"import or export at offset {start} belongs to a feature that is off ({sort:#x})")
    return _KINDS[sort]
