"""Machine code without a file."""

from __future__ import annotations

import os

import pytest
import wasmtime
from tests.support.wat import compiled

from perdure.runtime.wasm.code import compile_code, read_file
from perdure.runtime.wasm.engine import new_engine
from perdure.runtime.wasm.kept_code import KeptCode

MODULE = compiled('(module (func (export "f") (result i32) (i32.const 42)))')


@pytest.mark.parametrize("has_files", [True, False])
def test_it_can_be_loaded_again_and_again(has_files: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_files:
        monkeypatch.delattr(os, "memfd_create")
    engine = new_engine(64 * 1024)
    kept = KeptCode(bytes(compile_code(engine, MODULE).serialize()))
    interface = read_file(MODULE)
    for _ in range(2):
        assert isinstance(kept.load(new_engine(64 * 1024), interface), wasmtime.Module)
    loaded = kept.load(engine, interface)
    kept.close()
    kept.close()
    assert isinstance(loaded, wasmtime.Module)
    store = wasmtime.Store(engine)
    store.set_fuel(100)
    store.set_epoch_deadline(1)
    function = wasmtime.Instance(store, loaded, []).exports(store)["f"]
    assert isinstance(function, wasmtime.Func)
    assert function(store) == 42
