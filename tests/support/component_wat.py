"""A small builder of ABI 2 guests in WAT: components with one core module, laid out by hand as the canonical ABI says.

    wat = ComponentWat()
    wat.run(wat.count_items(3) + wat.completed('{"done":true}'))
    component = wat.component()

Texts and results are static data from 1,024 on; what the host hands over goes to a bump allocator from 32,768 on. The
body of ``run`` may use the locals ``$i`` and ``$p``, and its parameters ``$state`` and ``$state_len`` (the state, if
there is one).
"""

from __future__ import annotations

import struct

from tests.support.wat import DATA_START, compiled

TYPES = """
  (import "perdure:extension/types@1.0.0" (instance $types
    (type $log-level (enum "debug" "info" "warn" "error"))
    (export "log-level" (type (eq $log-level)))
    (type $interrupt (enum "proceed" "pause" "cancel"))
    (export "interrupt" (type (eq $interrupt)))
    (type $error-code (enum "permission-denied" "library-denied" "rate-limited" "unknown-method" "invalid-payload"
      "not-found" "failed" "unavailable"))
    (export "error-code" (type $named-code (eq $error-code)))
    (type $call-error (record (field "code" $named-code) (field "message" string)
      (field "retry-after-ms" (option u64)) (field "answer" string)))
    (export "call-error" (type (eq $call-error)))
    (type $job-type (record (field "name" string) (field "resumable" bool)))
    (export "job-type" (type (eq $job-type)))
    (type $job-context (record (field "job-id" string) (field "library-id" string)))
    (export "job-context" (type (eq $job-context)))
    (type $failure (record (field "kind" string) (field "message" string) (field "traceback" (option string))))
    (export "failure" (type $named-failure (eq $failure)))
    (type $run-error (variant (case "interrupted") (case "failed" $named-failure)))
    (export "run-error" (type (eq $run-error)))
  ))
  (alias export $types "log-level" (type $log-level))
  (alias export $types "interrupt" (type $interrupt))
  (alias export $types "call-error" (type $call-error))
  (alias export $types "job-type" (type $job-type))
  (alias export $types "job-context" (type $job-context))
  (alias export $types "run-error" (type $run-error))
"""
# Each function of the host: its type within the instance, and what it is as a core function.
CANON = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'
HOST = {
    "call": (
        '(param "method" string) (param "library-id" (option string)) (param "payload" string) '
        "(result (result string (error $call-error)))",
        "(param i32 i32 i32 i32 i32 i32 i32 i32)",
    ),
    "log": ('(param "level" $log-level) (param "message" string)', "(param i32 i32 i32)"),
    "report-progress": ('(param "fraction" f32) (param "message" string)', "(param f32 i32 i32)"),
    "checkpoint": ('(param "state" string) (result (result))', "(param i32 i32) (result i32)"),
    "check-interrupt": ("(result $interrupt)", "(result i32)"),
    "add-warning": ('(param "message" string)', "(param i32 i32)"),
    "increment-bytes": ('(param "bytes" u64)', "(param i64)"),
    "increment-items": ('(param "count" u64)', "(param i64)"),
    "register-job": (
        '(param "name" string) (param "resumable" bool) (result (result (error string)))',
        "(param i32 i32 i32 i32)",
    ),
}
LIBC = """
  (core module $Libc
    (memory (export "memory") {memory})
    (global $heap (mut i32) (i32.const 32768))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32) (local $end i32)
      (local.set $at (global.get $heap))
      (local.set $end (i32.add (local.get $at) (i32.and (i32.add (local.get 3) (i32.const 15)) (i32.const -8))))
      (if (i32.gt_u (local.get $end) (i32.mul (memory.size) (i32.const 65536))) (then
        (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1) (i32.div_u
              (i32.sub (local.get $end) (i32.mul (memory.size) (i32.const 65536))) (i32.const 65536)))))
          (then (unreachable)))))
      (global.set $heap (local.get $end))
      (local.get $at)))
  (core instance $libc (instantiate $Libc))
"""
# A module of code without a memory, as a language's runtime is one: with a table, a global and a heap that others have.
LIBRARY = """
  (core module $Library
    (import "libc" "memory" (memory 0))
    (import "libc" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (type $of-one (func (param i32) (result i32)))
    (table (export "table") 2 8 funcref)
    (global (export "spun") (mut i32) (i32.const 0))
    (global $limit f64 (f64.const 1e9))
    (func $spin (export "spin") (type $of-one)
      (loop $again
        (global.set 0 (i32.add (global.get 0) (i32.const 1)))
        (drop (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 8)))
        (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (global.get 0))
    (func $boom (export "boom") (unreachable))
    (elem (i32.const 0) $spin)
    (data "{padding}"))
  (core instance $library (instantiate $Library (with "libc" (instance $libc))))
"""
EXPORTS = f"""
  (func (export "describe") (result (list $job-type))
    (canon lift (core func $main "describe") {CANON}))
  (func (export "initialise") (result (result (error string)))
    (canon lift (core func $main "initialise") {CANON}))
  (func (export "clean-up") (result (result (error string)))
    (canon lift (core func $main "clean-up") {CANON}))
  (func (export "run") (param "job" string) (param "context" $job-context) (param "state" (option string))
      (result (result (option string) (error $run-error)))
    (canon lift (core func $main "run") {CANON}))
"""


class ComponentWat:
    """Collects data and bodies; `component` makes the binary. All bodies are instructions in the folded form."""

    def __init__(self, *, memory: str = "1", jobs: tuple[tuple[str, bool], ...] = (("test", True),)) -> None:
        self._memory = memory
        self._data = b""
        self._jobs = jobs
        self._bodies = {"describe": "", "initialise": "", "clean-up": "", "run": ""}
        self._start = ""
        self.extra = ""  # more of the component, before its imports
        self._library: int | None = None

    # --- bodies -----------------------------------------------------------------------------------------------------

    def run(self, body: str) -> None:
        """The job; it must leave a pointer to its result."""
        self._bodies["run"] = body

    def describe(self, body: str) -> None:
        """Instructions before ``describe`` answers."""
        self._bodies["describe"] = body

    def initialise(self, body: str) -> None:
        """Instructions of ``initialise``, which end in a pointer to its result if they leave one."""
        self._bodies["initialise"] = body

    def clean_up(self, body: str) -> None:
        """Likewise of ``clean-up``."""
        self._bodies["clean-up"] = body

    def library(self, size: int) -> None:
        """A module of code of some ``size`` bytes beside the main one; bodies may ``call $spin`` and ``$boom``."""
        self._library = size

    def start(self, body: str) -> None:
        """The start function of the core module."""
        self._start = body

    # --- calls of the host ------------------------------------------------------------------------------------------

    def call(self, method: str, payload: str = "{}", library: str | None = None) -> str:
        """Run an operation; its answer is at the address that this leaves: 0 ok (text at 8) or 1 error (at 8)."""
        at = self.room(48, align=8)
        given = (
            f"(i32.const 1) {self.text(library)}"
            if library is not None
            else "(i32.const 0) (i32.const 0) (i32.const 0)"
        )
        return f"(call $call {self.text(method)} {given} {self.text(payload)} (i32.const {at})) (i32.const {at})"

    def log(self, text: str, level: int = 1) -> str:
        """Write a line."""
        return f"(call $log (i32.const {level}) {self.text(text)})"

    def progress(self, fraction: str | float, text: str = "") -> str:
        """Report progress."""
        return f"(call $report-progress (f32.const {fraction}) {self.text(text)})"

    def checkpoint(self, state: str) -> str:
        """Save a state; leaves 0 when it was stored."""
        return f"(call $checkpoint {self.text(state)})"

    def interrupt(self) -> str:
        """Leaves 0, 1 or 2."""
        return "(call $check-interrupt)"

    def warning(self, text: str) -> str:
        """Add a warning."""
        return f"(call $add-warning {self.text(text)})"

    def count_items(self, count: int) -> str:
        """Count items."""
        return f"(call $increment-items (i64.const {count}))"

    def count_bytes(self, count: int) -> str:
        """Count bytes."""
        return f"(call $increment-bytes (i64.const {count}))"

    def register(self, name: str, resumable: bool = True) -> str:
        """Register a job; leaves the address of the result: 0 ok, 1 error (text at 4)."""
        at = self.room(12)
        return f"(call $register-job {self.text(name)} (i32.const {int(resumable)}) (i32.const {at})) (i32.const {at})"

    # --- results ----------------------------------------------------------------------------------------------------

    def completed(self, state: str | None = None) -> str:
        """A pointer to ``ok(state)``."""
        if state is None:
            return f"(i32.const {self.put(struct.pack('<36x'))})"
        return f"(i32.const {self.put(struct.pack('<B3xB3xII20x', 0, 1, *self.span(state)))})"

    def completed_with_state(self) -> str:
        """A pointer to ``ok(state)``, the state that it was given."""
        at = self.room(36)
        return f"""(i32.store8 (i32.const {at + 4}) (i32.const 1)) (i32.store (i32.const {at + 8}) (local.get $state))
          (i32.store (i32.const {at + 12}) (local.get $state_len)) (i32.const {at})"""

    def interrupted(self) -> str:
        """A pointer to ``err(interrupted)``."""
        return f"(i32.const {self.put(struct.pack('<B35x', 1))})"

    def failed(self, kind: str, message: str, traceback: str | None = None) -> str:
        """A pointer to ``err(failed(…))``."""
        told = (1, *self.span(traceback)) if traceback is not None else (0, 0, 0)
        data = struct.pack("<B3xB3xIIIIB3xII", 1, 1, *self.span(kind), *self.span(message), *told)
        return f"(i32.const {self.put(data)})"

    def error(self, message: str) -> str:
        """A pointer to ``err(message)``, for ``initialise`` and ``clean-up``."""
        return f"(i32.const {self.put(struct.pack('<B3xII', 1, *self.span(message)))})"

    # --- data -------------------------------------------------------------------------------------------------------

    def put(self, data: bytes, align: int = 4) -> int:
        """Put bytes into the memory; their address."""
        self._data += b"\0" * (-len(self._data) % align)
        at = DATA_START + len(self._data)
        self._data += data
        return at

    def room(self, size: int, align: int = 4) -> int:
        """So many zeros."""
        return self.put(b"\0" * size, align)

    def span(self, text: str | bytes) -> tuple[int, int]:
        """Put a text into the memory; its address and length in bytes."""
        data = text if isinstance(text, bytes) else text.encode()
        return self.put(data), len(data)

    def text(self, text: str | bytes) -> str:
        """The two constants for a text."""
        return " ".join(f"(i32.const {number})" for number in self.span(text))

    # --- the component ----------------------------------------------------------------------------------------------

    def component(
        self, *, types: str = TYPES, host: dict[str, tuple[str, str]] | None = None, exports: str = EXPORTS
    ) -> bytes:
        """The binary. ``types``, ``host`` and ``exports`` are for components that are not as they should be."""
        return compiled(self.source(types=types, host=host, exports=exports))

    def source(
        self, *, types: str = TYPES, host: dict[str, tuple[str, str]] | None = None, exports: str = EXPORTS
    ) -> str:
        """The component in WAT."""
        offered = HOST if host is None else host
        records = b"".join(struct.pack("<IIB3x", *self.span(name), resumable) for name, resumable in self._jobs)
        described = self.put(struct.pack("<II", self.put(records), len(self._jobs)))
        nothing = self.completed()
        results = dict.fromkeys(("initialise", "clean-up", "run"), nothing) | {"describe": f"(i32.const {described})"}
        bodies = {name: self._body(name, results[name]) for name in self._bodies}
        locals_ = "(local $i i32) (local $p i32)"
        run = """(param i32 i32 i32 i32 i32 i32 i32) (param $state i32) (param $state_len i32)"""
        functions = "\n".join(
            f'(func (export "{name}") {run if name == "run" else ""} (result i32) {locals_} {body})'
            for name, body in bodies.items()
        )
        data = "".join(f"\\{byte:02x}" for byte in self._data)
        start = f"(func $start {locals_} {self._start}) (start $start)" if self._start else ""
        named = '(alias outer 1 ${0} (type $o-{0})) (export "{0}" (type ${0} (eq $o-{0})))'
        signatures = " ".join(f'(export "{name}" (func {kind}))' for name, (kind, _) in offered.items())
        lowered = "\n".join(f'(core func ${name} (canon lower (func $host "{name}") {CANON}))' for name in offered)
        imported = "\n".join(f'(import "host" "{name}" (func ${name} {core}))' for name, (_, core) in offered.items())
        given = " ".join(f'(export "{name}" (func ${name}))' for name in offered)
        library = "" if self._library is None else LIBRARY.format(padding="x" * self._library)
        if library:
            imported += '(import "library" "spin" (func $spin (param i32) (result i32)))'
            imported += '(import "library" "boom" (func $boom))'
        linked = '(with "library" (instance $library))' if library else ""
        host_types = " ".join(named.format(name) for name in ("log-level", "interrupt", "call-error"))
        return f"""(component {self.extra} {types}
          (import "perdure:extension/host@1.0.0" (instance $host {host_types} {signatures}))
          {LIBC.format(memory=self._memory)}
          {library}
          {lowered}
          (core module $Main (import "libc" "memory" (memory 0)) {imported} {functions} {start}
            (data (i32.const {DATA_START}) "{data}"))
          (core instance $main (instantiate $Main
            (with "libc" (instance $libc)) (with "host" (instance {given})) {linked}))
          {exports})"""

    def _body(self, name: str, result: str) -> str:
        body = self._bodies[name]
        # A body that ends in a result of its own says so by leaving it; `describe` always answers with the jobs.
        return body if body and name != "describe" else f"{body} {result}"
