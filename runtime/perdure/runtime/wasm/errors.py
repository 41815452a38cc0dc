"""What can be wrong with a WebAssembly module, or with the folder of machine code."""

from __future__ import annotations

from pathlib import Path

import msgspec

from perdure.runtime.errors import PerdureError
from perdure.store.events import JobError

_SHOWN = 100  # how many problems an error's text lists; its fields have all of them


def _listed(items: tuple[str, ...]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return "; ".join(items[:_SHOWN]) + more


class ModuleError(PerdureError):
    """Base of what is wrong with a WebAssembly module. The extension's author is to blame."""


class NotWasm(ModuleError):
    """The bytes are no WebAssembly at all. ``found`` is how they begin."""

    def __init__(self, reason: str, found: bytes) -> None:
        self.reason, self.found = reason, found
        super().__init__(f"not a WebAssembly module: {reason}; is wasm_file the compiled .wasm?")


class ComponentNotSupported(ModuleError):
    """The file is a component where a core module is expected. ``version`` and ``layer`` are its header's fields."""

    def __init__(self, version: int, layer: int) -> None:
        self.version, self.layer = version, layer
        super().__init__(
            "the file is a WebAssembly component, ABI 1 needs a core module; build it without the wrapping"
        )


class InvalidWasm(ModuleError):
    """The file begins like a core module and is none: truncated, damaged, or in need of a feature that is off."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not a valid WebAssembly module: {reason}")


class ForbiddenImport(msgspec.Struct, frozen=True):
    """One import that is not offered: ``kind`` is ``function``, ``memory`` or the like."""

    module: str
    name: str
    kind: str
    reason: str


class ForbiddenImports(ModuleError):
    """The module needs what no extension gets. ``imports`` has every one of them."""

    def __init__(self, imports: tuple[ForbiddenImport, ...]) -> None:
        self.imports = imports
        listed = tuple(f"{item.kind} {item.module!r}.{item.name!r} ({item.reason})" for item in imports)
        super().__init__(f"the module has imports that are not offered: {_listed(listed)}")


class ExportProblem(msgspec.Struct, frozen=True):
    """One export that is missing (``found`` is empty) or not what the ABI says."""

    export: str
    expected: str
    found: str


class BadExport(ModuleError):
    """Exports are missing or of the wrong type. ``problems`` has every one of them."""

    def __init__(self, problems: tuple[ExportProblem, ...]) -> None:
        self.problems = problems
        listed = tuple(f"{item.export!r} is {item.found or 'missing'}, it must be {item.expected}" for item in problems)
        super().__init__(f"the module's exports do not fit ABI 1: {_listed(listed)}")


class InitFailed(ModuleError):
    """``plugin_init`` trapped, looped, or returned an error; ``error`` has the details."""

    def __init__(self, extension: str, error: JobError) -> None:
        self.extension, self.error = extension, error
        super().__init__(f"extension {extension} could not be initialised: {error.message}")


class CleanupFailed(ModuleError):
    """``plugin_cleanup`` trapped, looped, or returned an error; ``error`` has the details. Nothing needs to be done."""

    def __init__(self, extension: str, error: JobError) -> None:
        self.extension, self.error = extension, error
        super().__init__(f"extension {extension} was not cleaned up: {error.message}")


class UnsafeCacheFolder(PerdureError):
    """The folder of machine code could be written by somebody else, so nothing in it may run."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"the module cache {path} {reason}; remove it, or choose another data folder")
