"""The functions of wasmtime's C API that perdure calls straight, past wasmtime-py's wrappers. Two reasons:

- Correctness: the wrappers raise whatever exception stands in a process-global variable (``LAST_EXCEPTION``) when any
  guest traps, so that a guest could fail with the error of another thread, or of the embedder's own wasmtime code.
- Cost, measured on wasmtime 50: a call of an export 16 µs through the wrapper and 1.4 µs here; the fuel 1.1 µs and
  0.25 µs; a host function's call 5 µs and 2 µs.

Addresses are plain integers here. Whoever passes one keeps the object behind it alive.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_bool, c_char_p, c_size_t, c_uint64, c_void_p
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi

# The same library once more: these calls keep the GIL. For functions that take nanoseconds and call nobody back: to
# give it up around one is to hand it to another job's thread, and to wait for it.
_holding_gil = ctypes.PyDLL(ffi.dll._name, handle=ffi.dll._handle)


def _function(name: str, result: Any, *arguments: Any, library: ctypes.CDLL = ffi.dll) -> Any:
    # By index, not by attribute: a function object of our own, so that wasmtime-py's prototypes stay as they are.
    function = library[name]
    function.restype = result
    function.argtypes = arguments
    return function


get_fuel = _function("wasmtime_context_get_fuel", c_void_p, c_void_p, c_void_p, library=_holding_gil)
set_fuel = _function("wasmtime_context_set_fuel", c_void_p, c_void_p, c_uint64, library=_holding_gil)
memory_data = _function("wasmtime_memory_data", c_void_p, c_void_p, c_void_p, library=_holding_gil)
memory_data_size = _function("wasmtime_memory_data_size", c_size_t, c_void_p, c_void_p, library=_holding_gil)
instance_export_get = _function(
    "wasmtime_instance_export_get", c_bool, c_void_p, c_void_p, c_char_p, c_size_t, c_void_p
)
linker_instantiate = _function(
    "wasmtime_linker_instantiate", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p
)
func_call = _function(
    "wasmtime_func_call", c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p
)
_linker_define = _function(
    "wasmtime_linker_define_func_unchecked",
    c_void_p,
    *(c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p, c_void_p, c_void_p, c_void_p),
)

# (env, caller, values, number of values) -> trap. The values are the arguments, and then the results, 16 bytes each;
# the trap is 0 for none. It must not raise.
RawFunction = Callable[[int | None, int, int, int], int]
_CALLBACK = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_void_p, c_size_t)


def define_function(
    linker: wasmtime.Linker, module: str, name: str, kind: wasmtime.FuncType, function: RawFunction
) -> object:
    """Put an import into a linker. The result has to be kept for as long as the import may be called.

    Raises:
        wasmtime.WasmtimeError: the linker has such an import already.
    """
    callback = _CALLBACK(function)
    import_module, import_name = module.encode(), name.encode()
    error = _linker_define(
        address(linker.ptr()),
        import_module,
        len(import_module),
        import_name,
        len(import_name),
        address(kind.ptr()),
        ctypes.cast(callback, c_void_p),
        None,
        None,
    )
    raise_failure(error, c_void_p())
    return callback


def address(pointer: Any) -> int:
    """The address that a ctypes pointer holds."""
    return ctypes.cast(pointer, c_void_p).value or 0


def raise_failure(error: int | None, trap: c_void_p) -> None:
    """Raise what a C function reported, if anything, and take ownership of it.

    Raises:
        wasmtime.WasmtimeError: ``error`` is set.
        wasmtime.Trap: ``trap`` is set.
    """
    if error:
        raise wasmtime.WasmtimeError._from_ptr(ctypes.cast(error, ctypes.POINTER(ffi.wasmtime_error_t)))
    if trap.value:
        raise wasmtime.Trap._from_ptr(ctypes.cast(trap, ctypes.POINTER(ffi.wasm_trap_t)))
