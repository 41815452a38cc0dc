"""Extensions: installing and loading them, their upgrades, what they may do and use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from perdure.runtime.budgets.account import BudgetState
from perdure.runtime.consent import Consent, ConsentRequest
from perdure.runtime.extension_info import ExtensionInfo
from perdure.runtime.facade.parts import Parts
from perdure.runtime.grants import Grant
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.packages.pinning import checked_rules
from perdure.runtime.permission_use import PermissionsReport, permissions_report
from perdure.runtime.rehearsal.job_rehearser import RehearsalLimits
from perdure.runtime.rehearsal.rehearsal import Rehearsal
from perdure.runtime.rehearsal.rehearsing import Told, rehearse
from perdure.runtime.upgrades import UpgradeReport


class ExtensionFacade(Parts):
    """What `Runtime` does with extensions."""

    def install(
        self,
        path: str | os.PathLike[str],
        *,
        consent: Consent | None = None,
        by: str = "python",
        upgrade: Mapping[str, str] | None = None,
        accept_publisher: str | None = None,
        unsigned: bool = False,
    ) -> ExtensionInfo:
        """See `Installer.install`; ``path`` is a package or a folder, ``by`` says who decides, for the log.

        ``upgrade`` says what becomes of unfinished jobs of other versions, by job type: ``{"counter": "checkpoint"}``,
        see `perdure.runtime.UpgradePolicy`; None: what the manifest says.

        ``accept_publisher`` is the fingerprint of who has to have signed it (words, or the key in hexadecimal digits):
        a first version must be theirs, a later one may take the place of another publisher's. ``unsigned`` takes a
        version without a signature although the extension is pinned to a publisher, who stays pinned.

        Raises:
            InvalidFingerprint: ``accept_publisher`` is none. Otherwise as `Installer.install`.
        """
        self._check()
        rules = checked_rules(accept_publisher, unsigned)
        return self._installer.install(Path(path), consent, by, upgrade, rules)

    def reload(self, extension: str, path: str | os.PathLike[str] | None = None) -> ExtensionInfo:
        """Load an extension anew, from ``path`` if given; running jobs go on with the module they started with."""
        self._check()
        if path is not None:
            self._installer.install(Path(path), None, "python")
        return self._extensions.load(extension)

    def uninstall(self, extension: str) -> None:
        """See `Extensions.uninstall`; shared folders are so no longer.

        Its publisher stays pinned, see `forget_publisher`.
        """
        self._check()
        self._extensions.uninstall(extension)
        self._events.forget(extension)
        self._shares.forget(extension)
        self._end_shares(extension)

    def forget_publisher(self, extension: str, *, by: str = "python") -> None:
        """See `Installer.forget_publisher`."""
        self._check()
        self._installer.forget_publisher(extension, by)

    def load(self, extension: str) -> ExtensionInfo:
        """See `Extensions.load`."""
        self._check()
        return self._extensions.load(extension)

    def unload(self, extension: str, *, stop_jobs: bool = False, timeout: float | None = None) -> None:
        """See `Extensions.unload`; ``timeout`` seconds, the settings' ``call_timeout`` if None."""
        self._check()
        self._extensions.unload(extension, stop_jobs=stop_jobs, timeout=self._seconds(timeout))

    def extensions(self) -> list[ExtensionInfo]:
        """All installed extensions, by id."""
        self._check()
        return self._extensions.list()

    def inspect(self, extension: str) -> ExtensionInfo:
        """One extension.

        Raises:
            UnknownExtension: it is not installed.
        """
        self._check()
        return self._extensions.info(extension)

    # --- upgrades -----------------------------------------------------------------------------------------------------

    def consent_request(self, extension: str) -> ConsentRequest:
        """See `Installer.request`."""
        self._check()
        return self._installer.request(extension)

    def installed_request(self, extension: str) -> ConsentRequest:
        """See `Installer.installed_request`."""
        self._check()
        return self._installer.installed_request(extension)

    def accept_update(
        self,
        extension: str,
        grant: Grant | None = None,
        *,
        by: str = "python",
        upgrade: Mapping[str, str] | None = None,
    ) -> ExtensionInfo:
        """See `Installer.accept_update`; ``upgrade`` as for `install`."""
        self._check()
        return self._installer.accept_update(extension, grant, by, upgrade)

    def decline_update(self, extension: str, *, by: str = "python") -> ExtensionInfo:
        """See `Installer.decline_update`."""
        self._check()
        return self._installer.decline_update(extension, by)

    def set_upgrade_policy(self, extension: str, upgrade: Mapping[str, str], *, by: str = "python") -> ExtensionInfo:
        """See `Installer.set_policies`."""
        self._check()
        return self._installer.set_policies(extension, upgrade, by)

    def upgrades(self, extension: str) -> UpgradeReport:
        """See `Extensions.upgrades`."""
        self._check()
        return self._extensions.upgrades(extension)

    def rehearse(
        self,
        version: str | os.PathLike[str],
        *,
        sample: int | None = 20,
        seed: int | None = None,
        workers: int | None = None,
        limits: RehearsalLimits | None = None,
        told: Told = lambda job, done, total: None,
    ) -> Rehearsal:
        """Run recorded jobs again with a new version of their extension, without any effect: before it is installed.

        See `perdure.runtime.rehearsal.rehearsing.rehearse`; ``version`` is a folder, or the id of an extension whose
        update waits for consent.
        """
        self._check()
        return rehearse(
            self.store,
            self.keychain,
            version,
            self.settings,
            sample=sample,
            seed=seed,
            workers=workers,
            limits=limits,
            told=told,
        )

    # --- permissions and budgets --------------------------------------------------------------------------------------

    def grant(self, extension: str, grant: Grant, *, by: str = "python") -> ExtensionInfo:
        """See `Installer.grant`."""
        self._check()
        return self._installer.grant(extension, grant, by)

    def permissions(self, extension: str) -> PermissionsReport:
        """See `permissions_report`."""
        self._check()
        return permissions_report(self.store, extension, self.keychain)

    def hosts_of(self, extension: str) -> HostRules:
        """The hosts that the extension may reach at this moment.

        Raises:
            UnknownExtension: it is not installed.
        """
        self._check()
        return self._extensions.effective(extension).hosts

    def budgets(self, extension: str) -> list[BudgetState]:
        """An extension's budgets at this moment, then those of its job types: limit, used, remaining, next room.

        Raises:
            UnknownExtension: it is not installed.
        """
        self._check()
        # One that is not loaded yet has used nothing in this process, but perhaps in the one before.
        self._book.grant(extension, self._extensions.effective(extension).budgets)
        running = [self.store.job(job_id).job_type for job_id in self._system.jobs.of(extension)]
        return self._book.states(extension, lambda name: running.count(f"{extension}:{name}") if name else len(running))
