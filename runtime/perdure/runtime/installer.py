"""Installs versions of extensions, and keeps what a person allowed them. Every decision is an event.

Nothing of an extension that asks for operations or the network is stored, compiled or run before a person has agreed.
A new version that asks for more than was granted waits, and the installed one goes on as if it were not there.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from perdure.runtime.budgets.budgets import Budgets
from perdure.runtime.consent import Consent, ConsentRequest, consent_request
from perdure.runtime.errors import ConsentDeclined, ConsentRequired, InvalidGrant, NoUpdateProposed
from perdure.runtime.extension_info import ExtensionInfo, grant_of
from perdure.runtime.extensions import Extensions
from perdure.runtime.grants import NOTHING, Grant, asks_for_anything, beyond, checked_grant, encode_grant
from perdure.runtime.manifest import ManifestPermissions, parse_manifest
from perdure.runtime.offered_version import OfferedVersion, installed_version, waiting_version
from perdure.runtime.packages.errors import NotPinned
from perdure.runtime.packages.pinning import ANY_PUBLISHER, PublisherRules
from perdure.runtime.packages.version_source import read_version
from perdure.runtime.permissions import OperationName
from perdure.runtime.upgrades import check_job_types, checked_policies
from perdure.store.event_store import EventStore
from perdure.store.events import (
    ExtensionEvent,
    JobType,
    PermissionsGranted,
    PublisherForgotten,
    UpdateDeclined,
    UpgradePolicySet,
    extension_stream,
)
from perdure.store.extension_state import ExtensionState, PinnedPublisher

logger = logging.getLogger(__name__)

MAX_BY: Final = 200

# What a decision was made on; if that has changed meanwhile, it is made anew.
_Basis = tuple[tuple[bytes, str, bytes | None] | None, PinnedPublisher | None]


class _Step(enum.Enum):
    NOTHING = enum.auto()  # it is installed already
    INSTALL = enum.auto()
    GRANT = enum.auto()  # it is installed already, and nobody had been asked yet
    PROPOSE = enum.auto()
    DECLINE = enum.auto()


class Installer:
    """Installs, updates and grants.

    Args:
        extensions: what is installed and loaded.
        summaries: what each registered operation does, in a line.
        consent: asked where a call brings no consent of its own; None: nobody is there to ask.
        budgets: the runtime's own, for what neither a manifest nor a grant says.
    """

    def __init__(
        self,
        extensions: Extensions,
        store: EventStore,
        summaries: Callable[[], Mapping[OperationName, str]],
        consent: Consent | None,
        budgets: Budgets,
    ) -> None:
        self._extensions = extensions
        self._store = store
        self._summaries = summaries
        self._consent = consent
        self._budgets = budgets

    # --- installing --------------------------------------------------------------------------------------------------

    def install(
        self,
        path: Path,
        consent: Consent | None,
        by: str,
        policies: Mapping[str, str] | None = None,
        rules: PublisherRules = ANY_PUBLISHER,
    ) -> ExtensionInfo:
        """Install the version at ``path``, a package or a folder, or a new version of it, and load it. Durable.

        Nothing is installed if it is installed already. A module that cannot be loaded is refused before anything is
        recorded. Jobs that have not ended go on with the module that they were dispatched with, or move to the new
        one: as ``policies`` says, by job type (``*`` for all others), or else the manifest. They are for a version that
        is installed by this call, or was before; one that has to wait gets its own from `accept_update`.

        A first version that asks for operations or the network needs consent. So does a new one that asks for more
        than was granted; without ``consent`` it is kept as the ``update`` of what is returned, the version that is
        installed, which goes on. What was granted stays granted.

        The publisher of the first package is pinned to the extension. From then on a version has to be signed by the
        same one, or by one whom that one endorsed; ``rules`` say otherwise. The bytes that are installed need no second
        signature.

        Raises:
            ManifestError, ModuleError, ExtensionFolderError: what is wrong with it.
            PackageError: the package cannot be read, or is not what its publisher signed; nothing was recorded.
            PublisherError: somebody else signed it, or nobody; nothing was recorded.
            ConsentRequired: nobody is there to agree; nothing was recorded.
            ConsentDeclined: a person did not agree.
            InvalidGrant: the consent's answer is no grant; nothing was recorded.
            InvalidUpgradePolicy: there is no such policy, or the version has no such job type; nothing was recorded.
        """
        offered = OfferedVersion.of(read_version(path))
        extension = offered.extension
        policies = checked_policies(extension, policies) if policies is not None else None
        while True:
            # Not while `changing` is held: a person may take an hour to answer.
            known = self._known(extension)
            version = offered.checked(known, rules)
            step, grant = self._decide(version, known, consent or self._consent)
            with self._extensions.changing(extension):
                if _basis(self._known(extension)) == _basis(known):
                    self._carry_out(step, version, known, grant, checked_by(by), policies)
                    return self._extensions.info(extension)

    def _decide(
        self, version: OfferedVersion, known: ExtensionState | None, consent: Consent | None
    ) -> tuple[_Step, Grant | None]:
        asked = version.manifest.permissions
        state = known if known is not None and known.installed else None
        if state is None:
            if not asks_for_anything(asked):
                return _Step.INSTALL, None
        elif version.is_installed(state):
            # By a release that asked nobody: a consent that is offered now is taken.
            if state.grant is not None or not asks_for_anything(asked) or consent is None:
                return _Step.NOTHING, None
            return _Step.GRANT, self._ask(consent, self._request(version, known)) or NOTHING
        elif not self._needs_consent(asked, state):
            return _Step.INSTALL, None
        request = self._request(version, known)
        if consent is None:
            if state is None:
                raise ConsentRequired(request)
            return _Step.PROPOSE, None
        grant = self._ask(consent, request)
        return (_Step.INSTALL, grant) if grant is not None else (_Step.DECLINE, None)

    def _needs_consent(self, asked: ManifestPermissions, state: ExtensionState) -> bool:
        if state.grant is None and not asks_for_anything(asked):
            return False
        return bool(beyond(asked, grant_of(state), parse_manifest(state.manifest).permissions))

    def _ask(self, consent: Consent, request: ConsentRequest) -> Grant | None:
        answer = consent(request)
        if answer is not None and not isinstance(answer, Grant):
            raise InvalidGrant("", answer, "a Grant, or None to decline")
        return checked_grant(answer) if answer is not None else None

    def _carry_out(
        self,
        step: _Step,
        version: OfferedVersion,
        known: ExtensionState | None,
        grant: Grant | None,
        by: str,
        policies: Mapping[str, str] | None,
    ) -> None:
        state = known if known is not None and known.installed else None
        if step in (_Step.NOTHING, _Step.GRANT):
            if state is not None and version.brings_news(state):
                self._append(version.extension, version.signed(state, by))
            if grant is not None:
                self._record_grant(version.extension, version.manifest.version, grant, by)
            if policies is not None:
                self._set_policies(version.extension, policies, by)
        elif step is _Step.DECLINE:
            if state is not None:
                events: list[ExtensionEvent] = []
                if not version.is_proposed(state):
                    self._keep(version)
                    events += version.proposed(by)
                self._append(version.extension, [*events, UpdateDeclined(version.manifest.version, by)])
            raise ConsentDeclined(version.extension, version.manifest.version)
        elif step is _Step.PROPOSE and state is not None:
            if not version.is_proposed(state):
                self._keep(version)
                self._append(version.extension, version.proposed(by))
                logger.info("extension %s %s waits for consent", version.extension, version.manifest.version)
        else:
            self._install(version, known, grant, by, policies)

    def _install(
        self,
        version: OfferedVersion,
        known: ExtensionState | None,
        grant: Grant | None,
        by: str,
        policies: Mapping[str, str] | None,
    ) -> None:
        job_types = self._keep(version)
        # In one append: a process that dies leaves a version with its publisher, or neither.
        events = version.installed(known, by)
        if grant is not None:
            events.append(PermissionsGranted(version.manifest.version, encode_grant(grant), by))
        if policies:
            check_job_types(policies, job_types)
            # In the same append: a process that dies before its jobs have moved leaves that to the next one.
            events.append(UpgradePolicySet(version.manifest.version, dict(policies), by))
        self._append(version.extension, events)
        self._extensions.load_installed(self._extensions.state(version.extension))

    def _keep(self, version: OfferedVersion) -> tuple[JobType, ...]:
        """Store the module, once it is known to load; returns what jobs it offers."""
        if version.wasm is not None:
            self._store.blobs.put(version.wasm)
        return self._extensions.try_out(version.extension, version.module, version.manifest)

    # --- what waits for consent --------------------------------------------------------------------------------------

    def request(self, extension: str) -> ConsentRequest:
        """What the version that waits for consent asks for.

        Raises:
            UnknownExtension: the extension is not installed.
            NoUpdateProposed: none of its versions waits.
        """
        state = self._extensions.state(extension)
        return self._request(waiting_version(state), state)

    def installed_request(self, extension: str) -> ConsentRequest:
        """What the installed version asks for; what of it is not granted is new.

        Raises:
            UnknownExtension: it is not installed.
        """
        state = self._extensions.state(extension)
        return self._request(installed_version(state), state)

    def accept_update(
        self, extension: str, grant: Grant | None, by: str, policies: Mapping[str, str] | None = None
    ) -> ExtensionInfo:
        """Install the version that waits for consent. Durable.

        ``grant`` is what it may do; None is what was granted before and what it newly asks for. ``policies`` as for
        `install`.

        Raises:
            UnknownExtension: the extension is not installed.
            NoUpdateProposed: none of its versions waits.
            ModuleError: it cannot be loaded; nothing was recorded.
            InvalidGrant: that is no grant.
            InvalidUpgradePolicy: as `install`.
            PublisherError: since it was handed over, the extension was pinned to somebody else.
        """
        policies = checked_policies(extension, policies) if policies is not None else None
        with self._extensions.changing(extension):
            state = self._extensions.state(extension)
            version = waiting_version(state)
            if grant is None:
                grant = self._request(version, state).as_asked()
            self._install(version, state, checked_grant(grant), checked_by(by), policies)
            return self._extensions.info(extension)

    # --- jobs of other versions --------------------------------------------------------------------------------------

    def set_policies(self, extension: str, policies: Mapping[str, str], by: str) -> ExtensionInfo:
        """Say what becomes of unfinished jobs that do not run the installed version, by job type. Durable.

        It takes the place of what was set before; what ``policies`` leave out is as the manifest says. Jobs that run
        are moved as soon as their policy allows; one that is stopped, when it goes on.

        Raises:
            UnknownExtension: it is not installed.
            InvalidUpgradePolicy: there is no such policy, or the version has no such job type.
            ExtensionDisabled, ModuleError: it cannot be loaded, so nobody knows its job types.
        """
        checked = checked_policies(extension, policies)
        with self._extensions.changing(extension):
            self._set_policies(extension, checked, checked_by(by))
            return self._extensions.info(extension)

    def _set_policies(self, extension: str, policies: Mapping[str, str], by: str) -> None:
        state = self._extensions.ensure_loaded(extension)
        check_job_types(policies, state.job_types)
        if state.upgrades != policies:
            self._append(extension, [UpgradePolicySet(state.version, dict(policies), by)])
            self._extensions.move_jobs(extension)

    def decline_update(self, extension: str, by: str) -> ExtensionInfo:
        """Drop the version that waits for consent. Durable.

        Raises:
            UnknownExtension: the extension is not installed.
            NoUpdateProposed: none of its versions waits.
        """
        with self._extensions.changing(extension):
            proposed = self._extensions.state(extension).proposed
            if proposed is None:
                raise NoUpdateProposed(extension)
            self._append(extension, [UpdateDeclined(proposed.version, checked_by(by))])
            return self._extensions.info(extension)

    # --- granting ----------------------------------------------------------------------------------------------------

    def grant(self, extension: str, grant: Grant, by: str) -> ExtensionInfo:
        """Set what the extension may do, of what its manifest asks for. Durable.

        It holds from the next call on, also for jobs that run. What it has beyond the manifest waits for a version
        that asks for it, which then needs no other consent.

        Raises:
            UnknownExtension: it is not installed.
            InvalidGrant: the grant is none.
        """
        checked = checked_grant(grant)
        with self._extensions.changing(extension):
            state = self._extensions.state(extension)
            if grant_of(state) != checked:
                self._record_grant(extension, state.version, checked, checked_by(by))
            return self._extensions.info(extension)

    def _record_grant(self, extension: str, version: str, grant: Grant, by: str) -> None:
        self._append(extension, [PermissionsGranted(version, encode_grant(grant), by)])
        self._extensions.apply(self._extensions.state(extension))

    # --- publishers --------------------------------------------------------------------------------------------------

    def forget_publisher(self, extension: str, by: str) -> None:
        """Let the next signed version bring its publisher; the extension may be installed or removed. Durable.

        Raises:
            UnknownExtension: it was never installed.
            NotPinned: it is pinned to nobody.
        """
        with self._extensions.changing(extension):
            known = self._known(extension)
            if known is None:
                self._extensions.state(extension)
            if known is None or known.publisher is None:
                raise NotPinned(extension)
            self._append(extension, [PublisherForgotten(known.publisher.key, checked_by(by))])

    # --- reading -----------------------------------------------------------------------------------------------------

    def _known(self, extension: str) -> ExtensionState | None:
        """The extension, also one that was removed: it may be pinned."""
        state = self._store.state(extension_stream(extension))
        return state if isinstance(state, ExtensionState) else None

    def _request(self, version: OfferedVersion, known: ExtensionState | None) -> ConsentRequest:
        manifest = version.manifest
        state = known if known is not None and known.installed else None
        asked = manifest.permissions
        granted = grant_of(state) if state is not None else None
        same = state is not None and parse_manifest(state.manifest) == manifest
        before = parse_manifest(state.manifest).permissions if state is not None and not same else None
        # Where nobody was ever asked, everything is new.
        excess = beyond(asked, granted, before if granted is not None else None)
        return consent_request(
            manifest,
            installed=state.version if state is not None else None,
            granted=granted,
            excess=excess,
            summaries=self._summaries(),
            default=self._budgets,
            signer=version.signer(known.publisher if known is not None else None),
        )

    def _append(self, extension: str, events: list[ExtensionEvent]) -> None:
        self._extensions.system.append(extension_stream(extension), events)


def checked_by(by: str) -> str:
    """Who decided, as it is recorded: one line.

    Raises:
        InvalidGrant: it is no text of 1 to `MAX_BY` printable characters.
    """
    if not 1 <= len(by) <= MAX_BY or not by.isprintable():
        raise InvalidGrant("by", by, f"who decided, in 1 to {MAX_BY} printable characters")
    return by


def _basis(known: ExtensionState | None) -> _Basis:
    if known is None:
        return None, None
    installed = (known.manifest, known.module, known.grant) if known.installed else None
    return installed, known.publisher
