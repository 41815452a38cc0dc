"""The smallest host of ABI 1: wasmtime as it is, lists instead of a log. For examples, so that they are tested apart
from the runtime, against the contract as its text reads.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import wasmtime
from wasmtime import ValType

I32, I64, F32 = ValType.i32(), ValType.i64(), ValType.f32()


class PlainHost:
    """One instance of one module, which ran ``plugin_init``; the lists hold what it called since then."""

    def __init__(self, module: Path, *, job_id: UUID, memory_bytes: int = 16 * 1024 * 1024) -> None:
        self.job_id = job_id
        self.logs: list[tuple[int, str]] = []
        self.progress: list[tuple[float, str]] = []
        self.checkpoints: list[Any] = []
        self.warnings: list[str] = []
        self.items = self.bytes = self.asked = self.calls = 0
        self.registered: list[tuple[str, str, bool]] = []
        self.answer_interrupt: Callable[[int], int] = lambda asked: 0
        self.answer_checkpoint: Callable[[int], int] = lambda saved: 0
        self.answer_call: Callable[[int], bytes] = lambda number: b"{}"

        config = wasmtime.Config()
        config.consume_fuel = True
        config.epoch_interruption = True
        engine = wasmtime.Engine(config)
        self.store = wasmtime.Store(engine)
        self.store.set_limits(memory_size=memory_bytes)
        self.store.set_fuel(1 << 62)
        self.store.set_epoch_deadline(1)
        linker = wasmtime.Linker(engine)
        self._define(linker)
        self._instance = linker.instantiate(self.store, wasmtime.Module.from_file(engine, str(module)))
        self.initialised = self.call("plugin_init")

    def _define(self, linker: wasmtime.Linker) -> None:
        def define(name: str, parameters: list[ValType], results: list[ValType], function: Callable[..., Any]) -> None:
            linker.define_func("spacedrive", name, wasmtime.FuncType(parameters, results), function)

        define("spacedrive_log", [I32] * 3, [], lambda level, p, n: self.logs.append((level, self.text(p, n))))
        define("register_job", [I32] * 5, [I32], self._register)
        define("job_report_progress", [I32, F32, I32, I32], [], self._progress)
        define("job_checkpoint", [I32] * 3, [I32], self._checkpoint)
        define("job_check_interrupt", [I32], [I32], self._interrupt)
        define("job_add_warning", [I32] * 3, [], self._warning)
        define("spacedrive_call", [I32] * 5, [I32], self._call)
        define("job_increment_items", [I32, I64], [], self._items)
        define("job_increment_bytes", [I32, I64], [], self._bytes)

    # --- the guest's memory and functions ----------------------------------------------------------------------------

    @property
    def memory(self) -> wasmtime.Memory:
        """The memory that the module exports."""
        memory = self._instance.exports(self.store)["memory"]
        assert isinstance(memory, wasmtime.Memory)
        return memory

    def call(self, name: str, *arguments: int) -> Any:
        """Call an export."""
        function = self._instance.exports(self.store)[name]
        assert isinstance(function, wasmtime.Func)
        return function(self.store, *arguments)

    def alloc(self, size: int) -> int:
        """``wasm_alloc``: the address, without sign."""
        return int(self.call("wasm_alloc", ctypes.c_int32(size).value)) & 0xFFFFFFFF

    def read(self, pointer: int, length: int) -> bytes:
        """Bytes of the guest's memory."""
        return bytes(self.memory.read(self.store, pointer, pointer + length))

    def text(self, pointer: int, length: int) -> str:
        """UTF-8 of the guest's memory."""
        return self.read(pointer, length).decode()

    def put(self, data: bytes) -> tuple[int, int]:
        """Write bytes into memory got from the guest; 0, 0 for none."""
        if not data:
            return 0, 0
        pointer = self.alloc(len(data))
        assert pointer, "wasm_alloc returned 0"
        self.memory.write(self.store, data, pointer)
        return pointer, len(data)

    def run(self, export: str, state: Any = b"", *, context: bytes | None = None) -> int:
        """Run a job; the state is bytes, or anything that becomes JSON."""
        if context is None:
            context = json.dumps({"job_id": str(self.job_id), "library_id": str(UUID(int=7))}).encode()
        context_at = self.put(context)
        state_at = self.put(state if isinstance(state, bytes) else json.dumps(state).encode())
        try:
            return int(self.call(export, *context_at, *state_at))
        finally:
            for pointer, length in (context_at, state_at):
                self.call("wasm_free", pointer, length)

    # --- the imports -------------------------------------------------------------------------------------------------

    def _check_job(self, job_id: int) -> None:
        assert self.read(job_id, 16) == self.job_id.bytes, "the guest passed another job's id"

    def _register(self, name: int, name_len: int, export: int, export_len: int, resumable: int) -> int:
        self.registered.append((self.text(name, name_len), self.text(export, export_len), bool(resumable)))
        return 0

    def _progress(self, job_id: int, progress: float, message: int, length: int) -> None:
        self._check_job(job_id)
        self.progress.append((progress, self.text(message, length)))

    def _checkpoint(self, job_id: int, state: int, length: int) -> int:
        self._check_job(job_id)
        self.checkpoints.append(json.loads(self.read(state, length)))
        return self.answer_checkpoint(len(self.checkpoints))

    def _interrupt(self, job_id: int) -> int:
        self._check_job(job_id)
        self.asked += 1
        return self.answer_interrupt(self.asked)

    def _warning(self, job_id: int, message: int, length: int) -> None:
        self._check_job(job_id)
        self.warnings.append(self.text(message, length))

    def _call(self, method: int, method_len: int, library: int, payload: int, payload_len: int) -> int:
        self.calls += 1
        json.loads(self.text(payload, payload_len))
        answer = self.answer_call(self.calls) + b"\0"
        pointer = self.alloc(len(answer))
        if pointer:
            self.memory.write(self.store, answer, pointer)
        return ctypes.c_int32(pointer).value

    def _items(self, job_id: int, count: int) -> None:
        self._check_job(job_id)
        self.items += count

    def _bytes(self, job_id: int, count: int) -> None:
        self._check_job(job_id)
        self.bytes += count
