"""The engine's settings, and the features that hostile modules do not get."""

from __future__ import annotations

import pytest
import wasmtime
from tests.support.wat import compiled

from perdure.runtime.wasm import engine
from perdure.runtime.wasm.engine import MAX_STACK_BYTES, MIN_STACK_BYTES, engine_key, new_engine, wasmtime_version
from perdure.runtime.wasm.errors import InvalidWasm
from perdure.runtime.wasm.inspect import compile_module


@pytest.mark.parametrize("stack_bytes", [MIN_STACK_BYTES, 512 * 1024, MAX_STACK_BYTES])
def test_a_stack_within_the_range(stack_bytes: int) -> None:
    assert isinstance(new_engine(stack_bytes), wasmtime.Engine)


@pytest.mark.parametrize("stack_bytes", [-1, 0, MIN_STACK_BYTES - 1, MAX_STACK_BYTES + 1, 2**63])
def test_a_stack_for_which_wasmtime_would_abort_the_process(stack_bytes: int) -> None:
    with pytest.raises(ValueError, match=f"stack_bytes is {stack_bytes}"):
        new_engine(stack_bytes)


def test_machine_code_fits_any_stack_and_any_engine() -> None:
    code = compile_module(new_engine(MIN_STACK_BYTES), compiled('(module (func (export "f")))')).serialize()
    wasmtime.Module.deserialize(new_engine(MAX_STACK_BYTES), code)


def test_the_key_names_what_machine_code_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wasmtime_version() in engine_key()
    assert wasmtime_version().startswith("50.")
    before = engine_key()
    engine_key.cache_clear()
    monkeypatch.setitem(engine.SETTINGS, "wasm_relaxed_simd", False)
    try:
        assert engine_key() != before
    finally:
        engine_key.cache_clear()


@pytest.mark.parametrize(
    "source",
    [
        "(module (memory 1 2 shared))",
        "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))",
        "(module (memory i64 1))",
        "(module (memory 1) (memory 1))",
        "(module (memory 1 (pagesize 1)))",
        "(module (table 1 externref))",
        "(module (type (struct)))",
        "(module (type $f (func)) (func (param (ref $f))))",
        "(module (tag))",
    ],
)
def test_features_that_are_off(source: str) -> None:
    with pytest.raises(InvalidWasm):
        compile_module(new_engine(MIN_STACK_BYTES), compiled(source))


@pytest.mark.parametrize(
    "source",
    [
        "(module (func (result i32 i32) (i32.const 1) (i32.const 2)))",
        "(module (func (drop (i32.extend8_s (i32.const 1)))))",
        "(module (func (drop (i32.trunc_sat_f32_s (f32.const 1)))))",
        "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))))",
        "(module (func (drop (i32x4.splat (i32.const 1)))))",
        "(module (func (drop (i8x16.relaxed_swizzle (v128.const i64x2 1 2) (v128.const i64x2 3 4)))))",
        "(module (table 2 funcref) (func (drop (table.get (i32.const 0)))))",
        "(module (func $f (return_call $f)))",
    ],
)
def test_features_that_compilers_use(source: str) -> None:
    compile_module(new_engine(MIN_STACK_BYTES), compiled(source))
