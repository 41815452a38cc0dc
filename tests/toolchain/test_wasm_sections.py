"""Custom sections of modules and components, also of hostile ones."""

from __future__ import annotations

import pytest
import wasmtime
from hypothesis import example, given
from hypothesis import strategies as st
from wasmtime.component import Component

from perdure.toolchain.errors import NotWebAssembly
from perdure.toolchain.wasm_sections import custom_sections, sections, with_section

MODULE = bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1) (func (export "f") (result i32) i32.const 7))'))
COMPONENT = bytes(wasmtime.wat2wasm('(component (core module (@custom "inner" "in")) (@custom "outer" "out"))'))


@given(st.text(max_size=200), st.binary(max_size=40_000))
def test_what_is_appended_is_read_again(name: str, content: bytes) -> None:
    for wasm in (MODULE, COMPONENT):
        made = with_section(wasm, name, content)
        assert made.startswith(wasm)
        assert custom_sections(made, name)[-1] == content


def test_the_file_stays_what_it_is() -> None:
    engine = wasmtime.Engine()
    wasmtime.Module.validate(engine, with_section(MODULE, "perdure.manifest", b"{}" * 100))
    Component(engine, with_section(COMPONENT, "perdure.manifest", b"{}" * 100))


def test_all_of_a_name_in_order() -> None:
    made = with_section(with_section(with_section(MODULE, "a", b"1"), "b", b"2"), "a", b"3")
    assert custom_sections(made, "a") == (b"1", b"3")
    assert custom_sections(made, "c") == ()


def test_sections_of_modules_within_a_component_are_not_its_own() -> None:
    assert custom_sections(COMPONENT, "inner") == ()
    assert custom_sections(COMPONENT, "outer") == (b"out",)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\0asm",
        b"\0asm\1\0\0",
        b"(module)",
        b"\0asm\1\0\2\0",
        MODULE[:8] + b"\0",
        MODULE[:8] + b"\0\x05",
        MODULE[:8] + b"\0\xff\xff\xff\xff\x0f",
        MODULE[:8] + b"\0\xff\xff\xff\xff\xff\xff\xff",
        MODULE[:8] + b"\0\xff\xff\xff\xff\x1f",
        MODULE[:8] + b"\0\x02\x09x",
    ],
)
def test_damaged_files_are_refused(damaged: bytes) -> None:
    with pytest.raises(NotWebAssembly):
        custom_sections(damaged, "perdure.manifest")


@given(st.binary(max_size=300))
@example(b"\0\0" * 100)
def test_no_bytes_do_harm(rubbish: bytes) -> None:
    try:
        found = list(sections(MODULE[:8] + rubbish))
    except NotWebAssembly:
        return
    assert all(8 < start <= end <= 8 + len(rubbish) for _, start, end in found)
