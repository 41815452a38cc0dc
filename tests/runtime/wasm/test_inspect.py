"""Files that are no modules, and what modules say of themselves."""

from __future__ import annotations

import contextlib

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from tests.support.wat import Wat, compiled

from perdure.runtime.errors import PerdureError
from perdure.runtime.wasm.code import read_file
from perdure.runtime.wasm.engine import new_engine
from perdure.runtime.wasm.errors import InvalidWasm, ModuleError, NotWasm
from perdure.runtime.wasm.inspect import (
    ImportedItem,
    MemoryShape,
    OtherItem,
    Signature,
    compile_module,
    kind_of,
    read_interface,
)

EVERYTHING = """(module
  (import "a" "f" (func (param i32 i64 f32 f64 v128 funcref externref) (result i32 i64)))
  (import "b" "\u00e9" (memory 1 3))
  (import "b" "t" (table 1 funcref))
  (import "b" "u" (table 1 2 externref))
  (import "c" "g" (global (mut i32)))
  (func $local (param i32))
  (table $mine 1 funcref)
  (global $constant i32 (i32.const 7))
  (export "imported" (func 0))
  (export "local" (func $local))
  (export "memory" (memory 0))
  (export "table" (table $mine))
  (export "global" (global $constant))
  (data (i32.const 0) "text")
  (start 2)
  (func))"""


def test_everything_a_module_can_say() -> None:
    interface = read_interface(compiled(EVERYTHING))
    values = ("i32", "i64", "f32", "f64", "v128", "funcref", "externref")
    assert interface.imports == (
        ImportedItem("a", "f", Signature(values, ("i32", "i64"))),
        ImportedItem("b", "\u00e9", MemoryShape(65_536, 3 * 65_536)),
        ImportedItem("b", "t", OtherItem("table")),
        ImportedItem("b", "u", OtherItem("table")),
        ImportedItem("c", "g", OtherItem("global")),
    )
    assert interface.exports == {
        "imported": Signature(values, ("i32", "i64")),
        "local": Signature(("i32",), ()),
        "memory": MemoryShape(65_536, 3 * 65_536),
        "table": OtherItem("table"),
        "global": OtherItem("global"),
    }
    kinds = [kind_of(entry.item) for entry in interface.imports]
    assert kinds == ["function", "memory", "table", "table", "global"]


def test_a_memory_without_a_maximum_may_grow_to_4_gib() -> None:
    interface = read_interface(compiled('(module (memory (export "memory") 0))'))
    assert interface.exports["memory"] == MemoryShape(0, 1 << 32)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\0", "begins with"),
        (b"\0as", "begins with"),
        (b"\0asm", "within the header"),
        (b"\0asm\x01\0\0", "within the header"),
        (b"\0ASM\x01\0\0\0", "begins with"),
        (b"\x7fELF\x02\x01\x01\0", "begins with"),
        (b"PK\x03\x04", "begins with"),
        (b"(module)", "text format"),
        (b"  (module)", "text format"),
        (b"\xef\xbb\xbf(module)", "begins with"),
    ],
)
def test_what_is_no_wasm(data: bytes, says: str) -> None:
    for read in (read_interface, lambda data: compile_module(new_engine(65_536), data)):
        with pytest.raises(NotWasm, match=says) as failure:
            read(data)
        assert failure.value.found == data[:8]


def test_text_is_never_compiled() -> None:
    # wasmtime-py by itself takes these bytes for a module.
    wasmtime.Module(wasmtime.Engine(), b"(module)")
    with pytest.raises(NotWasm):
        compile_module(new_engine(65_536), b"(module)")


def test_a_component() -> None:
    component = compiled("(component)")
    for read in (read_interface, lambda data: compile_module(new_engine(65_536), data)):
        with pytest.raises(InvalidWasm, match="a component, not a core module"):
            read(component)


@pytest.mark.parametrize(("version", "layer"), [(0, 0), (2, 0), (1, 2), (0x0D, 0)])
def test_a_version_that_nobody_knows(version: int, layer: int) -> None:
    data = b"\0asm" + version.to_bytes(2, "little") + layer.to_bytes(2, "little")
    with pytest.raises(InvalidWasm, match=f"version {version}, layer {layer}"):
        read_interface(data)


@pytest.mark.parametrize("header", [b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"])
def test_a_file_of_nothing_but_sections(header: bytes) -> None:
    """64 MB of them would take half a minute to read."""
    empty = b"\0\1\0"
    read_file(header + empty * 10_000)
    with pytest.raises(InvalidWasm, match="more than 10000 sections"):
        read_file(header + empty * 10_001)


def whole_guest() -> bytes:
    wat = Wat()
    wat.job("test", f"(drop {wat.operation()}) {wat.log()} (i32.const 0)")
    return wat.module()


def test_a_truncated_module_is_refused_at_every_length() -> None:
    module, engine = whole_guest(), new_engine(65_536)
    refused = 0
    for length in range(len(module)):
        # At the end of a section what is left can be a smaller module; then its exports are missing instead.
        try:
            read_interface(module[:length])
            compile_module(engine, module[:length])
        except ModuleError:
            refused += 1
    assert refused > len(module) - 12


@given(st.data())
def test_damaged_bytes_end_in_a_typed_error_or_a_module(data: st.DataObject) -> None:
    module = bytearray(whole_guest())
    for _ in range(data.draw(st.integers(1, 4))):
        module[data.draw(st.integers(8, len(module) - 1))] = data.draw(st.integers(0, 255))
    for read in (read_interface, lambda data: compile_module(new_engine(65_536), data)):
        with contextlib.suppress(PerdureError):
            read(bytes(module))


@given(st.binary(max_size=200))
def test_any_sections_end_in_a_typed_error_or_an_interface(sections: bytes) -> None:
    with contextlib.suppress(InvalidWasm):
        read_interface(b"\0asm\x01\0\0\0" + sections)


def section(number: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([number, len(content)]) + content


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        (b"\x01", "truncated"),
        (b"\x01\x05\x01", "truncated: 4 more bytes"),
        (b"\x01\xff\xff\xff\xff\x0f", "truncated"),
        (b"\x01\xff\xff\xff\xff\x1f", "too large"),
        (b"\x01\x80\x80\x80\x80\x80\x00", "too large"),
        (section(1, b"\xff\xff\xff\xff\x0f"), "4294967295 types"),
        (section(2, b"\xff\xff\xff\x7f"), "imports"),
        (section(3, b"\xff\xff\xff\x7f"), "functions"),
        (section(5, b"\x02\0\0\0\0"), "2 memories"),
        (section(7, b"\xff\xff\xff\x7f"), "exports"),
        (section(1, b"\x01\x60\xff\x7f"), "values"),
        (section(1, b"\x01\x4e\0"), "type 0x4e"),
        (section(1, b"\x01\x60\x01\x64\0"), "value type 0x64"),
        (section(2, b"\x01\x01a\x01b\x09"), "import of kind 0x9"),
        (section(2, b"\x01\x01\xff\x01b\0\0"), "not UTF-8"),
        (section(2, b"\x01\x7fa"), "truncated"),
        (section(2, b"\x01\x01a\x01b\0\0"), "function 0 does not exist"),
        (section(7, b"\x01\x01a\0\0"), "function 0 does not exist"),
        (section(7, b"\x01\x01a\x02\0"), "does not exist"),
        (section(7, b"\x01\x01a\x09\0"), "does not exist"),
        (section(7, b"\x02\x01a\x03\0\x01a\x03\0"), "there twice"),
        (section(5, b"\x01\x03\x01\x01"), "shared or 64-bit"),
    ],
)
def test_sections_that_lie(sections: bytes, says: str) -> None:
    with pytest.raises(InvalidWasm, match=says):
        read_interface(b"\0asm\x01\0\0\0" + sections)


def test_invalid_code_is_found_by_compiling() -> None:
    module = compiled("(module (func (result i32)))")
    assert read_interface(module).exports == {}
    with pytest.raises(InvalidWasm, match="type mismatch"):
        compile_module(new_engine(65_536), module)


def test_what_wasmtime_says_of_a_module_agrees() -> None:
    module = whole_guest()
    theirs = wasmtime.Module(wasmtime.Engine(), module)
    ours = read_interface(module)
    assert [(entry.module, entry.name) for entry in theirs.imports] == [
        (entry.module, entry.name) for entry in ours.imports
    ]
    assert [entry.name for entry in theirs.exports] == list(ours.exports)
