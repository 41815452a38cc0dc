"""The floors: what the disk, LMDB, Pykka, wasmtime and Python give when nothing of perdure stands on them.

No figure can be better than its floor; how near it comes is what the code above the floor costs.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from ctypes import c_char_p, c_size_t, c_void_p
from functools import partial
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import pykka
import wasmtime
from wasmtime import _ffi as ffi

from bench.figure import BenchFailed, Better, Figure, Group
from bench.guests import WORK, compiled, large_source
from bench.sizes import Sizes

_FDATASYNC = Figure("fdatasync", "append 4 KiB, fdatasync", "1/s", Better.MORE)
_COMMIT = Figure("lmdb_commit", "LMDB commit of 1 put, time of one", "ms", Better.LESS)
_SCAN = Figure("lmdb_scan", "LMDB scan, msgspec decode", "events/s", Better.MORE)
_ASK = Figure("pykka_ask", "Pykka ask, round trip", "µs", Better.LESS)
_WRAPPED_CALL = Figure("wrapped_host_call", "wasmtime-py host call, 2 integers", "µs", Better.LESS)
_HOST_CALL = Figure("bare_host_call", "host call by C API and ctypes, 2 integers", "µs", Better.LESS)
_COMPILE = Figure("compile", "wasmtime compile, the module to load", "ms", Better.LESS)
_DESERIALISE = Figure("deserialise", "wasmtime deserialise and instantiate it", "ms", Better.LESS)
_PYTHON = Figure("python_start", "Python starts, imports perdure.runtime, ends", "s", Better.LESS)

_KEY = struct.Struct(">Q").pack
_VALUE = b"v" * 100


def groups(sizes: Sizes) -> Iterator[Group]:
    """Every floor that a figure names, but that of memory, which is measured beside its figure."""
    yield Group((_FDATASYNC,), partial(_fdatasyncs, count=sizes.fdatasyncs))
    for batch, commits in sizes.commits.items():
        noun = "put" if batch == 1 else "puts"
        title = f"LMDB commit of {batch:,} {noun} of 100 bytes"
        figures: tuple[Figure, ...] = (Figure(f"lmdb_{batch}", title, "puts/s", Better.MORE),)
        if batch == 1:
            figures += (_COMMIT,)
        yield Group(figures, partial(_commits, batch=batch, count=commits))
    yield Group((_SCAN,), partial(_scan, count=sizes.rebuild_events))
    yield Group((_ASK,), partial(_asks, count=sizes.asks))
    yield Group((_WRAPPED_CALL, _HOST_CALL), partial(_host_calls, count=sizes.host_calls))
    yield Group((_COMPILE, _DESERIALISE), partial(_module, sizes=sizes))
    sandboxes = Figure(
        "sandboxes", f"{sizes.recovery_jobs} wasmtime engines, stores and instances, one thread", "s", Better.LESS
    )
    yield Group((sandboxes,), partial(_sandboxes, count=sizes.recovery_jobs))
    yield Group((_PYTHON,), _python_start)


def _fdatasyncs(folder: Path, count: int) -> Mapping[str, float]:
    block = b"x" * 4096
    # macOS has no fdatasync; its fsync does not wait for the disk's cache, so its floor is too good to be true.
    sync = getattr(os, "fdatasync", os.fsync)
    descriptor = os.open(folder / "file", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        start = time.perf_counter()
        for _ in range(count):
            os.write(descriptor, block)
            sync(descriptor)
        return {_FDATASYNC.key: count / (time.perf_counter() - start)}
    finally:
        os.close(descriptor)


def _commits(folder: Path, batch: int, count: int) -> Mapping[str, float]:
    environment = lmdb.open(str(folder), map_size=1 << 30)
    try:
        start = time.perf_counter()
        for commit in range(count):
            first = commit * batch
            with environment.begin(write=True) as transaction:
                puts = [(_KEY(first + number), _VALUE) for number in range(batch)]
                transaction.cursor().putmulti(puts, append=True)
        seconds = time.perf_counter() - start
    finally:
        environment.close()
    return {f"lmdb_{batch}": batch * count / seconds, _COMMIT.key: seconds / count * 1e3}


class _Event(msgspec.Struct, array_like=True, tag="event"):
    number: int
    fuel: int
    progress: float
    message: str


def _scan(folder: Path, count: int) -> Mapping[str, float]:
    environment = lmdb.open(str(folder), map_size=1 << 30)
    decode = msgspec.msgpack.Decoder(_Event).decode
    value = msgspec.msgpack.encode(_Event(1, 100, 0.5, "indexing file number"))
    try:
        with environment.begin(write=True) as transaction:
            transaction.cursor().putmulti([(_KEY(number), value) for number in range(count)], append=True)
        start = time.perf_counter()
        with environment.begin() as transaction:
            seen = sum(decode(data).number for data in transaction.cursor().iternext(keys=False))
        seconds = time.perf_counter() - start
    finally:
        environment.close()
    if seen != count:
        raise BenchFailed(f"{seen} of {count} values")
    return {_SCAN.key: count / seconds}


class _Echo(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


class _Asker(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        echo, count = message
        start = time.perf_counter()
        for number in range(count):
            echo.ask(number)
        return (time.perf_counter() - start) / count * 1e6


def _asks(folder: Path, count: int) -> Mapping[str, float]:
    echo, asker = _Echo.start(), _Asker.start()
    try:
        return {_ASK.key: float(asker.ask((echo, count), block=True))}
    finally:
        asker.stop()
        echo.stop()


_LOOP = """(module
  (import "host" "call" (func $call (param i32 i32)))
  (func (export "loop") (param $n i32)
    (loop $again
      (call $call (i32.const 256) (i32.const 100))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))))"""


def _host_calls(folder: Path, count: int) -> Mapping[str, float]:
    return {
        _WRAPPED_CALL.key: _host_call_us(_define_wrapped, count),
        _HOST_CALL.key: bare_host_call_us(count),
    }


def bare_host_call_us(count: int) -> float:
    """What a host call costs at least, in microseconds: through the C API, with nothing behind it."""
    return _host_call_us(_define_bare, count)


def _host_call_us(define: Callable[[wasmtime.Linker, wasmtime.FuncType, Iterator[int]], object], count: int) -> float:
    engine = wasmtime.Engine()
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    calls = itertools.count()
    kept = define(linker, wasmtime.FuncType([wasmtime.ValType.i32(), wasmtime.ValType.i32()], []), calls)
    loop = linker.instantiate(store, wasmtime.Module(engine, compiled(_LOOP))).exports(store)["loop"]
    if not isinstance(loop, wasmtime.Func):
        raise BenchFailed("the module exports no loop")
    start = time.perf_counter()
    loop(store, count)
    seconds = time.perf_counter() - start
    del kept  # C called it until here
    if next(calls) != count:
        raise BenchFailed(f"not {count} calls")
    return seconds / count * 1e6


def _define_wrapped(linker: wasmtime.Linker, kind: wasmtime.FuncType, calls: Iterator[int]) -> object:
    def call(pointer: int, length: int) -> None:
        next(calls)

    linker.define_func("host", "call", kind, call)
    return call


def _define_bare(linker: wasmtime.Linker, kind: wasmtime.FuncType, calls: Iterator[int]) -> object:
    def call(env: int | None, caller: int, values: int, number: int) -> int:
        next(calls)
        return 0

    callback = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_void_p, c_size_t)(call)
    define = ffi.dll["wasmtime_linker_define_func_unchecked"]
    define.restype = c_void_p
    define.argtypes = [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p, c_void_p, c_void_p, c_void_p]
    address = ctypes.cast(callback, c_void_p)
    if define(linker.ptr(), b"host", 4, b"call", 4, kind.ptr(), address, None, None):
        raise BenchFailed("the linker took no function")
    return callback


def bare_instance(code: Path) -> tuple[wasmtime.Store, wasmtime.Instance]:
    """An instance of compiled code in an engine and a store of its own, its imports doing nothing."""
    engine = wasmtime.Engine()
    module = wasmtime.Module.deserialize_file(engine, str(code))
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    for entry in module.imports:
        if entry.name is None or not isinstance(entry.type, wasmtime.FuncType):
            raise BenchFailed("the module imports something that is no function")
        answer = 0 if entry.type.results else None
        linker.define_func(entry.module, entry.name, entry.type, lambda *_, answer=answer: answer)
    return store, linker.instantiate(store, module)


def _module(folder: Path, sizes: Sizes) -> Mapping[str, float]:
    wasm = compiled(large_source(sizes.module_functions))
    start = time.perf_counter()
    module = wasmtime.Module(wasmtime.Engine(), wasm)
    compile_seconds = time.perf_counter() - start
    code = folder / "module.cwasm"
    code.write_bytes(module.serialize())
    bare_instance(code)
    start = time.perf_counter()
    for _ in range(sizes.loads):
        bare_instance(code)
    seconds = (time.perf_counter() - start) / sizes.loads
    return {_COMPILE.key: compile_seconds * 1e3, _DESERIALISE.key: seconds * 1e3}


def _sandboxes(folder: Path, count: int) -> Mapping[str, float]:
    code = folder / "module.cwasm"
    code.write_bytes(wasmtime.Module(wasmtime.Engine(), compiled(WORK)).serialize())
    start = time.perf_counter()
    kept = [bare_instance(code) for _ in range(count)]
    seconds = time.perf_counter() - start
    if len(kept) != count:
        raise BenchFailed(f"{len(kept)} of {count} instances")
    return {"sandboxes": seconds}


def _python_start(folder: Path) -> Mapping[str, float]:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import perdure.runtime"], check=True)
    return {_PYTHON.key: time.perf_counter() - start}
