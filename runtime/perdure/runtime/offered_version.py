"""A version of an extension that may be installed: what it is, who signed it, and what is recorded of that. Pure."""

from __future__ import annotations

import hashlib
from typing import Final, Self

import msgspec

from perdure.runtime.consent import Signer
from perdure.runtime.errors import NoUpdateProposed
from perdure.runtime.manifest import Manifest, parse_manifest
from perdure.runtime.packages.fingerprint import fingerprint
from perdure.runtime.packages.pinning import PINNING, PublisherRules, Trust, trusted
from perdure.runtime.packages.version_source import Signature, VersionSource
from perdure.store.events import (
    ExtensionEvent,
    ExtensionInstalled,
    ProvenanceRecorded,
    PublisherPinned,
    UpdateProposed,
)
from perdure.store.extension_state import ExtensionState, PinnedPublisher, ProposedVersion, Provenance

# Somebody said that it may take the place of the pinned publisher's.
_ON_PURPOSE: Final = frozenset({Trust.ACCEPTED, Trust.UNSIGNED_ACCEPTED})


class OfferedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version that may be installed; ``wasm`` is None if the blob store has it.

    ``signature`` says who signed it, None for nobody; ``trust`` why it is taken.
    """

    manifest: Manifest
    manifest_bytes: bytes
    module: str
    module_bytes: int
    wasm: bytes | None
    signature: Signature | None = None
    trust: Trust = Trust.UNSIGNED

    @classmethod
    def of(cls, source: VersionSource) -> Self:
        """What was handed over; `checked` says whether it may be taken."""
        package = source.extension
        return cls(
            manifest=package.manifest,
            manifest_bytes=package.manifest_bytes,
            module=hashlib.sha256(package.wasm_bytes).hexdigest(),
            module_bytes=len(package.wasm_bytes),
            wasm=package.wasm_bytes,
            signature=source.signature,
        )

    @property
    def extension(self) -> str:
        """The extension's id."""
        return self.manifest.id

    def checked(self, known: ExtensionState | None, rules: PublisherRules) -> Self:
        """The same, with why it is taken; ``known`` is the extension, also one that was removed.

        Raises:
            PublisherError: it is not taken.
        """
        if self.signature is None and rules.accept is None and known is not None and self.is_installed(known):
            return self  # the very bytes that are installed, from a folder: who signed them was asked before
        publisher = known.publisher if known is not None else None
        return msgspec.structs.replace(self, trust=trusted(self.extension, publisher, self.signature, rules))

    def is_installed(self, known: ExtensionState) -> bool:
        """Whether this is the installed version, to the byte."""
        return known.installed and (known.manifest, known.module) == (self.manifest_bytes, self.module)

    def is_proposed(self, state: ExtensionState) -> bool:
        """Whether this is the version that waits, to the byte, signed by the same."""
        proposed = state.proposed
        return (
            proposed is not None
            and (proposed.manifest, proposed.module) == (self.manifest_bytes, self.module)
            and not self.brings_news(proposed)
        )

    def brings_news(self, recorded: ExtensionState | ProposedVersion) -> bool:
        """Whether who answers for it is not what is recorded of the same bytes."""
        if self.trust is Trust.UNSIGNED:
            return False
        before = recorded.provenance
        signed = self.signature
        key, package = (signed.key, signed.package) if signed is not None else (b"", "")
        return before is None or (before.key, before.package, before.accepted) != (key, package, self._on_purpose)

    @property
    def _on_purpose(self) -> bool:
        return self.trust in _ON_PURPOSE

    # --- what is recorded --------------------------------------------------------------------------------------------

    def installed(self, known: ExtensionState | None, by: str) -> list[ExtensionEvent]:
        """When it is installed."""
        manifest = self.manifest
        event = ExtensionInstalled(manifest.id, manifest.version, self.manifest_bytes, self.module, self.module_bytes)
        return [event, *self.signed(known, by)]

    def proposed(self, by: str) -> list[ExtensionEvent]:
        """When it has to wait."""
        event = UpdateProposed(self.manifest.version, self.manifest_bytes, self.module, self.module_bytes)
        return [event, *self._provenance(by, proposed=True)]

    def signed(self, known: ExtensionState | None, by: str) -> list[ExtensionEvent]:
        """Of where it comes from, when it is or was installed, and of its publisher if that is not who was pinned."""
        events = self._provenance(by, proposed=False)
        before = known.publisher if known is not None else None
        signed = self.signature
        if signed is not None and self.trust in PINNING:
            previous = before.key if before is not None else b""
            events.append(PublisherPinned(signed.key, signed.name, signed.package, previous, str(self.trust), by))
        return events

    def _provenance(self, by: str, *, proposed: bool) -> list[ExtensionEvent]:
        if self.trust is Trust.UNSIGNED:
            return []
        signed = self.signature
        return [
            ProvenanceRecorded(
                version=self.manifest.version,
                package=signed.package if signed is not None else "",
                key=signed.key if signed is not None else b"",
                name=signed.name if signed is not None else "",
                earlier=signed.earlier if signed is not None else (),
                proposed=proposed,
                accepted=self._on_purpose,
                by=by,
            )
        ]

    def signer(self, pinned: PinnedPublisher | None) -> Signer | None:
        """What a person is told of who signed it; None where nobody did, and nobody has to."""
        if self.trust is Trust.UNSIGNED:
            return None
        signed = self.signature
        return Signer(
            name=signed.name if signed is not None else "",
            fingerprint=fingerprint(signed.key) if signed is not None else "",
            trust=self.trust,
            pinned=fingerprint(pinned.key) if pinned is not None else None,
        )


def installed_version(state: ExtensionState) -> OfferedVersion:
    """The version that is installed."""
    return OfferedVersion(
        manifest=parse_manifest(state.manifest),
        manifest_bytes=state.manifest,
        module=state.module,
        module_bytes=state.module_bytes,
        wasm=None,
        signature=_signature(state.provenance),
        trust=Trust.SAME if state.provenance is not None and state.provenance.key else Trust.UNSIGNED,
    )


def waiting_version(state: ExtensionState) -> OfferedVersion:
    """The version that waits for consent, if it may still be installed.

    Raises:
        NoUpdateProposed: none waits.
        PublisherError: the extension is pinned to somebody else by now.
    """
    proposed = state.proposed
    if proposed is None:
        raise NoUpdateProposed(state.extension)
    signature = _signature(proposed.provenance)
    on_purpose = proposed.provenance is not None and proposed.provenance.accepted
    accept = signature.key.hex() if signature is not None and on_purpose else None
    return OfferedVersion(
        manifest=parse_manifest(proposed.manifest),
        manifest_bytes=proposed.manifest,
        module=proposed.module,
        module_bytes=proposed.module_bytes,
        wasm=None,
        signature=signature,
        trust=trusted(state.extension, state.publisher, signature, PublisherRules(accept, on_purpose)),
    )


def _signature(provenance: Provenance | None) -> Signature | None:
    if provenance is None or not provenance.key:
        return None
    return Signature(package=provenance.package, key=provenance.key, name=provenance.name, earlier=provenance.earlier)
