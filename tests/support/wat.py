"""A small builder of ABI 1 guests in WAT.

    wat = Wat()
    wat.job("count", wat.call("job_increment_items", wat.job_id, i64(3)) + RETURN_COMPLETED)
    module = wat.module()

Text goes to memory from 1,024, the heap of its bump allocator begins at 32,768. Every function is named, so that
backtraces can be read.
"""

from __future__ import annotations

from uuid import UUID

import wasmtime

from perdure.runtime.abi1.interface import HOST_IMPORTS

JOB_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
LIBRARY_ID = UUID("6ba7b810-9dad-41d1-80b4-00c04fd430c8")
RETURN_COMPLETED = "(i32.const 0)"
RETURN_INTERRUPTED = "(i32.const 1)"
RETURN_FAILED = "(i32.const 2)"
DATA_START = 1_024
HEAP_START = 32_768
PAGE = 65_536

BUMP_ALLOCATOR = """
  (func $wasm_alloc (export "wasm_alloc") (param $size i32) (result i32) (local $ptr i32) (local $end i32)
    (local.set $ptr (global.get $heap))
    (local.set $end (i32.add (local.get $ptr) (i32.and (i32.add (local.get $size) (i32.const 7)) (i32.const -8))))
    (if (i32.gt_u (local.get $end) (i32.mul (memory.size) (i32.const 65536))) (then
      (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.div_u
            (i32.sub (local.get $end) (i32.mul (memory.size) (i32.const 65536))) (i32.const 65536)))))
        (then (return (i32.const 0))))))
    (global.set $heap (local.get $end))
    (local.get $ptr))
"""
FREE_NOTHING = """
  (func $wasm_free (export "wasm_free") (param i32 i32))
"""


def compiled(text: str) -> bytes:
    """A module from WAT."""
    return bytes(wasmtime.wat2wasm(text))


def allocator(body: str) -> str:
    """A ``wasm_alloc`` whose body may use ``$size``."""
    return f'(func $wasm_alloc (export "wasm_alloc") (param $size i32) (result i32) {body})'


def i64(value: int) -> str:
    """An i64 constant."""
    return f"(i64.const {value})"


def f32(value: str | float) -> str:
    """An f32 constant, for example ``nan`` or ``0.5``."""
    return f"(f32.const {value})"


def forever() -> str:
    """A loop without an end and without a host call."""
    return "(loop $forever (br $forever))"


def repeat(times: int, body: str, local: str = "$i") -> str:
    """Run ``body`` so many times; the function needs the local."""
    return f"""(local.set {local} (i32.const {times}))
      (loop $again {body}
        (local.set {local} (i32.sub (local.get {local}) (i32.const 1)))
        (br_if $again (local.get {local})))"""


class Wat:
    """Collects data and functions; `module` makes the binary."""

    def __init__(self, *, memory: str = "1", alloc: str = BUMP_ALLOCATOR, free: str = FREE_NOTHING) -> None:
        self._memory, self._alloc, self._free = memory, alloc, free
        self._imports: dict[str, str] = {}
        self._data: list[str] = []
        self._functions: list[str] = []
        self._next = DATA_START
        self.job_id = self.data(JOB_ID.bytes)
        self.library_id = self.data(LIBRARY_ID.bytes)

    def data(self, content: bytes) -> int:
        """Put bytes into memory; their address."""
        address, self._next = self._next, self._next + len(content)
        assert self._next <= HEAP_START, "the data reaches into the heap"
        escaped = "".join(f"\\{byte:02x}" for byte in content)
        self._data.append(f'(data (i32.const {address}) "{escaped}")')
        return address

    def text(self, content: str | bytes) -> str:
        """Put text into memory; its two arguments, pointer and length."""
        raw = content.encode() if isinstance(content, str) else content
        return f"(i32.const {self.data(raw)}) (i32.const {len(raw)})"

    def call(self, name: str, *arguments: int | str) -> str:
        """A call of an import; integers are i32 constants."""
        signature = HOST_IMPORTS[name].signature
        result = "".join(f"(result {kind})" for kind in signature.results)
        parameters = " ".join(signature.parameters)
        self._imports[name] = f'(import "spacedrive" "{name}" (func ${name} (param {parameters}) {result}))'
        shown = " ".join(f"(i32.const {value})" if isinstance(value, int) else value for value in arguments)
        return f"(call ${name} {shown})"

    def log(self, message: str = "here") -> str:
        """A call of ``spacedrive_log`` at level info."""
        return self.call("spacedrive_log", 1, self.text(message))

    def progress(self, value: str = "(f32.const 0.5)", message: str = "half") -> str:
        """A call of ``job_report_progress``."""
        return self.call("job_report_progress", self.job_id, value, self.text(message))

    def operation(self, method: str | bytes = "query:test.ping", payload: str | bytes = "{}", library: int = 0) -> str:
        """A call of ``spacedrive_call``, which leaves a pointer."""
        return self.call("spacedrive_call", self.text(method), library, self.text(payload))

    def register(self, name: str | bytes, export: str | bytes, resumable: int = 1) -> str:
        """A call of ``register_job``, which leaves its answer."""
        return self.call("register_job", self.text(name), self.text(export), resumable)

    def add(self, function: str) -> None:
        """Put in a function, or anything else, as it is."""
        self._functions.append(function)

    def job(self, name: str, body: str, *, export: str | None = None) -> None:
        """A job's function; the body leaves its result and may use ``$ctx $ctx_len $state $state_len $i $p $q``."""
        export = export or f"execute_{name}"
        self.add(f"""(func ${export} (export "{export}")
          (param $ctx i32) (param $ctx_len i32) (param $state i32) (param $state_len i32) (result i32)
          (local $i i32) (local $p i32) (local $q i32) {body})""")

    def init(self, body: str, *, name: str = "plugin_init", result: bool = True) -> None:
        """``plugin_init`` (or ``plugin_cleanup``); the body leaves its result if it has one."""
        self.add(f'(func ${name} (export "{name}") {"(result i32)" if result else ""} (local $i i32) {body})')

    def source(self) -> str:
        """The WAT."""
        return "\n".join(
            [
                "(module",
                *self._imports.values(),
                f'(memory (export "memory") {self._memory})',
                f"(global $heap (mut i32) (i32.const {HEAP_START}))",
                *self._data,
                self._alloc,
                self._free,
                *self._functions,
                ")",
            ]
        )

    def module(self) -> bytes:
        """The binary."""
        return compiled(self.source())
