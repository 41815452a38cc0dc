"""A component that fits ABI 2 (a `perdure.runtime.guests.instance.ExtensionFile`)."""

from __future__ import annotations

from uuid import UUID

from perdure.runtime.abi2.instance import ComponentInstance
from perdure.runtime.abi2.interface import ComponentTypes, check_names, check_types
from perdure.runtime.guests.instance import InstanceLimits
from perdure.runtime.wasm.boundary.choice import COMPONENTS
from perdure.runtime.wasm.boundary.names import BoundaryChoice
from perdure.runtime.wasm.component_inspect import ComponentInterface
from perdure.runtime.wasm.component_sandbox import ComponentSandbox
from perdure.runtime.wasm.component_types import exported_functions, imported_functions
from perdure.runtime.wasm.module_source import ModuleLoader


class ComponentFile:
    """A component, checked: by its names at once, by its types when its machine code is first loaded."""

    def __init__(self, load: ModuleLoader, interface: ComponentInterface, boundary: BoundaryChoice = "auto") -> None:
        """Check its names.

        Raises:
            ForbiddenImports, BadExport: it does not fit.
        """
        check_names(interface)
        self._load = load
        self._boundary = boundary
        self._imports = tuple(item.name for item in interface.imports if item.kind == "instance")
        self._types_fit = False

    @property
    def cleans_up(self) -> bool:
        """See `ExtensionFile.cleans_up`: every component has the export."""
        return True

    def check_job(self, export: str) -> str:
        """See `ExtensionFile.check_job`: a component runs its jobs by name, and says itself which it knows."""
        return ""

    def instance(self, limits: InstanceLimits, *, extension: str, job_id: UUID | None = None) -> ComponentInstance:
        """See `ExtensionFile.instance`.

        Raises:
            ForbiddenImports, BadExport: functions are not of the right types.
        """
        sandbox = ComponentSandbox(self._load, limits, COMPONENTS.of(self._boundary))
        if not self._types_fit:
            try:
                check_types(
                    ComponentTypes(
                        imported_functions(sandbox.code, sandbox.engine),
                        exported_functions(sandbox.code, sandbox.engine),
                    )
                )
            except BaseException:
                sandbox.close()
                raise
            self._types_fit = True
        return ComponentInstance(sandbox, self._imports, limits, extension=extension)
