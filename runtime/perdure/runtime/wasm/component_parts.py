"""Takes the large core modules out of a component, so that each is compiled once for all components that have it.

Every Python extension has the same four modules of code; only the one that holds its memory is its own. A part is
replaced by the import of a module of its type. Nothing else of the component moves: what is over is filled up, so that
places in the file, which backtraces tell, stay what they are.

The file is hostile. What is not understood here stays where it is, and wasmtime judges it there; whoever compiles takes
the whole component where the pieces are refused.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from perdure.runtime.wasm.binary import BinaryReader
from perdure.runtime.wasm.component_inspect import read_component
from perdure.runtime.wasm.errors import InvalidWasm, ModuleError
from perdure.runtime.wasm.form import HEADER_BYTES, MAX_SECTIONS, Form, form_of
from perdure.runtime.wasm.module_type import NotUnderstood, module_type, number

# Below that a compile takes a tenth of a second, and a file and a record of its own are not worth it.
LEAST_PART_BYTES: Final = 256 * 1024

# What a component may have that is taken apart: more modules stay, one of more sections is left whole. They bound the
# time that hostile bytes take here; a Python guest has 3, and some hundred.
_MAX_PARTS: Final = 16

# A component in which this stands anywhere is left whole: so no name of its own can be taken for one of ours.
_MARK: Final = b"perdure:part/"
_NAME: Final = re.compile(r"url=<perdure:part/([0-9a-f]{64})#([0-9]{1,10})>")
# An alias of a core type of an outer component. Those that stand before us now would be other types than before.
_OUTER_CORE_TYPE: Final = b"\x00\x10\x02"

_CUSTOM, _MODULE, _CORE_TYPE, _COMPONENT, _ALIAS, _TYPE, _IMPORT = 0, 1, 3, 4, 6, 7, 10
_CODE: Final = 10  # of a module


class Part(msgspec.Struct, frozen=True):
    """A core module of a component: ``data`` can be compiled by itself; ``offset`` is where it began in the file.

    ``digest`` is no SHA-256 of a file, so that a part is never taken for an installed module.
    """

    digest: str
    offset: int
    data: bytes

    @property
    def import_name(self) -> str:
        """Under which the rest of the component imports it."""
        return f"url=<{_MARK.decode()}{self.digest}#{self.offset}>"


class PartName(msgspec.Struct, frozen=True):
    """What the name of an imported part says; see `Part`."""

    digest: str
    offset: int

    @property
    def module_name(self) -> str:
        """The part's name in backtraces."""
        return f"{_MARK.decode()}{self.digest}"


class SplitComponent(msgspec.Struct, frozen=True):
    """A component without its parts; ``rest`` is the component itself where there are none."""

    rest: bytes
    parts: tuple[Part, ...] = ()

    @property
    def rest_size(self) -> int:
        """How much of ``rest``, in bytes, there is to be compiled: not what fills it up, and not the guest's memory."""
        sections = _sections(self.rest, HEADER_BYTES, len(self.rest))
        return sum(_code_size(self.rest, *section) for section in sections)


def part_name(import_name: str) -> PartName | None:
    """What an import's name says of a part; None if it names none."""
    match = _NAME.fullmatch(import_name)
    return None if match is None else PartName(match[1], int(match[2]))


def split(data: bytes, least: int = LEAST_PART_BYTES) -> SplitComponent:
    """A component and its parts: the modules of at least ``least`` bytes directly in it that define no memory.

    Never an error: bytes that are no component, or one that is not understood, have no parts.
    """
    try:
        places = _modules(data, least)
    except ModuleError:
        return SplitComponent(data)
    rest = bytearray(data)
    parts: dict[str, Part] = {}
    for start, body, end in places:
        module = data[body:end]
        digest = hashlib.sha256(_MARK + module).hexdigest()
        part = Part(digest, body, module + _name_section(PartName(digest, body).module_name.encode()))
        try:
            imported = _imported(part.import_name.encode(), module_type(module), len(parts))
            if digest not in parts:  # nothing may be imported twice
                rest[start:end] = _filled_up(imported, end - start)
                parts[digest] = part
        except (ModuleError, NotUnderstood):
            continue
    return SplitComponent(bytes(rest), tuple(parts.values())) if parts else SplitComponent(data)


def _modules(data: bytes, least: int) -> list[tuple[int, int, int]]:
    """Where large modules stand directly in a component: the section's start, the module's, and the end of both."""
    if form_of(data) is not Form.COMPONENT or _MARK in data:
        return []
    interface = read_component(data)
    if any(item.kind == "module" for item in (*interface.imports, *interface.exports)):
        return []
    found = []
    for section, start, body, end in _sections(data, HEADER_BYTES, len(data)):
        if section == _CORE_TYPE:
            return []  # ours would stand between them
        if section in (_COMPONENT, _ALIAS, _TYPE) and data.find(_OUTER_CORE_TYPE, body, end) >= 0:
            return []
        if section == _MODULE and end - body >= least:
            found.append((start, body, end))
    return found[:_MAX_PARTS]


def _sections(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The sections of a component or a module: each one's number, where it starts, where its content does, its end.

    Raises:
        InvalidWasm: they end too soon, or are too many.
    """
    file = BinaryReader(data, start, end)
    for count in itertools.count(1):
        if file.at_end:
            return
        if count > MAX_SECTIONS:
            raise InvalidWasm(f"more than {MAX_SECTIONS} sections")
        start, section = file.position, file.byte()
        size = file.unsigned()
        body = file.position
        file.part(size)
        yield section, start, body, file.position


def _code_size(data: bytes, section: int, start: int, body: int, end: int) -> int:
    """How many bytes of a component's section are functions, or may be."""
    if section == _COMPONENT:
        return end - body
    if section != _MODULE:
        return 0
    try:
        inner = list(_sections(data, body + HEADER_BYTES, end))
    except InvalidWasm:
        return end - body
    return sum(end - body for which, _, body, end in inner if which == _CODE)


def _imported(name: bytes, kind: bytes, index: int) -> bytes:
    """A core type, the ``index``-th of the component, and the import of a module of it."""
    import_ = b"\x00" + _sized(name) + b"\x00\x11" + number(index)
    return _section(_CORE_TYPE, b"\x01" + kind) + _section(_IMPORT, b"\x01" + import_)


def _filled_up(sections: bytes, size: int) -> bytes:
    """The sections and one more that means nothing, ``size`` bytes together."""
    fill = size - len(sections) - 7
    if fill < 0:
        raise NotUnderstood
    # Always five bytes for the length, so that any length can be reached.
    length = fill + 1
    encoded = bytes((length >> shift) & 0x7F | (0x80 if shift < 28 else 0) for shift in range(0, 35, 7))
    return sections + bytes([_CUSTOM]) + encoded + b"\x00" + bytes(fill)


def _name_section(name: bytes) -> bytes:
    """A module's name. It counts before the one that the module gives itself."""
    return _section(_CUSTOM, _sized(b"name") + b"\x00" + _sized(_sized(name)))


def _section(which: int, body: bytes) -> bytes:
    return bytes([which]) + _sized(body)


def _sized(content: bytes) -> bytes:
    return number(len(content)) + content
