"""The extensions of a runtime: installed in the log, loaded into actors."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import msgspec

from perdure.actors.errors import ExtensionBusy
from perdure.actors.recovery import requeue
from perdure.actors.system import ActorSystem
from perdure.runtime.abi1.describe import cleanup, describe
from perdure.runtime.errors import ExtensionDisabled, ExtensionInUse, UnknownExtension
from perdure.runtime.extension_folder import ExtensionPackage, read_extension
from perdure.runtime.manifest import Manifest, parse_manifest
from perdure.runtime.operations.service import OperationService
from perdure.runtime.permissions import Permissions
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.wasm.module_cache import ModuleCache
from perdure.runtime.wasm.sandbox import SandboxLimits
from perdure.store.event_store import EventStore, JobQuery
from perdure.store.events import ExtensionInstalled, ExtensionUninstalled, JobLimits, JobType, extension_stream
from perdure.store.extension_state import ExtensionState
from perdure.store.lifecycle import UNFINISHED, Status

logger = logging.getLogger(__name__)


class ExtensionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An extension as it is now. ``job_types`` are those of its last load, ``warnings`` those of its manifest."""

    extension: str
    version: str
    enabled: bool
    loaded: bool
    module: str
    module_bytes: int
    job_types: tuple[JobType, ...]
    manifest: Manifest
    warnings: tuple[str, ...]


def installed_extensions(store: EventStore) -> list[ExtensionState]:
    """The installed extensions, by id; also from another process."""
    states = (store.state(stream) for stream in store.streams("extension:"))
    return [state for state in states if isinstance(state, ExtensionState) and state.installed]


class LoadedExtension:
    """What an extension's actor runs of its module (`perdure.actors.ExtensionCode`)."""

    def __init__(self, extension: str, module: str, manifest: Manifest, cache: ModuleCache, limits: InitLimits) -> None:
        self._extension = extension
        self._module = module
        self._manifest = manifest
        self._cache = cache
        self._limits = limits

    @property
    def concurrent_jobs(self) -> int:
        """See `ExtensionCode.concurrent_jobs`."""
        return self._manifest.permissions.rate_limits.concurrent_jobs

    def initialise(self) -> tuple[JobType, ...]:
        """See `ExtensionCode.initialise`.

        Raises:
            InitFailed: ``plugin_init`` trapped, looped or returned an error.
        """
        sandbox = self._limits.sandbox(self._manifest)
        return describe(self._extension, self._cache.loader(self._module), sandbox, seconds=self._limits.seconds)

    def cleanup(self) -> None:
        """See `ExtensionCode.cleanup`."""
        sandbox = self._limits.sandbox(self._manifest)
        try:
            cleanup(self._extension, self._cache.loader(self._module), sandbox, seconds=self._limits.seconds)
        except Exception as error:  # noqa: BLE001  # whatever a guest's clean-up does, the extension goes
            logger.warning("extension %s was not cleaned up: %s", self._extension, error)


class InitLimits(msgspec.Struct, frozen=True):
    """What a module may use outside of its jobs: seconds of wall clock, fuel."""

    seconds: float
    fuel: int

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
        self._limits = InitLimits(settings.init_seconds, settings.init_fuel)
        self._loaded: dict[str, ExtensionState] = {}
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
            warnings=manifest.warnings,
        )

    def manifest(self, extension: str) -> Manifest:
        """The manifest of the installed version."""
        return parse_manifest(self.state(extension).manifest)

    def code_of(self, extension: str) -> LoadedExtension:
        """What the extension's actor runs; called by that actor when it is told to load."""
        state = self.state(extension)
        return LoadedExtension(extension, state.module, parse_manifest(state.manifest), self._cache, self._limits)

    # --- changes -----------------------------------------------------------------------------------------------------

    def _changing(self, extension: str) -> threading.RLock:
        return self._changes.setdefault(extension, threading.RLock())

    def install(self, folder: Path) -> ExtensionInfo:
        """Install what is in ``folder``, or a new version of it, and load it. Durable.

        Nothing happens if it is installed already. A module that cannot be loaded is refused before anything is
        recorded. Jobs that run go on with the module they started with.

        Raises:
            ManifestError, ModuleError, ExtensionFolderError: what is wrong with it.
        """
        package = read_extension(folder)
        extension = package.manifest.id
        module = hashlib.sha256(package.wasm_bytes).hexdigest()
        with self._changing(extension):
            present = self._store.state(extension_stream(extension))
            if (
                isinstance(present, ExtensionState)
                and present.installed
                and (present.manifest, present.module) == (package.manifest_bytes, module)
            ):
                return self._info(present)
            self._store.blobs.put(package.wasm_bytes)
            self._try_out(package, module)
            self.system.append(
                extension_stream(extension),
                [
                    ExtensionInstalled(
                        extension=extension,
                        version=package.manifest.version,
                        manifest=package.manifest_bytes,
                        module=module,
                        module_bytes=len(package.wasm_bytes),
                    )
                ],
            )
            self._load(self.state(extension))
            return self.info(extension)

    def _try_out(self, package: ExtensionPackage, module: str) -> None:
        manifest = package.manifest
        LoadedExtension(manifest.id, module, manifest, self._cache, self._limits).initialise()

    def load(self, extension: str) -> ExtensionInfo:
        """Load an extension, or load it anew; its queued jobs go on. Durable.

        Raises:
            UnknownExtension: it is not installed.
            ModuleError: it cannot be loaded; what was loaded before stays.
        """
        self.state(extension)
        with self._changing(extension):
            self._load(self.state(extension))
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
        with self._changing(extension):
            state = self.state(extension)
            if not state.enabled:
                raise ExtensionDisabled(extension)
            if not self._is_current(state):
                self._load(state)
            return self.state(extension)

    def _is_current(self, state: ExtensionState) -> bool:
        """Whether what is loaded is what is installed: between an install's two events it is not."""
        loaded = self._loaded.get(state.extension)
        return loaded is not None and (loaded.manifest, loaded.module) == (state.manifest, state.module)

    def _load(self, state: ExtensionState) -> None:
        manifest = parse_manifest(state.manifest)
        permissions = manifest.permissions
        self.system.load(state.extension, state.version, state.module, self._timeout)
        self._operations.grant(
            state.extension, Permissions.of(permissions), permissions.rate_limits.requests_per_minute
        )
        self._loaded[state.extension] = state

    def _admit_unfinished(self, extension: str) -> None:
        """Jobs that were stopped by an unload, or could not be recovered for want of the extension."""
        waiting = frozenset({Status.QUEUED, Status.SUSPENDED})
        page = self._store.jobs(JobQuery(statuses=waiting, extension=extension, limit=1_000_000))
        requeue(self.system, [state for state in reversed(page.jobs) if self.system.running(state.job_id) is None])

    def unload(self, extension: str, *, stop_jobs: bool, timeout: float) -> None:
        """Switch an extension off: wait for its jobs, or stop them, then clean up. Durable.

        Its queued jobs stay queued, those that were stopped are suspended; a `load` lets them go on.

        Raises:
            UnknownExtension: it is not installed.
            ExtensionBusy: its jobs did not end within ``timeout`` seconds; it is still loaded and runs no new ones.
        """
        self.state(extension)
        with self._changing(extension):
            self.state(extension)
            running = self.system.stop_admitting(extension, self._timeout)
            if stop_jobs:
                self.system.suspend_jobs(running, "the extension was unloaded")
            if not self.system.wait_ended(running, timeout):
                raise ExtensionBusy(extension, tuple(self.system.running_of(extension)))
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
        with self._changing(extension):
            self.state(extension)
            page = self._store.jobs(JobQuery(statuses=UNFINISHED, extension=extension, limit=1_000))
            if page.jobs:
                raise ExtensionInUse(extension, tuple(state.job_id for state in page.jobs))
            # Its jobs' ends are on disk; the actors that recorded them may take a moment to go.
            self.system.wait_ended(self.system.running_of(extension), self._timeout)
            self.system.unload(extension, self._timeout, record=False)
            self._loaded.pop(extension, None)
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
