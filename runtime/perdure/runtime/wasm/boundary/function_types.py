"""Types of host functions, as wasmtime-py has them."""

from __future__ import annotations

import wasmtime

from perdure.runtime.wasm.inspect import Signature


def function_type(signature: Signature) -> wasmtime.FuncType:
    """A new type. It belongs to the engine that first sees it: to use it in another one aborts the process."""
    value_types = {"i32": wasmtime.ValType.i32, "i64": wasmtime.ValType.i64, "f32": wasmtime.ValType.f32}
    return wasmtime.FuncType(
        [value_types[name]() for name in signature.parameters], [value_types[name]() for name in signature.results]
    )
