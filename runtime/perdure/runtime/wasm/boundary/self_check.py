"""Whether a boundary does what it should: a tiny module is taken through all of it.

Every type of value to the host and back, memory read before and after it has grown (and what stood in it before), fuel
read and set, a trap, a call that does not fit, an error of a host function. What wasmtime-py says is the measure.
"""

from __future__ import annotations

from typing import Final

import wasmtime

from perdure.runtime.wasm.boundary.protocol import Boundary, ImportedFunction, MemoryAccess
from perdure.runtime.wasm.code import Code, FileInterface, read_file
from perdure.runtime.wasm.guest_store import SandboxLimits
from perdure.runtime.wasm.inspect import Signature
from perdure.runtime.wasm.sandbox import Sandbox

# SOURCE, compiled: a test compares them. wasmtime's own compiler of texts would take longer than the check.
SOURCE: Final = """(module
  (import "host" "values" (func $values (param i32 i64 f32 i32) (result i32)))
  (import "host" "look" (func $look (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "pass") (param i32) (result i32)
    (call $values (local.get 0) (i64.const -1099511627777) (f32.const -0.15625) (i32.const -2147483648)))
  (func (export "grow") (result i32)
    (i32.store (i32.const 64) (i32.const 0x6c6c6977))
    (call $look (i32.const 64) (i32.const 4))
    (drop (memory.grow (i32.const 40)))
    (i32.store8 (i32.const 68) (i32.const 0x21))
    (i32.store8 (i32.const 2686975) (i32.const 0x2e))
    (call $look (i32.const 64) (i32.const 5))
    (call $look (i32.const 2686975) (i32.const 1))
    (memory.size))
  (func (export "trap") unreachable))"""
MODULE: Final = bytes.fromhex(
    "0061736d01000000011a0560047f7e7d7f017f60027f7f0060017f017f6000017f600000021b0204686f73740676616c756573000004"
    "686f7374046c6f6f6b00010304030203040503010001071f04066d656d6f72790200047061737300020467726f770003047472617000"
    "040a5d031800200042ffffffffff5f43000020be41808080807810000b3e0041c00041f7d2b1e30636020041c0004104100141284000"
    "1a41c40041213a000041ffffa301412e3a000041c0004105100141ffffa301410110013f000b0300000b0016046e616d65010f020006"
    "76616c75657301046c6f6f6b"
)

_NUMBER: Final = -77
_PASSED: Final = (_NUMBER, -(1 << 40) - 1, -0.15625, -(1 << 31))
_SEEN: Final = [b"will", b"will!", b"."]
_PAGES: Final = 41
_PAGE_BYTES: Final = 64 * 1024
_FUEL: Final = 100_000
_LIMITS: Final = SandboxLimits(fuel=_FUEL, memory_bytes=1 << 24, stack_bytes=64 * 1024)


class _Wrong(Exception):
    """The boundary did something else."""


class _HostError(Exception):
    """What the host function raises."""


class _CheckModule:
    """The module, compiled (a `perdure.runtime.wasm.module_source.ModuleLoader`)."""

    def interface(self) -> FileInterface:
        return read_file(MODULE)

    def __call__(self, engine: wasmtime.Engine) -> Code:
        return wasmtime.Module(engine, MODULE)


class _Check:
    """One run; it is the module's host and its `Guard`."""

    def __init__(self, boundary: Boundary) -> None:
        self.stopped_by: BaseException | None = None
        self.sandbox = Sandbox(_CheckModule(), _LIMITS, boundary)
        self._passed: list[tuple[object, ...]] = []
        self._seen: list[bytes] = []
        self._raises = False
        self._stopped_in: list[str] = []

    def stop(self, cause: BaseException, function: str) -> None:
        self.stopped_by = cause
        self._stopped_in.append(function)
        self.sandbox.halt()

    def values(self, *given: int | float) -> int:
        self._passed.append(given)
        if self._raises:
            raise _HostError
        return given[0] * 3 if isinstance(given[0], int) else 0

    def look(self, pointer: int, length: int) -> None:
        memory = self._memory()
        self._seen.append(memory.window(memory.size())[pointer : pointer + length])

    def run(self) -> None:
        """Raises `_Wrong`, or what the boundary raised."""
        parameters = Signature(("i32", "i64", "f32", "i32"), ("i32",))
        imports = [
            ImportedFunction("host", "values", parameters, self.values, -1),
            ImportedFunction("host", "look", Signature(("i32", "i32"), ()), self.look, None),
        ]
        self.sandbox.instantiate(imports, self)
        self._check_values()
        self._check_memory()
        self._check_fuel()
        self._check_traps()
        self._check_host_error()

    def _check_values(self) -> None:
        _expect("what a call answers", self._call("pass", _NUMBER), _NUMBER * 3)
        _expect("values of a call", self._passed, [_PASSED])

    def _check_memory(self) -> None:
        memory = self._memory()
        before = memory.window(memory.size())
        memory.write(100, b"written")
        _expect("memory that was written", before[100:107], b"written")
        _expect("pages", self._call("grow"), _PAGES)
        _expect("memory that has grown", self._seen, _SEEN)
        _expect("size of the memory", memory.size(), _PAGES * _PAGE_BYTES)
        # A guest that grows and is read where it was before, through what was made before.
        _expect("memory after it has grown", before[64:69], _SEEN[1])

    def _check_fuel(self) -> None:
        left = self.sandbox.store.get_fuel()
        _expect("fuel", self.sandbox.fuel_used(), _FUEL - left)
        if not 0 < left < _FUEL:
            raise _Wrong(f"{left} of {_FUEL} fuel is left")
        self.sandbox.allow_fuel(_FUEL - left)
        _expect("fuel that was set", self.sandbox.store.get_fuel(), 0)
        self._expect_trap("grow", wasmtime.TrapCode.OUT_OF_FUEL)
        self.sandbox.allow_fuel(2 * _FUEL)

    def _check_traps(self) -> None:
        self._expect_trap("trap", wasmtime.TrapCode.UNREACHABLE)
        wrong = self.sandbox.function("pass", 0, 1)
        try:
            answer = wrong() if wrong is not None else None
        except wasmtime.WasmtimeError:
            return
        raise _Wrong(f"a call without its argument is no error, but {answer}")

    def _check_host_error(self) -> None:
        self._raises = True
        try:
            self._call("pass", _NUMBER)
            self._call("pass", _NUMBER)  # a guest of straight code may have returned once
        except wasmtime.Trap:
            pass
        else:
            raise _Wrong("a guest went on after an error of its host")
        _expect("error of the host", type(self.stopped_by), _HostError)
        _expect("where it was", self._stopped_in, ["values"])

    def _expect_trap(self, name: str, code: wasmtime.TrapCode) -> None:
        results = 1 if name == "grow" else 0
        function = self.sandbox.function(name, 0, results)
        try:
            answer = function() if function is not None else None
        except wasmtime.Trap as trap:
            _expect(f"trap of {name}", trap.trap_code, code)
            return
        raise _Wrong(f"{name} did not trap but answered {answer}")

    def _call(self, name: str, *arguments: int) -> int | None:
        function = self.sandbox.function(name, len(arguments), 1)
        if function is None:
            raise _Wrong(f"there is no export {name}")
        return function(*arguments)

    def _memory(self) -> MemoryAccess:
        if self.sandbox.memory is None:
            raise _Wrong("there is no memory")
        return self.sandbox.memory


def fault(boundary: Boundary) -> str:
    """What is wrong with a boundary; empty if nothing is. Takes 3 ms."""
    check = _Check(boundary)
    try:
        check.run()
    except Exception as error:  # noqa: BLE001  # whatever it is, the boundary is not good
        return f"self-check: {error}" if isinstance(error, _Wrong) else f"self-check: {type(error).__name__}: {error}"
    finally:
        check.sandbox.close()
    return ""


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise _Wrong(f"{what}: {found!r} instead of {expected!r}")
