"""Which ABI a file is of: a core module ABI 1, a component ABI 2."""

from __future__ import annotations

from perdure.runtime.abi1.module_file import ModuleFile
from perdure.runtime.abi2.component_file import ComponentFile
from perdure.runtime.guests.instance import ExtensionFile
from perdure.runtime.wasm.boundary.names import BoundaryChoice
from perdure.runtime.wasm.inspect import Interface
from perdure.runtime.wasm.module_source import ModuleLoader


def extension_file(load: ModuleLoader, boundary: BoundaryChoice = "auto") -> ExtensionFile:
    """The file, checked against its ABI, before anything of it is compiled. Its instances go through ``boundary``.

    Raises:
        ForbiddenImports, BadExport: it does not fit.
        ModuleError: from ``load``.
    """
    interface = load.interface()
    if isinstance(interface, Interface):
        return ModuleFile(load, interface, boundary)
    return ComponentFile(load, interface, boundary)
