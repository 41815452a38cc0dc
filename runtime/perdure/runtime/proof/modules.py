"""The modules of a proof: in memory only, made from their bytes, or from machine code whose digest is on record."""

from __future__ import annotations

import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

import wasmtime

from perdure.runtime.wasm.code import Code, FileInterface, compile_code, join_code, read_file
from perdure.runtime.wasm.engine import engine_key
from perdure.runtime.wasm.kept_code import KeptCode
from perdure.runtime.wasm.module_cache import machine_code_path, part_paths, recorded_as
from perdure.store.event_store import EventStore
from perdure.store.events import RUNTIME_STREAM
from perdure.store.runtime_state import RuntimeState

_KEPT: Final = 8  # modules whose machine code is kept: that of a Python guest takes 38 MB

MachineCode = Callable[[str], bytes | None]


def no_machine_code(module: str) -> bytes | None:
    """There is none: every module is compiled."""
    return None


class ProofModules:
    """A `perdure.runtime.wasm.module_source.ModuleSource` that writes nothing anywhere. For one thread.

    Args:
        load: a module's bytes for its SHA-256, which it has checked.
        machine_code: the machine code of a module that may be trusted; None where it is to be compiled.
    """

    def __init__(self, load: Callable[[str], bytes], machine_code: MachineCode = no_machine_code) -> None:
        self._load = load
        self._machine_code = machine_code
        self._code: OrderedDict[str, KeptCode] = OrderedDict()
        self._interfaces: dict[str, FileInterface] = {}

    def loader(self, module: str) -> ProofModule:
        """See `ModuleSource.loader`."""
        return ProofModule(self, module)

    def interface(self, module: str) -> FileInterface:
        """See `ModuleLoader.interface`."""
        known = self._interfaces.get(module)
        if known is None:
            known = self._interfaces[module] = read_file(self._load(module))
        return known

    def load(self, engine: wasmtime.Engine, module: str) -> Code:
        """See `ModuleLoader.__call__`."""
        kept = self._code.get(module) or self._recorded(module)
        if kept is not None:
            with contextlib.suppress(wasmtime.WasmtimeError):  # of another processor: made anew
                loaded = kept.load(engine, self.interface(module))
                self._keep(module, kept)
                return loaded
        compiled = compile_code(engine, self._load(module))
        self._keep(module, KeptCode(bytes(compiled.serialize())))
        return compiled

    def _recorded(self, module: str) -> KeptCode | None:
        code = self._machine_code(module)
        return None if code is None else KeptCode(code)

    def _keep(self, module: str, code: KeptCode) -> None:
        self._code[module] = code
        self._code.move_to_end(module)
        while len(self._code) > _KEPT:
            self._code.popitem(last=False)


class ProofModule:
    """One of them (a `perdure.runtime.wasm.module_source.ModuleLoader`)."""

    def __init__(self, modules: ProofModules, module: str) -> None:
        self._modules = modules
        self._module = module

    def interface(self) -> FileInterface:
        """See `ModuleLoader.interface`."""
        return self._modules.interface(self._module)

    def __call__(self, engine: wasmtime.Engine) -> Code:
        """See `ModuleLoader.__call__`."""
        return self._modules.load(engine, self._module)


def machine_code_of(cache: Path, artifact: Callable[[str, str], str | None]) -> MachineCode:
    """Machine code from a cache's folder, only read, if its SHA-256 is what ``artifact`` says (`ArtifactLedger`)."""

    def trusted(path: Path) -> bytes | None:
        recorded = artifact(recorded_as(path), engine_key())
        if recorded is None:
            return None
        try:
            code = path.read_bytes()
        except OSError:
            return None
        return code if hashlib.sha256(code).hexdigest() == recorded else None

    def machine_code(module: str) -> bytes | None:
        main = trusted(machine_code_path(cache, module))
        # Parts that are not those which the component needs do not fit it, and it is compiled anew.
        parts = {name: trusted(path) for name, path in part_paths(cache, module).items()}
        if main is None or None in parts.values():
            return None
        return join_code(main, {name: part for name, part in parts.items() if part is not None})

    return machine_code


def recorded_artifacts(store: EventStore) -> Callable[[str, str], str | None]:
    """What the log has as the SHA-256 of a module's machine code for an engine (`ArtifactLedger.artifact`)."""

    def artifact(module: str, engine: str) -> str | None:
        state = store.state(RUNTIME_STREAM)
        return state.artifacts.get(f"{module}@{engine}") if isinstance(state, RuntimeState) else None

    return artifact
