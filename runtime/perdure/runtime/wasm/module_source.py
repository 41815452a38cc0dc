"""Where a sandbox gets its module from, as two protocols."""

from __future__ import annotations

from typing import Protocol

import wasmtime

from perdure.runtime.wasm.code import Code, FileInterface


class ModuleLoader(Protocol):
    """One module or component: what it says of itself, and its machine code."""

    def interface(self) -> FileInterface:
        """What the module imports and exports; nothing is compiled for it.

        Raises:
            ModuleError: it is neither a module nor a component.
        """

    def __call__(self, engine: wasmtime.Engine) -> Code:
        """Load its machine code into an engine made by `perdure.runtime.wasm.engine.new_engine`.

        Raises:
            ModuleError: it is no module that can run here.
        """


class ModuleSource(Protocol):
    """Many modules, under the SHA-256 of their bytes. `ModuleCache` is the one that lasts."""

    def loader(self, module: str) -> ModuleLoader:
        """The module with this SHA-256; whether there is one shows when it is used."""
