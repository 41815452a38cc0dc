"""Where in a component an error came from. wasmtime-py tells it of traps only, and a component's are none to it."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import c_void_p
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi


def frames_of(error: wasmtime.WasmtimeError, offsets: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The functions that were running, innermost first: each one's name and its offset in the file.

    ``offsets`` says of modules that were compiled by themselves, by their names, where in the file they begin.
    """
    vector = ffi.wasm_frame_vec_t()
    ffi.wasmtime_error_wasm_trace(error.ptr(), ctypes.byref(vector))
    try:
        return tuple(_frame(vector.data[index], offsets) for index in range(vector.size))
    finally:
        ffi.wasm_frame_vec_delete(ctypes.byref(vector))


def _frame(frame: Any, offsets: Mapping[str, int]) -> tuple[str, int]:
    name = _text(ffi.wasmtime_frame_func_name(frame)) or f"function[{ffi.wasm_frame_func_index(frame)}]"
    module = _text(ffi.wasmtime_frame_module_name(frame)) if offsets else ""
    return name, offsets.get(module, 0) + int(ffi.wasm_frame_module_offset(frame))


def _text(name: Any) -> str:
    return ffi.to_str(name.contents) if ctypes.cast(name, c_void_p).value else ""
