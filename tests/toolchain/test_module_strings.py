"""Names of operations in the data of a module, as compilers lay it out."""

from __future__ import annotations

import contextlib

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from perdure.toolchain.errors import NotWebAssembly
from perdure.toolchain.module_strings import measured_names, terminated_names

CALL = '(import "spacedrive" "spacedrive_call" (func $call (param i32 i32 i32 i32 i32) (result i32)))'


def module(data: str, *code: str, at: int = 1024, more: str = "") -> bytes:
    body = "".join(f"(drop ({part}))" if part.startswith("call") else part for part in code)
    text = f'(module {CALL} (memory (export "memory") 1) (data (i32.const {at}) "{data}") {more} (func {body}))'
    return bytes(wasmtime.wat2wasm(text))


def call(address: int, length: int) -> str:
    nothing = " ".join(["(i32.const 0)"] * 3)
    return f"call $call (i32.const {address}) (i32.const {length}) {nothing}"


def test_texts_that_end_with_a_nul() -> None:
    wasm = module(r"query:vdfs.read_sidecar\00no\00action:vdfs.write_sidecar\00query:\00action:x y\00")
    assert terminated_names(wasm) == {"query:vdfs.read_sidecar", "action:vdfs.write_sidecar"}


def test_a_json_text_is_no_call() -> None:
    data = r"{\"methods\":[\"query:ai.ocr\",\"action:vdfs.\"]}\00query:config.get\00"
    assert terminated_names(module(data)) == measured_names(module(data)) == {"query:config.get"}


def test_texts_side_by_side_are_measured_by_who_refers_to_them() -> None:
    data = "query:custom.onequery:custom.twoaction:vdfs.write_sidecarlibrary/alloc"
    wasm = module(data, call(1024, 16), call(1040, 16), call(1056, 25))
    assert measured_names(wasm) == {"query:custom.one", "query:custom.two", "action:vdfs.write_sidecar"}


def test_a_table_of_texts() -> None:
    table = r"\00\04\00\00\12\00\00\00"  # 1024, 18
    wasm = module("action:array.firstlibrary", more=f'(data (i32.const 2048) "{table}")')
    assert measured_names(wasm) == {"action:array.first"}


def test_an_address_and_a_length_that_are_stored_at_once() -> None:
    wasm = module("action:array.firstlibrary", f"(i64.store (i32.const 8) (i64.const {18 << 32 | 1024}))")
    assert measured_names(wasm) == {"action:array.first"}


def test_a_length_that_is_stored_before_its_address() -> None:
    stores = "(i32.store offset=4 (i32.const 0) (i32.const 18)) (i32.store (i32.const 0) (i32.const 1024))"
    assert measured_names(module("action:array.firstlibrary", stores)) == {"action:array.first"}


def test_the_sources_decide_where_the_code_does_not() -> None:
    wasm = module("action:array.secondlibrary", "(i32.store (memory.size) (i32.const 1024))")
    assert measured_names(wasm, ["action:array.second", "action:array.s"]) == {"action:array.second"}
    assert measured_names(wasm, ["query:other"]) == {"action:array.secondlibrary"}  # all that there is to go by


def test_a_name_that_is_put_together_is_not_one() -> None:
    wasm = module("query:credentials.get", call(1024, 6))
    assert measured_names(wasm, ["query:credentials.get"]) == frozenset()


def test_a_module_without_data() -> None:
    wasm = bytes(wasmtime.wat2wasm("(module)"))
    assert terminated_names(wasm) == measured_names(wasm) == frozenset()


def test_passive_data() -> None:
    wasm = bytes(wasmtime.wat2wasm(r'(module (memory 1) (data "query:config.get\00"))'))
    assert terminated_names(wasm) == measured_names(wasm) == {"query:config.get"}


@pytest.mark.parametrize("address", [-1, -(2**31)])
def test_addresses_beyond_two_gibibytes(address: int) -> None:
    wasm = module("query:config.get", at=address)
    assert measured_names(wasm) == {"query:config.get"}


def test_damage_is_named() -> None:
    with pytest.raises(NotWebAssembly):
        measured_names(b"rubbish")


@given(st.binary(max_size=400))
def test_no_bytes_do_harm(rubbish: bytes) -> None:
    for section in (10, 11):
        wasm = b"\0asm\1\0\0\0" + bytes((section, 0x80 | len(rubbish) & 0x7F, len(rubbish) >> 7)) + rubbish
        for read in (terminated_names, measured_names):
            with contextlib.suppress(NotWebAssembly):
                read(wasm)
