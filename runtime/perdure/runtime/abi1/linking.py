"""How the imports get into wasmtime: the one file that knows by which kind of callback.

Straight on the C API. wasmtime-py's own callbacks ask C once for the caller and some ten times to make an i32 result,
and each of these calls gives up the GIL: with many jobs, each was a hand-over to another thread. Measured on a machine
with two processors: a call with 100 bytes read 5.1 µs with them and 2.2 µs here; checkpoints of 100 jobs 5,300/s and
14,000/s.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterable
from typing import Final

import wasmtime

from perdure.runtime.abi1.host_functions import HostFunctions
from perdure.runtime.abi1.interface import HOST_IMPORTS, IMPORT_MODULE
from perdure.runtime.wasm import c_api
from perdure.runtime.wasm.inspect import Signature

# A value is a union of 16 bytes, little-endian on every machine (wasmtime_val_raw in wasmtime/val.h).
_VALUE: Final = {"i32": "i12x", "i64": "q8x", "f32": "f12x"}


class _Answer(ctypes.LittleEndianStructure):
    """An i32, the only type that an import of this ABI answers with."""

    _fields_ = (("i32", ctypes.c_int32),)


def imports_of(functions: HostFunctions, names: Iterable[str]) -> Callable[[wasmtime.Linker], object]:
    """What puts the named imports, served by ``functions``, into a linker. Each costs time, so only what is needed.

    C does not hold what it returns: that has to be kept for as long as the guest may run.
    """

    def define(linker: wasmtime.Linker, name: str) -> object:
        signature = HOST_IMPORTS[name].signature
        function = _raw(signature, functions.guarded(name))
        return c_api.define_function(linker, IMPORT_MODULE, name, _type(signature), function)

    return lambda linker: [define(linker, name) for name in names]


def _raw(signature: Signature, call: Callable[..., int | None]) -> c_api.RawFunction:
    """The function that C calls. ``call`` never raises, and nothing else here can."""
    values = struct.Struct("<" + "".join(_VALUE[kind] for kind in signature.parameters))
    unpack, size, copy, answer = values.unpack, values.size, ctypes.string_at, _Answer.from_address

    def take(env: int | None, caller: int, raw: int, count: int) -> int:
        call(*unpack(copy(raw, size)))
        return 0

    def take_and_answer(env: int | None, caller: int, raw: int, count: int) -> int:
        # The answer stands where the first argument stood.
        answer(raw).i32 = call(*unpack(copy(raw, size)))
        return 0

    return take_and_answer if signature.results else take


def _type(signature: Signature) -> wasmtime.FuncType:
    # A new one each time: a type belongs to the engine that first sees it, and another one aborts the process.
    value_types = {"i32": wasmtime.ValType.i32, "i64": wasmtime.ValType.i64, "f32": wasmtime.ValType.f32}
    return wasmtime.FuncType(
        [value_types[name]() for name in signature.parameters], [value_types[name]() for name in signature.results]
    )
