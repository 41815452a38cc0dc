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
    """The bytes are no WebAssembly at all.

    ``found`` is how they begin.
    """

    def __init__(self, reason: str, found: bytes) -> None:
        self.reason, self.found = reason, found
        super().__init__(f"not a WebAssembly module: {reason}; is wasm_file the compiled .wasm?")


class InvalidWasm(ModuleError):
    """The file begins like WebAssembly and is none: truncated, damaged, or in need of a feature that is off."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not valid WebAssembly: {reason}")


class ForbiddenImport(msgspec.Struct, frozen=True):
    """One import that is not offered: ``kind`` is ``function``, ``memory`` or the like.

    ``module`` is the core module, or the instance of a component, that it is to come from; a component's import that
    comes from none has none.
    """

    module: str
    name: str
    kind: str
    reason: str

    def where(self) -> str:
        """The import's full name."""
        return f"{self.module!r}.{self.name!r}" if self.module else repr(self.name)


class ForbiddenImports(ModuleError):
    """The module needs what no extension gets.

    ``imports`` has every one of them.
    """

    def __init__(self, imports: tuple[ForbiddenImport, ...]) -> None:
        self.imports = imports
        listed = tuple(f"{item.kind} {item.where()} ({item.reason})" for item in imports)
        super().__init__(f"it has imports that are not offered: {_listed(listed)}")


class ExportProblem(msgspec.Struct, frozen=True):
    """One export that is missing (``found`` is empty) or not what the ABI says."""

    export: str
    expected: str
    found: str


class BadExport(ModuleError):
    """Exports are missing or of the wrong type.

    ``problems`` has every one of them.
    """

    def __init__(self, problems: tuple[ExportProblem, ...]) -> None:
        self.problems = problems
        listed = tuple(f"{item.export!r} is {item.found or 'missing'}, it must be {item.expected}" for item in problems)
        super().__init__(f"its exports do not fit: {_listed(listed)}")


class InitFailed(ModuleError):
    """``plugin_init`` trapped, looped, or returned an error.

    ``error`` has the details.
    """

    def __init__(self, extension: str, error: JobError) -> None:
        self.extension, self.error = extension, error
        super().__init__(f"extension {extension} could not be initialised: {error.message}")


class CleanupFailed(ModuleError):
    """``plugin_cleanup`` trapped, looped, or returned an error. Nothing needs to be done.

    ``error`` has the details.
    """

    def __init__(self, extension: str, error: JobError) -> None:
        self.extension, self.error = extension, error
        super().__init__(f"extension {extension} was not cleaned up: {error.message}")


class UnsafeCacheFolder(PerdureError):
    """The folder of machine code could be written by somebody else, so nothing in it may run."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"the module cache {path} {reason}; remove it, or choose another data folder")


class BoundaryUnavailable(PerdureError):
    """The setting ``boundary`` asks for ``raw``, and the installed wasmtime lacks what that needs."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the raw boundary to guests cannot be used: {reason}; set boundary to auto")
