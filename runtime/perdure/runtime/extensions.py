"""The extensions of a runtime: installed in the log, loaded into actors."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.errors import ExtensionBusy
from perdure.actors.messages import SlotFree
from perdure.actors.recovery import requeue
from perdure.actors.system import ActorSystem
from perdure.actors.upgrading import Upgrade
from perdure.runtime.budgets.budgets import Budgets
from perdure.runtime.errors import ExtensionDisabled, ExtensionInUse, UnknownExtension
from perdure.runtime.extension_info import (
    ExtensionInfo,
    grant_of,
    installed_extensions,
    proposed_update,
)
from perdure.runtime.grants import Effective, effective
from perdure.runtime.guests.describe import cleanup, describe
from perdure.runtime.manifest import Manifest, parse_manifest
from perdure.runtime.operations.service import OperationService
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.upgrades import (
    UpgradeReport,
    is_of_another_version,
    job_upgrade,
    unknown_jobs,
    upgrade_of,
)
from perdure.runtime.wasm.boundary.names import BoundaryChoice
from perdure.runtime.wasm.guest_store import SandboxLimits
from perdure.runtime.wasm.module_cache import ModuleCache
from perdure.store.event_store import EventStore, JobQuery
from perdure.store.events import ExtensionUninstalled, JobLimits, JobType, extension_stream
from perdure.store.extension_state import ExtensionState
from perdure.store.job_state import JobState
from perdure.store.lifecycle import UNFINISHED, Status

logger = logging.getLogger(__name__)

_NO_LIMIT: Final = 2**31


class LoadedExtension:
    """What an extension's actor runs of its module (`perdure.actors.ExtensionCode`)."""

    def __init__(
        self,
        extension: str,
        module: str,
        manifest: Manifest,
        cache: ModuleCache,
        limits: InitLimits,
        budgets: Callable[[], Budgets],
    ) -> None:
        self._extension = extension
        self._module = module
        self._manifest = manifest
        self._cache = cache
        self._limits = limits
        self._budgets = budgets

    @property
    def concurrent_jobs(self) -> int:
        """See `ExtensionCode.concurrent_jobs`."""
        limit = self._budgets().concurrent_jobs.limit
        return limit if limit is not None else _NO_LIMIT

    def initialise(self) -> tuple[JobType, ...]:
        """See `ExtensionCode.initialise`.

        Raises:
            InitFailed: ``plugin_init`` trapped, looped or returned an error.
        """
        sandbox = self._limits.sandbox(self._manifest)
        limits = self._limits
        return describe(
            self._extension,
            self._cache.loader(self._module),
            sandbox,
            seconds=limits.seconds,
            boundary=limits.boundary,
        )

    def cleanup(self) -> None:
        """See `ExtensionCode.cleanup`."""
        sandbox = self._limits.sandbox(self._manifest)
        try:
            cleanup(
                self._extension,
                self._cache.loader(self._module),
                sandbox,
                seconds=self._limits.seconds,
                boundary=self._limits.boundary,
            )
        except Exception as error:  # noqa: BLE001  # whatever a guest's clean-up does, the extension goes
            logger.warning("extension %s was not cleaned up: %s", self._extension, error)


class InitLimits(msgspec.Struct, frozen=True):
    """What a module may use outside of its jobs (seconds of wall clock, fuel), and the boundary it is behind."""

    seconds: float
    fuel: int
    boundary: BoundaryChoice = "auto"

    def sandbox(self, manifest: Manifest) -> SandboxLimits:
        """The limits of one such run."""
        memory = manifest.permissions.max_memory_mb * 1024 * 1024
        return SandboxLimits(fuel=self.fuel, memory_bytes=memory, stack_bytes=JobLimits().stack_bytes)


class Extensions:
    """Installs, loads, unloads and lists extensions; every change is an event of the extension's stream."""

    def __init__(
        self, store: EventStore, cache: ModuleCache, operations: OperationService, settings: RuntimeSettings
    ) -> None:
        self._store = store
        self._cache = cache
        self._operations = operations
        self._timeout = settings.call_timeout
        self._budgets = settings.budgets
        self._limits = InitLimits(settings.init_seconds, settings.init_fuel, settings.boundary)
        self._loaded: dict[str, ExtensionState] = {}
        # By extension: the bytes of a manifest and a grant, and what they come to.
        self._effective: dict[str, tuple[bytes, bytes | None, Effective]] = {}
        # One install, load or unload of an extension at a time. Not of all: an unload may wait long for its jobs.
        self._changes: dict[str, threading.RLock] = {}
        self.system: ActorSystem  # set by the runtime, whose actors need `code_of`

    # --- what there is -----------------------------------------------------------------------------------------------

    def state(self, extension: str) -> ExtensionState:
        """The extension's state.

        Raises:
            UnknownExtension: it is not installed.
        """
        state = self._store.state(extension_stream(extension))
        if not isinstance(state, ExtensionState) or not state.installed:
            known = [known.extension for known in installed_extensions(self._store)]
            raise UnknownExtension(extension, tuple(known))
        return state

    def info(self, extension: str) -> ExtensionInfo:
        """The extension as it is now.

        Raises:
            UnknownExtension: it is not installed.
        """
        return self._info(self.state(extension))

    def list(self) -> list[ExtensionInfo]:
        """All installed extensions, by id."""
        return [self._info(state) for state in installed_extensions(self._store)]

    def _info(self, state: ExtensionState) -> ExtensionInfo:
        manifest = parse_manifest(state.manifest)
        return ExtensionInfo(
            extension=state.extension,
            version=state.version,
            enabled=state.enabled,
            loaded=state.extension in self._loaded,
            module=state.module,
            module_bytes=state.module_bytes,
            job_types=state.job_types,
            manifest=manifest,
            warnings=(*manifest.warnings, *unknown_jobs(manifest, state.job_types)),
            grant=grant_of(state),
            granted_at=state.granted_at,
            granted_by=state.granted_by,
            update=proposed_update(state),
            provenance=state.provenance,
            publisher=state.publisher,
        )

    def manifest(self, extension: str) -> Manifest:
        """The manifest of the installed version."""
        return parse_manifest(self.state(extension).manifest)

    def code_of(self, extension: str) -> LoadedExtension:
        """What the extension's actor runs; called by that actor when it is told to load."""
        state = self.state(extension)
        return self._code(extension, state.module, parse_manifest(state.manifest))

    def _code(self, extension: str, module: str, manifest: Manifest) -> LoadedExtension:
        return LoadedExtension(
            extension, module, manifest, self._cache, self._limits, lambda: self._last_effective(extension).budgets
        )

    def effective(self, extension: str) -> Effective:
        """What the extension may do at this moment.

        Raises:
            UnknownExtension: it is not installed.
        """
        return self._effective_of(self.state(extension))

    def _last_effective(self, extension: str) -> Effective:
        """As `apply` last had it: for its actor, which asks often."""
        known = self._effective.get(extension)
        return known[2] if known is not None else self.effective(extension)

    def _effective_of(self, state: ExtensionState) -> Effective:
        known = self._effective.get(state.extension)
        if known is not None and known[:2] == (state.manifest, state.grant):
            return known[2]
        asked = parse_manifest(state.manifest).permissions
        found = effective(asked, grant_of(state), self._budgets)
        self._effective[state.extension] = (state.manifest, state.grant, found)
        return found

    # --- changes -----------------------------------------------------------------------------------------------------

    def changing(self, extension: str) -> threading.RLock:
        """Held while an extension is changed."""
        return self._changes.setdefault(extension, threading.RLock())

    def try_out(self, extension: str, module: str, manifest: Manifest) -> tuple[JobType, ...]:
        """Initialise a module, whose bytes are in the blob store, without loading it; returns its job types.

        Raises:
            ModuleError: it cannot be loaded.
        """
        return self._code(extension, module, manifest).initialise()

    def apply(self, state: ExtensionState) -> None:
        """Let what the extension may do hold from its next call on, also for jobs that run."""
        allowed = self._effective_of(state)
        self._operations.grant(state.extension, allowed.permissions, allowed.budgets)
        if state.extension in self._loaded:
            # There may be room for more jobs at once.
            self.system.extension_address(state.extension).tell(SlotFree())

    def load(self, extension: str) -> ExtensionInfo:
        """Load an extension, or load it anew; its queued jobs go on. Durable.

        Raises:
            UnknownExtension: it is not installed.
            ModuleError: it cannot be loaded; what was loaded before stays.
        """
        self.state(extension)
        with self.changing(extension):
            self.load_installed(self.state(extension))
            self._admit_unfinished(extension)
            return self.info(extension)

    def ensure_loaded(self, extension: str) -> ExtensionState:
        """Load an extension that is installed, not switched off, and not loaded yet.

        Raises:
            UnknownExtension, ModuleError: as `load`.
            ExtensionDisabled: it was unloaded on purpose.
        """
        state = self.state(extension)
        if state.enabled and self._is_current(state):
            return state  # also while an unload waits for its jobs: what is dispatched then waits for the next load
        with self.changing(extension):
            state = self.state(extension)
            if not state.enabled:
                raise ExtensionDisabled(extension)
            if not self._is_current(state):
                self.load_installed(state)
            return self.state(extension)

    def _is_current(self, state: ExtensionState) -> bool:
        """Whether what is loaded is what is installed: between an install's two events it is not."""
        loaded = self._loaded.get(state.extension)
        return loaded is not None and (loaded.manifest, loaded.module) == (state.manifest, state.module)

    def load_installed(self, state: ExtensionState) -> None:
        """Load what is installed; the caller holds `changing`.

        Raises:
            ModuleError: it cannot be loaded; what was loaded before stays.
        """
        before = self._loaded.get(state.extension)
        # Before the load, which starts jobs that wait: their first call is checked like any other.
        self.apply(state)
        try:
            self.system.load(state.extension, state.version, state.module, self._timeout)
        except BaseException:
            if before is not None:
                self.apply(before)
            raise
        self._loaded[state.extension] = state
        self.move_jobs(state.extension)

    # --- jobs of other versions --------------------------------------------------------------------------------------

    def upgrade_of(self, job: JobState) -> Upgrade | None:
        """The version that a job is to move to, if there is one. Raises `StoreError` if the log cannot be read."""
        installed = self._store.state(extension_stream(job.extension))
        return upgrade_of(job, installed) if isinstance(installed, ExtensionState) else None

    def upgrades(self, extension: str) -> UpgradeReport:
        """What becomes of the unfinished jobs that do not run the installed version.

        Raises:
            UnknownExtension: it is not installed.
        """
        state = self.state(extension)
        page = self._store.jobs(JobQuery(statuses=UNFINISHED, extension=extension, limit=1_000_000))
        jobs = tuple(job_upgrade(job, state) for job in reversed(page.jobs) if is_of_another_version(job, state))
        return UpgradeReport(extension=extension, version=state.version, jobs=jobs)

    def move_jobs(self, extension: str) -> None:
        """Let jobs that run move to the installed version, where their policy wants it; others do when they go on."""
        report = self.upgrades(extension)
        for line in msgspec.structs.replace(report, jobs=report.refused).lines:
            logger.warning("%s", line)
        self.system.move_running(extension)

    def _admit_unfinished(self, extension: str) -> None:
        """Jobs that were stopped by an unload, or could not be recovered for want of the extension."""
        waiting = frozenset({Status.QUEUED, Status.SUSPENDED})
        page = self._store.jobs(JobQuery(statuses=waiting, extension=extension, limit=1_000_000))
        requeue(self.system, [state for state in reversed(page.jobs) if self.system.jobs.get(state.job_id) is None])

    def unload(self, extension: str, *, stop_jobs: bool, timeout: float) -> None:
        """Switch an extension off: wait for its jobs, or stop them, then clean up. Durable.

        Its queued jobs stay queued, those that were stopped are suspended; a `load` lets them go on.

        Raises:
            UnknownExtension: it is not installed.
            ExtensionBusy: its jobs did not end within ``timeout`` seconds; it is still loaded and runs no new ones.
        """
        self.state(extension)
        with self.changing(extension):
            self.state(extension)
            running = self.system.stop_admitting(extension, self._timeout)
            if stop_jobs:
                self.system.suspend_jobs(running, "the extension was unloaded")
            if not self.system.jobs.wait_ended(running, timeout):
                raise ExtensionBusy(extension, tuple(self.system.jobs.of(extension)))
            self.ensure_actor_knows(extension)
            self.system.unload(extension, self._timeout)
            self._loaded.pop(extension, None)

    def ensure_actor_knows(self, extension: str) -> None:
        """An unload is recorded by the extension's actor, so it needs one, loaded or not."""
        self.system.extension_address(extension)

    def uninstall(self, extension: str) -> None:
        """Remove an extension; its history and its module stay in the log. Durable.

        Raises:
            UnknownExtension: it is not installed.
            ExtensionInUse: it has unfinished jobs.
        """
        self.state(extension)
        with self.changing(extension):
            self.state(extension)
            page = self._store.jobs(JobQuery(statuses=UNFINISHED, extension=extension, limit=1_000))
            if page.jobs:
                raise ExtensionInUse(extension, tuple(state.job_id for state in page.jobs))
            # Its jobs' ends are on disk; the actors that recorded them may take a moment to go.
            self.system.jobs.wait_ended(self.system.jobs.of(extension), self._timeout)
            self.system.unload(extension, self._timeout, record=False)
            self._loaded.pop(extension, None)
            self._effective.pop(extension, None)
            self._operations.revoke(extension)
            self.system.append(extension_stream(extension), [ExtensionUninstalled()])

    def load_for(self, job_ids: Iterable[tuple[UUID, str]]) -> dict[UUID, Exception]:
        """Load the extensions of these (job, extension) pairs; returns the jobs whose extension cannot be loaded."""
        failed: dict[UUID, Exception] = {}
        refused: dict[str, Exception] = {}
        for job_id, extension in job_ids:
            if extension not in refused:
                try:
                    self.ensure_loaded(extension)
                except Exception as error:  # noqa: BLE001  # one bad extension must not keep the others from recovering
                    logger.error("extension %s cannot be loaded, its jobs wait: %s", extension, error)
                    refused[extension] = error
            if extension in refused:
                failed[job_id] = refused[extension]
        return failed
