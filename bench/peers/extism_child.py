"""Extism takes its turn: ``python3 -m bench.peers.extism_child``, started by `bench.peers.turn`.

Its guest fills a block of 100 bytes once and hands it over again and again, as perdure's does; the host reads it each
time. What is loaded is the module that perdure loads: constructed with Extism's cache on, and ``plugin_init`` called.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any, Final

import extism
from extism import Plugin, ValType

from bench.guests import compiled, large_source
from bench.peers.counts import Counts
from bench.peers.rows import Subject
from bench.peers.turn import TurnFailed, take_turn

_BYTES: Final = 100
_ENV: Final = '"extism:host/env"'
_CALLS: Final = f"""(module
  (import {_ENV} "input_load_u64" (func $input (param i64) (result i64)))
  (import {_ENV} "alloc" (func $alloc (param i64) (result i64)))
  (import {_ENV} "store_u8" (func $store (param i64 i32)))
  (import "bench" "warn" (func $warn (param i64)))
  (memory (export "memory") 1)
  (func (export "warnings") (result i32) (local $left i64) (local $block i64) (local $at i64)
    (local.set $left (call $input (i64.const 0)))
    (local.set $block (call $alloc (i64.const {_BYTES})))
    (loop $fill
      (call $store (i64.add (local.get $block) (local.get $at)) (i32.const 109))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br_if $fill (i64.lt_u (local.get $at) (i64.const {_BYTES}))))
    (block $done (loop $again
      (br_if $done (i64.eqz (local.get $left)))
      (call $warn (local.get $block))
      (local.set $left (i64.sub (local.get $left) (i64.const 1)))
      (br $again)))
    (i32.const 0)))"""


class _Host:
    def __init__(self) -> None:
        self.calls = 0

    def warn(self, plugin: Any, inputs: Any, outputs: Any, *data: Any) -> None:
        # As text, as a warning is.
        if len(plugin.input_string(inputs[0])) != _BYTES:
            raise TurnFailed("the host did not get what the guest sent")
        self.calls += 1


def _host_call(count: int) -> float:
    """Microseconds of a call, what a run costs beside its calls taken away."""
    host = _Host()
    function = extism.host_fn(name="warn", namespace="bench", signature=([ValType.I64], []))(host.warn)
    plugin = Plugin(compiled(_CALLS), functions=[function])

    def run(calls: int) -> float:
        began = time.perf_counter()
        plugin.call("warnings", calls.to_bytes(8, "little"))
        return time.perf_counter() - began

    run(0)
    empty = run(0)
    seconds = run(count) - empty
    if host.calls != count:
        raise TurnFailed(f"{host.calls} of {count} calls were made")
    return seconds / count * 1e6


def _register_job(plugin: Any, inputs: Any, outputs: Any, *data: Any) -> None:
    outputs[0].value = 0


def _load(functions: int, loads: int) -> float:
    """Milliseconds."""
    module = compiled(large_source(functions))
    signature = ([ValType.I32] * 5, [ValType.I32])
    register = extism.host_fn(name="register_job", namespace="spacedrive", signature=signature)(_register_job)
    times = []
    for _ in range(loads + 1):
        began = time.perf_counter()
        plugin = Plugin(module, functions=[register])
        plugin.call("plugin_init", b"")
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:]) * 1e3  # the first one compiled it


def _sandbox(folder: Path, counts: Counts, words: dict[str, Any]) -> dict[str, float]:
    settings = folder / "cache.toml"
    settings.write_text(f'[cache]\ndirectory = "{folder / "cache"}"\n')
    os.environ["EXTISM_CACHE_CONFIG"] = str(settings)  # read when a module is compiled
    loaded = _load(counts.module_functions, counts.loads)
    if not any((folder / "cache").rglob("*")):
        raise TurnFailed("its cache was not used")
    return {"host_call": _host_call(counts.host_calls), "load": loaded, "load_unlogged": loaded}


if __name__ == "__main__":
    take_turn({Subject.SANDBOX: _sandbox})
