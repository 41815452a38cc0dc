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
    ProvenanceRecorded,
    PublisherForgotten,
    PublisherPinned,
    UpdateDeclined,
    UpdateProposed,
    UpgradePolicySet,
)


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version comes from; the fields are those of `ProvenanceRecorded`."""

    package: str
    key: bytes
    name: str
    earlier: tuple[bytes, ...]
    accepted: bool
    by: str


class PinnedPublisher(msgspec.Struct, frozen=True, kw_only=True):
    """Who has to sign the extension's versions, since when; the fields are those of `PublisherPinned`."""

    key: bytes
    name: str
    package: str
    pinned_at: int
    by: str


class ProposedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version that waits for consent, while the installed one goes on."""

    version: str
    manifest: bytes
    module: str
    module_bytes: int
    proposed_at: int
    provenance: Provenance | None = None


class ExtensionState(msgspec.Struct, frozen=True, kw_only=True):
    """An extension as its events tell it. Times are microseconds since 1970.

    ``enabled`` is False after an unload, until the next load: nothing can be dispatched. ``module`` is the SHA-256 of
    the wasm bytes that new jobs run. ``grant`` is the JSON of what it was granted, None if nobody ever did;
    it outlives a new version, and ends with an uninstall. ``upgrades`` are the policies that somebody set for the
    installed version, by job type (`UpgradePolicySet`). ``provenance`` is None for a version that came without a
    signature. ``publisher`` is who has to sign the next one, None for anybody; it outlives an uninstall.
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
    provenance: Provenance | None = None
    publisher: PinnedPublisher | None = None


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
            publisher=state.publisher if state is not None else None,
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
    if isinstance(event, ProvenanceRecorded):
        return _with_provenance(state, event)
    if isinstance(event, PublisherPinned):
        pinned = PinnedPublisher(key=event.key, name=event.name, package=event.package, pinned_at=time, by=event.by)
        return msgspec.structs.replace(state, publisher=pinned)
    if isinstance(event, PublisherForgotten):
        return msgspec.structs.replace(state, publisher=None)
    if isinstance(event, ExtensionLoaded):
        return msgspec.structs.replace(state, enabled=True, job_types=event.job_types, loaded_at=time)
    if isinstance(event, ExtensionUnloaded):
        return msgspec.structs.replace(state, enabled=False)
    if isinstance(event, ExtensionUninstalled):
        return msgspec.structs.replace(state, installed=False, enabled=False, proposed=None)
    return state


def _with_provenance(state: ExtensionState, event: ProvenanceRecorded) -> ExtensionState:
    provenance = Provenance(
        package=event.package,
        key=event.key,
        name=event.name,
        earlier=event.earlier,
        accepted=event.accepted,
        by=event.by,
    )
    if not event.proposed:
        return msgspec.structs.replace(state, provenance=provenance)
    if state.proposed is None:
        return state
    return msgspec.structs.replace(state, proposed=msgspec.structs.replace(state.proposed, provenance=provenance))
