"""A core module that fits ABI 1 (a `perdure.runtime.guests.instance.ExtensionFile`)."""

from __future__ import annotations

from uuid import UUID

from perdure.runtime.abi1.instance import ModuleInstance
from perdure.runtime.abi1.interface import check_interface
from perdure.runtime.guests.instance import InstanceLimits
from perdure.runtime.wasm.boundary.choice import MODULES
from perdure.runtime.wasm.boundary.names import BoundaryChoice
from perdure.runtime.wasm.inspect import Interface
from perdure.runtime.wasm.module_source import ModuleLoader


class ModuleFile:
    """A module, checked."""

    def __init__(self, load: ModuleLoader, interface: Interface, boundary: BoundaryChoice = "auto") -> None:
        """Check it.

        Raises:
            ForbiddenImports, BadExport: it does not fit.
        """
        self._load = load
        self._boundary = boundary
        self._shape = check_interface(interface)

    @property
    def cleans_up(self) -> bool:
        """See `ExtensionFile.cleans_up`."""
        return self._shape.cleanup_results is not None

    def check_job(self, export: str) -> str:
        """See `ExtensionFile.check_job`."""
        self._shape.require_alloc()
        return "" if export in self._shape.job_exports else f"the module exports no job function {export!r}"

    def instance(self, limits: InstanceLimits, *, extension: str, job_id: UUID | None = None) -> ModuleInstance:
        """See `ExtensionFile.instance`."""
        boundary = MODULES.of(self._boundary)
        return ModuleInstance(self._load, self._shape, limits, boundary, extension=extension, job_id=job_id)
