"""The functions of wasmtime's C API that perdure calls straight, past wasmtime-py's wrappers. Two reasons:

- Correctness: the wrappers raise whatever exception stands in a process-global variable (``LAST_EXCEPTION``) when any
  guest traps, so that a guest could fail with the error of another thread, or of the embedder's own wasmtime code.
- Cost, measured on wasmtime 50: a call of an export 16 µs through the wrapper and 1.4 µs here; the fuel 1.1 µs and
  0.25 µs; a host function's call 5 µs and 2 µs.

Addresses are plain integers here. Whoever passes one keeps the object behind it alive.

Importing this fails with an `AttributeError` where wasmtime has not all of these functions; only what is of the ``raw``
boundary may import it (`perdure.runtime.wasm.boundary`).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from ctypes import c_bool, c_char, c_char_p, c_size_t, c_uint8, c_uint64, c_void_p
from typing import Any, Final

import wasmtime
from wasmtime import _ffi as ffi

from perdure.runtime.wasm.inspect import Signature

# The same library once more: these calls keep the GIL. For functions that take nanoseconds and call nobody back: to
# give it up around one is to hand it to another job's thread, and to wait for it.
_holding_gil = ctypes.PyDLL(ffi.dll._name, handle=ffi.dll._handle)


def _function(name: str, result: Any, *arguments: Any, library: ctypes.CDLL = ffi.dll) -> Any:
    # By index, not by attribute: a function object of our own, so that wasmtime-py's prototypes stay as they are.
    function = library[name]
    function.restype = result
    function.argtypes = arguments
    return function


def holding_gil(name: str, result: Any, *arguments: Any) -> Any:
    """A function of the C API that keeps the GIL while it runs; for what takes nanoseconds and calls nobody back."""
    return _function(name, result, *arguments, library=_holding_gil)


get_fuel = holding_gil("wasmtime_context_get_fuel", c_void_p, c_void_p, c_void_p)
set_fuel = holding_gil("wasmtime_context_set_fuel", c_void_p, c_void_p, c_uint64)
memory_data = holding_gil("wasmtime_memory_data", c_void_p, c_void_p, c_void_p)
memory_data_size = holding_gil("wasmtime_memory_data_size", c_size_t, c_void_p, c_void_p)
instance_export_get = _function(
    "wasmtime_instance_export_get", c_bool, c_void_p, c_void_p, c_char_p, c_size_t, c_void_p
)
linker_instantiate = _function(
    "wasmtime_linker_instantiate", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p
)
func_call = _function(
    "wasmtime_func_call", c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p
)
_valtype_new = holding_gil("wasm_valtype_new", c_void_p, c_uint8)
_valtype_vec_new = holding_gil("wasm_valtype_vec_new", None, c_void_p, c_size_t, c_void_p)
_functype_new = holding_gil("wasm_functype_new", c_void_p, c_void_p, c_void_p)
_functype_delete = holding_gil("wasm_functype_delete", None, c_void_p)
_linker_define = holding_gil(
    "wasmtime_linker_define_func_unchecked",
    c_void_p,
    *(c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p, c_void_p, c_void_p, c_void_p),
)

component_instantiate = _function(
    "wasmtime_component_linker_instantiate", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p
)
component_call = _function(
    "wasmtime_component_func_call", c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t
)
_component_add = _function(
    "wasmtime_component_linker_instance_add_func",
    c_void_p,
    *(c_void_p, c_char_p, c_size_t, c_void_p, c_void_p, c_void_p),
)
_error_new = holding_gil("wasmtime_error_new", c_size_t, c_char_p)
_trap_new = holding_gil("wasmtime_trap_new_code", c_size_t, c_uint8)

_KINDS: Final = {"i32": 0, "i64": 1, "f32": 2, "f64": 3}  # wasm_valkind_enum of wasm.h

# All that this process can address. A slice of it is a copy of what stands there: 50 to 90 ns, ctypes.string_at takes
# 300. It checks as little; what a guest names is read through an array of its memory's size instead.
PROCESS_MEMORY: Final[Any] = (c_char * sys.maxsize).from_address(0)

# (env, caller, values, number of values) -> trap. The values are the arguments, and then the results, 16 bytes each;
# the trap is 0 for none. It must not raise.
RawFunction = Callable[[int | None, int, int, int], int]
_CALLBACK = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_void_p, c_size_t)


def define_function(linker: int, module: str, name: str, kind: Signature, function: RawFunction) -> object:
    """Put an import into a linker, given by its address. The result has to be kept as long as it may be called.

    Raises:
        wasmtime.WasmtimeError: the linker has such an import already.
    """
    callback = _CALLBACK(function)
    import_module, import_name = module.encode(), name.encode()
    parameters, results = _types(kind.parameters), _types(kind.results)
    # A new one each time: a type belongs to the engine that first sees it, and another one aborts the process.
    functype = _functype_new(ctypes.addressof(parameters), ctypes.addressof(results))  # takes what they hold
    try:
        error = _linker_define(
            linker,
            import_module,
            len(import_module),
            import_name,
            len(import_name),
            functype,
            ctypes.cast(callback, c_void_p),
            None,
            None,
        )
    finally:
        _functype_delete(functype)
    raise_failure(error)
    return callback


def _types(names: Sequence[str]) -> ffi.wasm_valtype_vec_t:
    types = (c_void_p * len(names))(*[_valtype_new(_KINDS[name]) for name in names])
    vector = ffi.wasm_valtype_vec_t()
    _valtype_vec_new(ctypes.addressof(vector), len(names), ctypes.addressof(types))
    return vector


# (env, store, type, arguments, number of arguments, results, number of results) -> error. The values are those of
# `perdure.runtime.wasm.component_values`; the error is 0 for none. It must not raise.
# An address without values behind it may be None.
ComponentFunction = Callable[[int | None, int, int, int, int, int, int], int]
_COMPONENT_CALLBACK = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t)


def define_component_function(instance: int, name: str, function: ComponentFunction) -> object:
    """Put a function into an instance of a component linker, given by its address. The result has to be kept.

    Raises:
        wasmtime.WasmtimeError: there is such a function already.
    """
    callback = _COMPONENT_CALLBACK(function)
    encoded = name.encode()
    error = _component_add(instance, encoded, len(encoded), ctypes.cast(callback, c_void_p), None, None)
    raise_failure(error)
    return callback


def stopping_error() -> int:
    """An error for a `ComponentFunction` to return: the guest traps. Whoever gets it owns it."""
    return int(_error_new(b"the guest was stopped"))


def stopping_trap() -> int:
    """A trap for a `RawFunction` to return: the guest ends there, as if out of fuel. Whoever gets it owns it."""
    return int(_trap_new(wasmtime.TrapCode.OUT_OF_FUEL.value))


def address(pointer: Any) -> int:
    """The address that a ctypes pointer holds."""
    return ctypes.cast(pointer, c_void_p).value or 0


def raise_failure(error: int | None, trap: c_void_p | None = None) -> None:
    """Raise what a C function reported, if anything, and take ownership of it.

    Raises:
        wasmtime.WasmtimeError: ``error`` is set.
        wasmtime.Trap: ``trap`` is set.
    """
    if error:
        raise wasmtime.WasmtimeError._from_ptr(ctypes.cast(error, ctypes.POINTER(ffi.wasmtime_error_t)))
    if trap is not None and trap.value:
        raise wasmtime.Trap._from_ptr(ctypes.cast(trap, ctypes.POINTER(ffi.wasm_trap_t)))
