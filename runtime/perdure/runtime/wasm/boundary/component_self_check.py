"""Whether a boundary for components does what it should: as `perdure.runtime.wasm.boundary.self_check`, with texts."""

from __future__ import annotations

from typing import Final

import wasmtime
from wasmtime.component import Component

from perdure.runtime.wasm.boundary.protocol import ComponentBoundary, ImportedComponentFunction
from perdure.runtime.wasm.code import Code, FileInterface, read_file
from perdure.runtime.wasm.component_sandbox import ComponentFailure, ComponentSandbox
from perdure.runtime.wasm.guest_store import SandboxLimits
from perdure.runtime.wasm.wit import FunctionType, Primitive

# SOURCE, compiled: a test compares them.
SOURCE: Final = """(component
  (import "host" (instance $host (export "same" (func (param "text" string) (param "number" u64) (result string)))))
  (core module $memory
    (memory (export "memory") 1)
    (global $end (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $end)
      (global.set $end (i32.add (global.get $end) (i32.const 1024)))))
  (core instance $memory (instantiate $memory))
  (core func $same (canon lower (func $host "same")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $code
    (import "host" "same" (func $same (param i32 i32 i64 i32)))
    (func (export "pass") (param i32 i32) (result i32)
      (call $same (local.get 0) (local.get 1) (i64.const -2) (i32.const 16))
      (i32.const 16)))
  (core instance $code (instantiate $code (with "host" (instance (export "same" (func $same))))))
  (func (export "pass") (param "text" string) (result string)
    (canon lift (core func $code "pass")
      (memory (core memory $memory "memory")) (realloc (core func $memory "realloc")))))"""
MODULE: Final = bytes.fromhex(
    "0061736d0d000100071f014202014002047465787473066e756d62657277007304000473616d6501000a09010004686f737405000163"
    "0061736d0100000001090160047f7f7f7f017f0302010005030100010607017f014180080b071402066d656d6f72790200077265616c"
    "6c6f6300000a0e010c00230023004180086a24000b0016046e616d650007066d656d6f72790706010003656e64020401000000062003"
    "0100000473616d6500020100066d656d6f727900000100077265616c6c6f630809010100000203000400015e0061736d01000000010e"
    "0260047f7f7e7f0060027f7f017f020d0104686f73740473616d65000003020101070801047061737300010a10010e0020002001427e"
    "4110100041100b0015046e616d65000504636f6465010701000473616d6502140201010473616d65000100010104686f73741201070b"
    "014001047465787473007306210300000102047061737300020100066d656d6f727900000100077265616c6c6f63080a010000020203"
    "010403010b0a01000470617373010100004a0e636f6d706f6e656e742d6e616d650109000001010473616d65011100110200066d656d"
    "6f72790104636f6465011100120200066d656d6f72790204636f6465010805010004686f7374"
)

_KIND: Final = FunctionType((("text", Primitive.STRING),), Primitive.STRING)
_HOST_KIND: Final = FunctionType((("text", Primitive.STRING), ("number", Primitive.U64)), Primitive.STRING)
_FUEL: Final = 100_000
_LIMITS: Final = SandboxLimits(fuel=_FUEL, memory_bytes=1 << 20, stack_bytes=64 * 1024)


class _CheckComponent:
    """The component, compiled (a `perdure.runtime.wasm.module_source.ModuleLoader`)."""

    def interface(self) -> FileInterface:
        return read_file(MODULE)

    def __call__(self, engine: wasmtime.Engine) -> Code:
        return Component(engine, MODULE)


class _Host:
    """What the component calls; a `Guard`."""

    def __init__(self, sandbox: ComponentSandbox) -> None:
        self.stopped_by: BaseException | None = None
        self._sandbox = sandbox

    def stop(self, cause: BaseException, function: str) -> None:
        self.stopped_by = cause
        self._sandbox.halt()

    def same(self, text: str, number: int) -> str:
        if text == "fail":
            raise KeyError(text)
        return f"{text}, {number}"


def component_fault(boundary: ComponentBoundary) -> str:
    """What is wrong with a boundary; empty if nothing is. Takes 3 ms."""
    sandbox = ComponentSandbox(_CheckComponent(), _LIMITS, boundary)
    try:
        return _fault(sandbox, _Host(sandbox))
    except Exception as error:  # noqa: BLE001  # whatever it is, the boundary is not good
        return f"self-check: {type(error).__name__}: {error}"
    finally:
        sandbox.close()


def _fault(sandbox: ComponentSandbox, host: _Host) -> str:
    same = ImportedComponentFunction("same", _HOST_KIND, host.same)
    sandbox.instantiate(["host"], lambda _: [same], host)
    function = sandbox.function("pass", _KIND)
    answer = None if function is None else function("Grüße")
    expected = f"Grüße, {2**64 - 2}"
    if function is None or answer != expected:
        return f"self-check: {answer!r} instead of {expected!r}"
    if sandbox.fuel_used() != _FUEL - sandbox.store.get_fuel():
        return f"self-check: {sandbox.fuel_used()} fuel used, {sandbox.store.get_fuel()} of {_FUEL} left"
    try:
        answer = function("fail")
    except ComponentFailure:
        return "" if isinstance(host.stopped_by, KeyError) else f"self-check: the host's error was {host.stopped_by!r}"
    return f"self-check: a guest went on after an error of its host: {answer!r}"
