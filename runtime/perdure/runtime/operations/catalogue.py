"""All operations of this installation, without a data folder."""

from __future__ import annotations

from perdure.runtime.operations.declaration import Operation
from perdure.runtime.operations.discovery import BrokenEntryPoint
from perdure.runtime.runtime import Runtime
from perdure.runtime.settings import RuntimeSettings


def catalogue(*, discover: bool = True) -> tuple[list[Operation], tuple[BrokenEntryPoint, ...]]:
    """What a runtime of this installation offers, and the entry points that cannot be used.

    The list is that of a runtime in memory: there is no other list of operations. ``discover`` False leaves out those
    of other distributions.
    """
    settings = RuntimeSettings(discover_operations=discover)
    with Runtime.in_memory(settings=settings, recover=False) as runtime:
        return list(runtime.operations), runtime.broken_operations
