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
    PermissionsGranted,
    UpdateDeclined,
    UpdateProposed,
    UpgradePolicySet,
)


class ProposedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version that waits for consent, while the installed one goes on."""

    version: str
    manifest: bytes
    module: str
    module_bytes: int
    proposed_at: int


class ExtensionState(msgspec.Struct, frozen=True, kw_only=True):
    """An extension as its events tell it. Times are microseconds since 1970.

    ``enabled`` is False after an unload, until the next load: nothing can be dispatched. ``module`` is the SHA-256 of
    the wasm bytes that new jobs run. ``grant`` is the JSON of what it was granted, None if nobody ever did;
    it outlives a new version, and ends with an uninstall. ``upgrades`` are the policies that somebody set for the
    installed version, by job type (`UpgradePolicySet`).
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
    grant: bytes | None = None
    granted_at: int | None = None
    granted_by: str = ""
    proposed: ProposedVersion | None = None
    upgrades: dict[str, str] = {}


def evolve(state: ExtensionState | None, event: Event, sequence: int, time: int) -> ExtensionState | None:
    """The state after one more event; events before the first install change nothing."""
    if isinstance(event, ExtensionInstalled):
        before = state if state is not None and state.installed else None
        return ExtensionState(
            extension=event.extension,
            version=event.version,
            manifest=event.manifest,
            module=event.module,
            module_bytes=event.module_bytes,
            installed_at=time,
            grant=before.grant if before is not None else None,
            granted_at=before.granted_at if before is not None else None,
            granted_by=before.granted_by if before is not None else "",
        )
    if state is None:
        return None
    if isinstance(event, PermissionsGranted):
        return msgspec.structs.replace(state, grant=event.grant, granted_at=time, granted_by=event.by)
    if isinstance(event, UpdateProposed):
        proposed = ProposedVersion(
            version=event.version,
            manifest=event.manifest,
            module=event.module,
            module_bytes=event.module_bytes,
            proposed_at=time,
        )
        return msgspec.structs.replace(state, proposed=proposed)
    if isinstance(event, UpgradePolicySet):
        return msgspec.structs.replace(state, upgrades=event.policies)
    if isinstance(event, UpdateDeclined):
        return msgspec.structs.replace(state, proposed=None)
    if isinstance(event, ExtensionLoaded):
        return msgspec.structs.replace(state, enabled=True, job_types=event.job_types, loaded_at=time)
    if isinstance(event, ExtensionUnloaded):
        return msgspec.structs.replace(state, enabled=False)
    if isinstance(event, ExtensionUninstalled):
        return msgspec.structs.replace(state, installed=False, enabled=False, proposed=None)
    return state
