"""Extensions as they are: what is installed, what it was granted, and which version waits for consent."""

from __future__ import annotations

import msgspec

from perdure.runtime.grants import Grant, decode_grant
from perdure.runtime.manifest import Manifest, parse_manifest
from perdure.store.event_store import EventStore
from perdure.store.events import JobType, extension_stream
from perdure.store.extension_state import ExtensionState, PinnedPublisher, Provenance


class ProposedUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A version that waits for consent. ``proposed_at`` is in microseconds since 1970."""

    version: str
    manifest: Manifest
    module: str
    module_bytes: int
    proposed_at: int


class ExtensionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An extension as it is now. ``job_types`` are those of its last load, ``warnings`` about its manifest.

    ``grant`` is None where nobody was asked: it wants no operations and no network, or was installed by a release that
    did not ask, and may then do neither. ``update`` is a version that waits for consent. ``provenance`` says who signed
    the installed version, None for one without a signature; ``publisher`` who has to sign the next, None for anybody.
    """

    extension: str
    version: str
    enabled: bool
    loaded: bool
    module: str
    module_bytes: int
    job_types: tuple[JobType, ...]
    manifest: Manifest
    warnings: tuple[str, ...]
    grant: Grant | None
    granted_at: int | None
    granted_by: str
    update: ProposedUpdate | None
    provenance: Provenance | None
    publisher: PinnedPublisher | None


def installed_extensions(store: EventStore) -> list[ExtensionState]:
    """The installed extensions, by id; also from another process."""
    states = (store.state(stream) for stream in store.streams("extension:"))
    return [state for state in states if isinstance(state, ExtensionState) and state.installed]


def is_installed(store: EventStore, extension: str) -> bool:
    """Whether an extension of this name is."""
    state = store.state(extension_stream(extension))
    return isinstance(state, ExtensionState) and state.installed


def grant_of(state: ExtensionState) -> Grant | None:
    """What the extension was granted; None if nobody ever granted it anything.

    Raises:
        CorruptLog: the log holds something else.
    """
    return decode_grant(state.grant) if state.grant is not None else None


def proposed_update(state: ExtensionState) -> ProposedUpdate | None:
    """The version that waits for consent, None if none does."""
    proposed = state.proposed
    if proposed is None:
        return None
    return ProposedUpdate(
        version=proposed.version,
        manifest=parse_manifest(proposed.manifest),
        module=proposed.module,
        module_bytes=proposed.module_bytes,
        proposed_at=proposed.proposed_at,
    )
