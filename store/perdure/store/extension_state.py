"""What an extension's events add up to."""

from __future__ import annotations

import msgspec

from perdure.store.events import (
    Event,
    ExtensionInstalled,
    ExtensionLoaded,
    ExtensionUninstalled,
    ExtensionUnloaded,
    JobType,
)


class ExtensionState(msgspec.Struct, frozen=True, kw_only=True):
    """An extension as its events tell it. Times are microseconds since 1970.

    ``enabled`` is False after an unload, until the next load: nothing can be dispatched. ``module`` is the SHA-256 of
    the wasm bytes that new jobs run.
    """

    extension: str
    version: str
    manifest: bytes
    module: str
    module_bytes: int
    installed: bool = True
    enabled: bool = True
    job_types: tuple[JobType, ...] = ()
    installed_at: int = 0
    loaded_at: int | None = None


def evolve(state: ExtensionState | None, event: Event, sequence: int, time: int) -> ExtensionState | None:
    """The state after one more event; events before the first install change nothing."""
    if isinstance(event, ExtensionInstalled):
        return ExtensionState(
            extension=event.extension,
            version=event.version,
            manifest=event.manifest,
            module=event.module,
            module_bytes=event.module_bytes,
            installed_at=time,
        )
    if state is None:
        return None
    if isinstance(event, ExtensionLoaded):
        return msgspec.structs.replace(state, enabled=True, job_types=event.job_types, loaded_at=time)
    if isinstance(event, ExtensionUnloaded):
        return msgspec.structs.replace(state, enabled=False)
    if isinstance(event, ExtensionUninstalled):
        return msgspec.structs.replace(state, installed=False, enabled=False)
    return state
