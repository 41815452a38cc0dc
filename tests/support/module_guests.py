"""Guests from module bytes, without a data folder: what most tests of ABI 1 need."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import wasmtime
from tests.support.recording_host import RecordingHost
from tests.support.wat import JOB_ID, LIBRARY_ID

from perdure.actors.guest import GuestHost, GuestResult, GuestSpec
from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.guests.guest import WasmGuest
from perdure.runtime.wasm.code import Code, FileInterface, compile_code, deserialise, read_file
from perdure.runtime.wasm.component_parts import LEAST_PART_BYTES
from perdure.store.events import JobError

SPEC = GuestSpec(
    job_id=JOB_ID,
    library_id=LIBRARY_ID,
    extension="test-extension",
    module="",
    export="execute_test",
    fuel=None,
    memory_bytes=16 * 1024 * 1024,
    stack_bytes=512 * 1024,
    payload_bytes=1024 * 1024,
    checkpoint_bytes=1024 * 1024,
)


def digest(module: bytes) -> str:
    """A module's SHA-256."""
    return hashlib.sha256(module).hexdigest()


class CompiledModule:
    """A module that keeps its machine code in memory, where nobody can change it."""

    def __init__(self, module: bytes, *, least_part: int = LEAST_PART_BYTES) -> None:
        self._module = module
        self._least_part = least_part
        self._code = b""

    def interface(self) -> FileInterface:
        return read_file(self._module)

    def __call__(self, engine: wasmtime.Engine) -> Code:
        if not self._code:
            self._code = bytes(compile_code(engine, self._module, self._least_part).serialize())
        return deserialise(engine, self.interface(), self._code)


class CompiledModules:
    """A source of such modules."""

    def __init__(self, *modules: bytes) -> None:
        self._modules = {digest(module): CompiledModule(module) for module in modules}

    def loader(self, module: str) -> CompiledModule:
        return self._modules[module]


def spec_for(module: str, **changes: Any) -> GuestSpec:
    """A spec of the job ``test`` of the module with this digest."""
    spec: GuestSpec = msgspec.structs.replace(SPEC, module=module, **changes)
    return spec


def make_guest(module: bytes, **changes: Any) -> WasmGuest:
    """A guest of this module; ``changes`` go into the spec."""
    return WasmGuestFactory(CompiledModules(module))(spec_for(digest(module), **changes))


def run(module: bytes, host: GuestHost | None = None, state: bytes = b"", **changes: Any) -> GuestResult:
    """Run the job ``test`` of this module to its end."""
    guest = make_guest(module, **changes)
    try:
        return guest.run(host or RecordingHost(), state)
    finally:
        guest.close()


def error_of(module: bytes, host: GuestHost | None = None, state: bytes = b"", **changes: Any) -> JobError:
    """How the job ``test`` of this module fails."""
    result = run(module, host, state, **changes)
    assert result.error is not None, f"it did not fail: {result}"
    return result.error
