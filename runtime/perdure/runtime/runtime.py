"""The runtime: what an embedder opens, and everything it can do.

    with Runtime.open("data") as runtime:
        runtime.install("examples/counter")
        job = runtime.dispatch("counter:counter", {"target": 2000})
        print(job.wait().status)

Durability: a call that changes something (`install`, `load`, `dispatch`, `pause`, …) returns after its event is synced
to disk. What a job reports is in the log, in order, within 20 ms or with its next checkpoint.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from msgspec import UNSET

from perdure.actors import recovery
from perdure.actors.clock import Clock, SystemClock
from perdure.actors.hooks import ActorHooks
from perdure.actors.messages import Admit, Control
from perdure.actors.system import ActorSystem, SystemSettings
from perdure.runtime.abi1.guest import ModuleGuestFactory
from perdure.runtime.budgets.account import BudgetState
from perdure.runtime.budgets.book import BudgetBook
from perdure.runtime.composition.operations import job_operations
from perdure.runtime.config.operations import Configuration
from perdure.runtime.consent import Consent, ConsentRequest
from perdure.runtime.credentials.tidying import destroy_unused_keys, tidy_credentials
from perdure.runtime.dispatching import Dispatching, Prepared
from perdure.runtime.doubts import Doubt, Resolution, doubt_of, resolution_of
from perdure.runtime.errors import (
    RuntimeClosedError,
)
from perdure.runtime.extensions import ExtensionInfo, Extensions
from perdure.runtime.grants import Grant
from perdure.runtime.history import HistoryEntry, history, state_at
from perdure.runtime.housekeeping import Chore, Housekeeping
from perdure.runtime.http.hosts import HostRules
from perdure.runtime.idempotency import JobRequest, KeyedDispatch, checked_key, keyed_job
from perdure.runtime.installer import Installer
from perdure.runtime.job_handle import JobHandle
from perdure.runtime.operations.discovery import BrokenEntryPoint, register_discovered
from perdure.runtime.operations.host_calls import HostCalls
from perdure.runtime.operations.registry import OperationRegistry
from perdure.runtime.operations.service import OperationService
from perdure.runtime.permission_use import PermissionsReport, permissions_report
from perdure.runtime.permissions import OperationName
from perdure.runtime.proof.bundle_writer import Written
from perdure.runtime.proof.modules import machine_code_of
from perdure.runtime.proof.proof import Proof
from perdure.runtime.proof.run_check import Stop
from perdure.runtime.proof.verifying import Verifier
from perdure.runtime.rehearsal.job_rehearser import RehearsalLimits
from perdure.runtime.rehearsal.rehearsal import Rehearsal
from perdure.runtime.rehearsal.rehearsing import Told, rehearse
from perdure.runtime.retention.policy import RetentionPolicy
from perdure.runtime.retention.retention import FoldReport, Retention
from perdure.runtime.seals.sealed_log import Seal
from perdure.runtime.seals.sealer import Sealer
from perdure.runtime.secrets.erasure import Eraser, Erasure, finish_erasures
from perdure.runtime.secrets.key_files import MemoryKeyFiles
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.standard_operations import register_standard_operations
from perdure.runtime.subscriptions.dispatcher import Dispatcher
from perdure.runtime.subscriptions.operations import event_operations
from perdure.runtime.subscriptions.waking import Waking
from perdure.runtime.timetravel.forking import Forking
from perdure.runtime.timetravel.stepping import Stepper, stepper_of
from perdure.runtime.upgrades import UpgradeReport
from perdure.runtime.version import perdure_version
from perdure.runtime.waiting import Waiters
from perdure.runtime.wasm.engine import wasmtime_version
from perdure.runtime.wasm.module_cache import ModuleCache
from perdure.store.backups.backup import BackupReport
from perdure.store.backups.process import Order, backup_in_child
from perdure.store.errors import StoreError, UnknownJob, UsedAfterFork
from perdure.store.event_store import Effects, EventStore, JobPage, JobQuery, StoredEvent
from perdure.store.events import (
    RUNTIME_STREAM,
    Event,
    JobLimits,
    ModuleCompiled,
    RetryPolicy,
    RuntimeClosed,
    RuntimeOpened,
    job_stream,
)
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status
from perdure.store.lmdb_store import LmdbEventStore
from perdure.store.memory_store import MemoryEventStore
from perdure.store.runtime_state import RuntimeState
from perdure.store.tail import follow_stream

logger = logging.getLogger(__name__)

DEFAULT_LIBRARY: Final = UUID(int=0)


class Runtime:
    """Extensions and their jobs, in one process, on one data folder. Use `open`; all methods are thread-safe."""

    def __init__(
        self,
        store: EventStore,
        cache_folder: Path,
        *,
        settings: RuntimeSettings,
        hooks: ActorHooks,
        clock: Clock,
        keychain: Keychain,
        consent: Consent | None = None,
    ) -> None:
        self.store = store
        self.keychain = keychain
        self.settings = settings
        self.hooks = hooks
        self.clock = clock
        self._on_close = contextlib.ExitStack()  # what `close` gives back; the store among it, if `open` opened it
        self._pid = os.getpid()
        self._closed = False
        self._opened = False  # whether the log says so
        self._waiters = Waiters()
        self.operations = OperationRegistry()
        self._book = BudgetBook(clock, store)
        self._service = OperationService(self.operations, store, keychain, self._book, hooks, clock)
        self._cache_folder = cache_folder
        self._cache = ModuleCache(cache_folder, self, store.blobs.get)
        self._extensions = Extensions(store, self._cache, self._service, settings)
        self._installer = Installer(self._extensions, store, self._summaries, consent, settings.budgets)
        self._system = ActorSystem(
            store,
            ModuleGuestFactory(self._cache),
            self._extensions.code_of,
            self._service,
            hooks=hooks,
            clock=clock,
            settings=SystemSettings(
                running_jobs=settings.running_jobs,
                workers=settings.workers,
                kill_grace=settings.kill_grace,
                append_timeout=settings.call_timeout,
                restarts=settings.restarts,
                replay_limit=settings.replay_limit,
            ),
            ended=self._job_ended,
            riders=self._book,
            budgets=self._book,
            upgrade_of=self._extensions.upgrade_of,
        )
        self._extensions.system = self._system
        self._calls = HostCalls(self._system, self.operations, store, settings.call_timeout)
        self._dispatching = Dispatching(store, self._extensions, hooks, clock)
        self._keyed = KeyedDispatch(store, self._dispatching)
        self._forking = Forking(store, self._extensions, self._dispatching, self._system, keychain, clock)
        self._events = Dispatcher(store, self.call, self._extensions.ensure_loaded, clock)
        self.job_operations = job_operations(store, self._system, self._dispatching, self._waiters, settings)
        waking = Waking(store, self._extensions, self._dispatching, settings)
        self.event_operations = event_operations(store, self._extensions, clock, waking, self._events.start)
        self._housekeeping = Housekeeping(clock)
        self._eraser = Eraser(store, keychain, self._system.append, self.call)
        self._sealer = Sealer(store, keychain, self._system.append, clock)
        if (interval := settings.seal_interval) is not None:
            chore = Chore("the seal of the log", min(interval, 60.0), lambda _: self._sealer.seal_if_due(interval), 1.0)
            self._housekeeping.add(chore)
        self._retention = Retention(store, self._system, self._cache, hooks, clock, RetentionPolicy(settings.retention))
        for chore in self._retention.chores(settings.retention_interval):
            self._housekeeping.add(chore)
        register_standard_operations(self)
        self.broken_operations: tuple[BrokenEntryPoint, ...] = ()  # of installed distributions

    # --- opening and closing -----------------------------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        settings: RuntimeSettings | None = None,
        hooks: ActorHooks | None = None,
        clock: Clock | None = None,
        consent: Consent | None = None,
        operations: Iterable[Callable[..., Any]] = (),
        recover: bool = True,
    ) -> Self:
        """Open a data folder, made if need be, and let every job without an end go on.

        Args:
            path: the data folder.
            settings: see `RuntimeSettings`.
            hooks: who measures, for example `perdure.metrics.PrometheusHooks`.
            clock: the time, for tests.
            consent: who is asked what an extension may do, where an `install` brings no consent of its own.
            operations: handlers of the program's own operations; jobs that go on may call them at once. Those of
                installed distributions are found by themselves, see ``discover_operations`` of the settings.
            recover: False leaves unfinished jobs as they are; `recover` lets them go on later.

        Raises:
            StoreLocked: another process works on this folder; the error has its pid.
            StoreError: the log cannot be opened.
            SecretsError: the keys are open to others, or ``master_key`` cannot be one.
            BadOperation, DuplicateOperation: one of ``operations`` cannot be registered.
        """
        settings, clock = settings or RuntimeSettings(), clock or SystemClock()
        keychain = Keychain.of_folder(Path(path), settings.master_key)
        with contextlib.ExitStack() as stack:
            store = LmdbEventStore.open(
                path, clock=clock.now, map_size=settings.map_size, max_map_size=settings.max_map_size
            )
            stack.callback(store.close)
            cache = Path(path) / "cache"
            return cls._start(store, keychain, cache, settings, hooks, clock, consent, operations, stack, recover)

    @classmethod
    def in_memory(
        cls,
        *,
        settings: RuntimeSettings | None = None,
        hooks: ActorHooks | None = None,
        clock: Clock | None = None,
        consent: Consent | None = None,
        operations: Iterable[Callable[..., Any]] = (),
        store: MemoryEventStore | None = None,
        keys: MemoryKeyFiles | None = None,
        recover: bool = True,
    ) -> Self:
        """A runtime whose log is in memory, for tests. Machine code still goes to a folder, a temporary one.

        Give ``store`` and ``keys`` of an earlier one to go on where that one ended.
        """
        settings, clock = settings or RuntimeSettings(), clock or SystemClock()
        with contextlib.ExitStack() as stack:
            cache = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perdure-")))
            store, keychain = store or MemoryEventStore(clock.now), Keychain.in_memory(keys)
            cache = cache / "cache"
            return cls._start(store, keychain, cache, settings, hooks, clock, consent, operations, stack, recover)

    @classmethod
    def _start(
        cls,
        store: EventStore,
        keychain: Keychain,
        cache: Path,
        settings: RuntimeSettings,
        hooks: ActorHooks | None,
        clock: Clock,
        consent: Consent | None,
        operations: Iterable[Callable[..., Any]],
        stack: contextlib.ExitStack,
        recover: bool,
    ) -> Self:
        runtime = cls(
            store,
            cache,
            settings=settings,
            hooks=hooks or ActorHooks(),
            clock=clock,
            keychain=keychain,
            consent=consent,
        )
        runtime._on_close = stack.pop_all()
        try:
            runtime.operations.register(*operations)
            # The program's own go first: what an installed distribution brings must not take their names.
            runtime.broken_operations = register_discovered(runtime) if settings.discover_operations else ()
            opened = RuntimeOpened(os.getpid(), perdure_version(), wasmtime_version())
            runtime._system.append(RUNTIME_STREAM, [opened])
            runtime._opened = True
            runtime.hooks.opened(runtime)
            keychain.recover()
            finish_erasures(store, keychain)
            runtime._forking.abandon_half_made()
            tidy_credentials(store, keychain, runtime.call)
            destroy_unused_keys(store, keychain)
            if recover:
                runtime.recover()
            runtime._housekeeping.start()
        except BaseException:
            runtime.close(grace=0)
            raise
        return runtime

    def close(self, grace: float | None = None) -> None:
        """Stop in an orderly way; a second call does nothing.

        Running jobs are asked to pause at their next check and stopped after ``grace`` seconds (the settings'
        ``shutdown_grace`` if None); the next `open` lets them go on. What was acknowledged is on disk.
        """
        if self._closed or os.getpid() != self._pid:
            return  # a fork's copy has none of the threads, and the folder is the parent's
        self._closed = True
        try:
            if self._opened:
                self.hooks.closed(self)
            self._housekeeping.stop()
            self._events.stop()
            grace = self.settings.shutdown_grace if grace is None else grace
            self._system.shutdown(grace, "the runtime closed", last=self._record_close)
        except StoreError as error:
            # A folder that can no longer be written to must not keep the runtime from closing.
            logger.error("the end of the runtime could not be recorded: %s", error)
        except Exception:
            logger.exception("the runtime did not close in an orderly way")
        finally:
            self._waiters.close()
            self._events.join()
            self._housekeeping.join()
            self._on_close.close()

    def _record_close(self) -> None:
        if self._opened:
            self._system.append(RUNTIME_STREAM, [RuntimeClosed(os.getpid())])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _job_ended(self, state: JobState) -> None:
        self._waiters.ended(state)
        self._events.job_ended(state)

    def _check(self) -> None:
        if os.getpid() != self._pid:
            raise UsedAfterFork(self._pid, os.getpid())
        if self._closed:
            raise RuntimeClosedError

    def recover(self) -> list[JobHandle]:
        """Let every job without an end go on, from its last checkpoint; paused ones stay paused.

        Called by `open`. Returns the jobs that go on; one whose extension cannot be loaded waits until it can.
        """
        self._check()
        states = recovery.recover(self._system)
        missing = self._extensions.load_for((state.job_id, state.extension) for state in states)
        ready = [state for state in states if state.job_id not in missing]
        recovery.admit_recovered(self._system, ready)
        self._events.start_if_needed()
        return [JobHandle(self, state.job_id) for state in ready if self._goes_on(state.job_id)]

    def _goes_on(self, job_id: UUID) -> bool:
        state = self.store.job(job_id)
        return not state.finished and state.status is not Status.ATTENTION

    # --- extensions --------------------------------------------------------------------------------------------------

    def install(
        self,
        folder: str | os.PathLike[str],
        *,
        consent: Consent | None = None,
        by: str = "python",
        upgrade: Mapping[str, str] | None = None,
    ) -> ExtensionInfo:
        """See `Installer.install`; ``by`` says who decides, for the log.

        ``upgrade`` says what becomes of unfinished jobs of other versions, by job type: ``{"counter": "checkpoint"}``,
        see `perdure.runtime.UpgradePolicy`; None: what the manifest says.
        """
        self._check()
        return self._installer.install(Path(folder), consent, by, upgrade)

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

    def set_upgrade_policy(self, extension: str, upgrade: Mapping[str, str], *, by: str = "python") -> ExtensionInfo:
        """See `Installer.set_policies`."""
        self._check()
        return self._installer.set_policies(extension, upgrade, by)

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

    def upgrades(self, extension: str) -> UpgradeReport:
        """See `Extensions.upgrades`."""
        self._check()
        return self._extensions.upgrades(extension)

    def decline_update(self, extension: str, *, by: str = "python") -> ExtensionInfo:
        """See `Installer.decline_update`."""
        self._check()
        return self._installer.decline_update(extension, by)

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

    def _summaries(self) -> dict[OperationName, str]:
        return {operation.name: operation.summary for operation in self.operations}

    def budgets(self, extension: str) -> list[BudgetState]:
        """An extension's budgets at this moment, then those of its job types: limit, used, remaining, next room.

        Raises:
            UnknownExtension: it is not installed.
        """
        self._check()
        # One that is not loaded yet has used nothing in this process, but perhaps in the one before.
        self._book.grant(extension, self._extensions.effective(extension).budgets)
        running = [self.store.job(job_id).job_type for job_id in self._system.running_of(extension)]
        return self._book.states(extension, lambda name: running.count(f"{extension}:{name}") if name else len(running))

    def uninstall(self, extension: str) -> None:
        """See `Extensions.uninstall`."""
        self._check()
        self._extensions.uninstall(extension)
        self._events.forget(extension)

    def load(self, extension: str) -> ExtensionInfo:
        """See `Extensions.load`."""
        self._check()
        return self._extensions.load(extension)

    def unload(self, extension: str, *, stop_jobs: bool = False, timeout: float | None = None) -> None:
        """See `Extensions.unload`; ``timeout`` seconds, the settings' ``call_timeout`` if None."""
        self._check()
        self._extensions.unload(
            extension, stop_jobs=stop_jobs, timeout=self.settings.call_timeout if timeout is None else timeout
        )

    def reload(self, extension: str, folder: str | os.PathLike[str] | None = None) -> ExtensionInfo:
        """Load an extension anew, from ``folder`` if given; running jobs go on with the module they started with."""
        self._check()
        if folder is not None:
            self._installer.install(Path(folder), None, "python")
        return self._extensions.load(extension)

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

    # --- operations --------------------------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        request: object = None,
        *,
        library_id: UUID = DEFAULT_LIBRARY,
        extension: str | None = None,
        caller: str = "python",
        effect_key: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Call an operation, as a guest would: the same validation, budgets, events and metrics.

        Args:
            method: ``query:notes.search``, ``action:notes.create``, with or without a wire suffix.
            request: the operation's input: a struct, anything JSON can say, or JSON as bytes.
            library_id: the library to work in.
            extension: act for this extension, within its permissions and budgets; None acts for the host itself.
            caller: who calls, for the log.
            effect_key: an action's name for its effect; a new one if None.
            timeout: seconds until it is given up; None, and at most, what the operation may take.

        Returns:
            The answer, in the operation's output type. An action's outcome is durable by then.

        Raises:
            OperationError: it was refused or failed; the error has the code.
            InvalidPayload: the request cannot be said in JSON.
            StoreError: the outcome could not be recorded.
            UnknownExtension: ``extension`` is not installed.
        """
        self._check()
        if extension is not None:
            self._extensions.ensure_loaded(extension)
        return self._calls.call(
            method,
            request,
            caller=caller,
            extension=extension,
            library_id=library_id,
            effect_key=effect_key,
            timeout=timeout,
        )

    def publish(self, topic: str, data: object = None, *, library_id: UUID = DEFAULT_LIBRARY) -> None:
        """Tell the extensions that subscribed in a library that something happened. Durable.

        Args:
            topic: like ``invoice.paid``; segments of ``[a-z0-9_]`` with dots in between.
            data: anything JSON can say, in at most 64 KiB.
            library_id: where it happened.

        Raises:
            OperationError, InvalidPayload, StoreError: as for `call`; nothing was published.
        """
        self.call("action:events.publish", {"topic": topic, "data": data}, library_id=library_id)

    async def call_async(self, method: str, request: object = None, **options: Any) -> Any:
        """`call` for an event loop: it waits on a thread of the loop's default executor."""
        return await asyncio.to_thread(self.call, method, request, **options)

    def config(self, extension: str, *, library_id: UUID | None = None) -> Configuration:
        """An extension's configuration: what holds in a library, or, with None, what is set for all of them.

        Raises:
            UnknownExtension: it is not installed.
            StoreError: the call could not be recorded.
        """
        return self._configure("query:config.get", extension, library_id, {})

    def configure(
        self,
        extension: str,
        config: Mapping[str, Any] | None,
        *,
        library_id: UUID | None = None,
        if_revision: int | None = None,
    ) -> Configuration:
        """Set an extension's configuration in a library or, with None, for all of them. Durable.

        Args:
            extension: whose.
            config: takes the place of all that was set before there; None forgets it.
            library_id: where; what is set in a library is laid over what is set for all.
            if_revision: set it only if the revision is still this one.

        Raises:
            UnknownExtension: it is not installed.
            OperationError: the configuration does not fit the manifest's ``config_schema`` (``invalid_payload``, with
                the JSON paths), or the revision is another (``failed``).
        """
        request = {"config": None if config is None else dict(config), "if_revision": if_revision}
        return self._configure("action:config.set", extension, library_id, request)

    def _configure(
        self, method: str, extension: str, library_id: UUID | None, request: dict[str, Any]
    ) -> Configuration:
        self.inspect(extension)
        request = {**request, "extension": extension, "everywhere": library_id is None}
        answer: Configuration = self.call(method, request, library_id=library_id or DEFAULT_LIBRARY)
        return answer

    def backup(self, path: str | os.PathLike[str], *, keys: bool = False) -> BackupReport:
        """Save the log and its blobs in ``path``, checked, while this runtime goes on. Durable.

        A process of its own does it (`sys.executable`), so nothing here waits for it. See `make_backup`.

        Args:
            path: a new folder, or one with an earlier backup, of which only what changed is copied.
            keys: whether the keys go with it; without them nobody can read what they seal.

        Raises:
            DiskFull: there is no room for it.
            BackupFailed: anything else. In either case an earlier backup there still counts.
            TypeError: the log is in memory.
        """
        self._check()
        if not isinstance(self.store, LmdbEventStore):
            raise TypeError("a log in memory has no backup")
        target = str(Path(path).absolute())
        return backup_in_child(
            Order(str(self.store.path.absolute()), target, self.clock.now(), perdure_version(), keys)
        )

    def rotate_master_key(self, master_key: bytes | None = None) -> str:
        """Wrap all keys with a new master key, and forget the old one; returns the new one's id. Durable, crash-safe.

        Args:
            master_key: the new key, if this program keeps it itself; the next `open` has to be given it then. None: it
                is made here, and kept in the system's keyring where there is one, else in the data folder.

        Raises:
            SecretsError: the old key is not to be had, or the new one cannot be one. Nothing was changed.
        """
        self._check()
        return self.keychain.rotate(master_key)

    def erasure(self, *, extension: str | None = None, library_id: UUID | None = None) -> Erasure:
        """What `erase` would take along. Errors as for `erase`."""
        self._check()
        return self._eraser.plan(extension, library_id)

    def erase(self, *, extension: str | None = None, library_id: UUID | None = None, by: str = "python") -> Erasure:
        """Make all that an extension called with secrets unreadable, or all that was called so in a library, for good.

        Its keys are destroyed, those of its credentials too (docs/secrets.md). What happened, when and by whom, stays
        in the log, whose chain and seals stay whole. Durable, crash-safe.

        Args:
            extension: whose; None: everybody's, also the host's own.
            library_id: the library in which; None: all, and what was called outside of libraries. One of the two at
                least has to be given.
            by: who decides, for the log.

        Raises:
            ErasureRefused: jobs of it that have not ended may need what is to be erased. Nothing was erased.
            ValueError: neither is given.
            SecretsError, StoreError: the keys or the log cannot be used.
        """
        self._check()
        return self._eraser.erase(extension, library_id, by)

    # --- seals -------------------------------------------------------------------------------------------------------

    def seal(self) -> Seal:
        """State how every stream of the log ends, and sign that (docs/seals.md). Durable.

        It is done by itself each `RuntimeSettings.seal_interval`. If nothing has changed, the last seal is the answer.

        Raises:
            SealKeyLost, SecretsError: the key that signs cannot be used; nothing was sealed.
            InvalidSeal, StoreError: the log, or a seal in it, is damaged, or the seal could not be stored.
        """
        self._check()
        return self._sealer.seal()

    def rotate_seal_key(self) -> bytes:
        """Introduce a new key for seals, signed by the one before; returns the public key. Durable, crash-safe.

        What the old key signed stays checkable. If its private part is lost, a new line of keys begins.

        Raises:
            SecretsError, StoreError: as for `seal`.
        """
        self._check()
        return self._sealer.rotate()

    # --- jobs --------------------------------------------------------------------------------------------------------

    def dispatch(
        self,
        job_type: str,
        state: object = None,
        *,
        library_id: UUID = DEFAULT_LIBRARY,
        limits: JobLimits | None = None,
        retry: RetryPolicy | None = None,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> JobHandle:
        """Ask for a job. Durable: when this returns, the job will run, whatever happens to the process.

        Args:
            job_type: ``extension:name``.
            state: the guest's first state: anything JSON can say, or JSON as bytes; None for no state.
            library_id: the library it runs in.
            limits: what it may use; memory is at most what the manifest allows.
            retry: how often it is tried.
            idempotency_key: a name for this dispatch, of at most 255 characters. Whoever dispatches a job of this
                extension with the same key and the same input gets the same job, whatever has become of it.
            timeout: seconds to wait for the disk; None: the settings' ``call_timeout``.

        Raises:
            UnknownExtension, ExtensionDisabled, ModuleError: the extension cannot be used.
            UnknownJobType, InvalidState, StateTooLarge, InvalidLimits, LibraryDenied: the request is wrong.
            InvalidKey: the idempotency key cannot be one.
            KeyReused: it is that of a job with another input; the error says what differs.
            BudgetExceeded: it has as many jobs as it may have, and those beyond are refused.
            StoreError: the job could not be recorded; it will not run.
            TimeoutError: it was not recorded in time; it may still be, and will run then. With an idempotency key the
                same dispatch can be asked for again.
        """
        self._check()
        if idempotency_key is None:
            prepared = self._dispatching.prepare(job_type, state, library_id=library_id, limits=limits, retry=retry)
            self._append_dispatch(prepared, [prepared.dispatched], None, timeout)
            return JobHandle(self, prepared.dispatched.job_id)
        request = JobRequest(job_type=job_type, state=state, library_id=library_id, limits=limits, retry=retry)
        job_id = self._keyed.dispatch(
            request,
            idempotency_key,
            lambda prepared, events, effects: self._append_dispatch(prepared, events, effects, timeout),
        )
        found = self.store.job(job_id)
        if found.status is Status.QUEUED:
            # Whoever recorded it may not have come as far as this; it is started once however often it is admitted.
            self._system.extension_address(found.extension).tell(Admit(job_id))
        return JobHandle(self, job_id)

    def _append_dispatch(
        self, prepared: Prepared, events: list[Event], effects: Effects | None, timeout: float | None
    ) -> None:
        dispatched = prepared.dispatched
        with self._dispatching.room(prepared):
            self._system.append(job_stream(dispatched.job_id), events, 0, timeout, effects)
        self._system.extension_address(dispatched.extension).tell(Admit(dispatched.job_id))

    def job_with_key(self, extension: str, idempotency_key: str) -> JobHandle | None:
        """The job of the extension that was dispatched with this idempotency key; None if there is none.

        Raises:
            InvalidKey: the key cannot be one.
        """
        self._check()
        job_id = keyed_job(self.store, extension, checked_key(idempotency_key))
        return JobHandle(self, job_id) if job_id is not None else None

    def fork(
        self,
        job_id: UUID | str,
        at: int | None = None,
        *,
        state: object = UNSET,
        answer: tuple[int, object] | None = None,
        module: str | os.PathLike[str] | None = None,
        paused: bool = False,
    ) -> JobHandle:
        """Make a new job that goes on from a point of this one's past; this one stays as it is. Durable.

        Where the guest's run was going on at that point, the fork's guest is led there by the log, and then goes on by
        itself; where it had ended, or with a new ``state``, the fork begins anew from the last checkpoint. Before that
        point it has done what the original did; the rows and the world are those of today, and so are permissions and
        budgets. Its limits are the original's.

        Args:
            job_id: the original.
            at: the event of its history behind which the fork branches off; None is its last one.
            state: takes the place of the last checkpoint's, or of the first one where there is no checkpoint.
            answer: a host call's number in the run that is open at that event, and what the guest is told there
                instead; the fork branches off behind that call.
            module: a wasm file, an extension's folder, or a version that is installed. Its guest has to do the same as
                the original's up to the point, else the fork fails as ``diverged`` before it did anything.
            paused: it waits for a `resume`.

        Raises:
            UnknownJob, NoSuchSequence, NoSuchCall: there is no such job, event or call.
            ForkRefused: it cannot be forked there, or not so.
            InvalidState, StateTooLarge: the state or the answer cannot be used.
            UnknownExtension, ExtensionDisabled, ModuleError, UnknownJobType, LibraryDenied, BudgetExceeded: as for
                `dispatch`.
            StoreError: it could not be recorded; it will not run.
        """
        self._check()
        identifier = _job_id(job_id)
        made = self._forking.fork(identifier, at, state=state, answer=answer, module=module, paused=paused)
        return JobHandle(self, made)

    def job(self, job_id: UUID | str) -> JobHandle:
        """A job by its id.

        Raises:
            UnknownJob: there is no such job.
        """
        self._check()
        handle = JobHandle(self, _job_id(job_id))
        _ = handle.state
        return handle

    def jobs(
        self,
        *,
        statuses: frozenset[Status] = frozenset(),
        extension: str | None = None,
        job_type: str | None = None,
        parent: UUID | None = None,
        forked_from: UUID | None = None,
        before: UUID | None = None,
        limit: int = 100,
    ) -> JobPage:
        """A page of jobs, newest first; the next page is the one ``before`` this page's ``next``.

        ``parent``: only those that this job dispatched; ``forked_from``: only the forks of this job.
        """
        self._check()
        query = JobQuery(
            statuses=statuses,
            extension=extension,
            job_type=job_type,
            parent=parent,
            forked_from=forked_from,
            before=before,
            limit=limit,
        )
        return self.store.jobs(query)

    def fold_jobs(self, older_than: timedelta, *, job_type: str | None = None, dry_run: bool = False) -> FoldReport:
        """Fold the jobs that ended longer ago than that: their events are removed for good, a summary stays. Durable.

        A folded job is still listed and shown, with the hash of its last event; its history, `verify` and `fork` raise
        `JobIsFolded`, and it cannot be retried. Its id and its idempotency key stay taken. Blobs that nothing names any
        more are removed too, once nothing has named them for a day.

        Args:
            older_than: how long ago a job has to have ended.
            job_type: only jobs of this type, as ``name`` or ``extension:name``.
            dry_run: only count them.

        Raises:
            InvalidRetention: ``older_than`` is negative, or more than a century.
            StoreError: the log cannot be read or written; what was done is.
        """
        self._check()
        return self._retention.fold_jobs(older_than, job_type, dry_run=dry_run)

    def pause(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """Ask a job to stop until it is resumed; one that does not within the grace period is stopped. Durable.

        Returns the status at that moment: ``running`` until the guest agrees.

        Raises:
            UnknownJob: there is no such job.
            IllegalTransition: it has ended, or is paused.
            TimeoutError: no answer within ``timeout`` seconds; the wish may still be carried out.
        """
        return self._control(job_id, "pause", timeout)

    def cancel(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """The same, for good, and for all jobs that descend from it."""
        return self._control(job_id, "cancel", timeout)

    def resume(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """Let a paused or suspended job go on from its last checkpoint. Durable. Errors as for `pause`."""
        return self._control(job_id, "resume", timeout)

    def retry(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """Run a failed or cancelled job on from its last checkpoint, or end its back-off. Durable."""
        return self._control(job_id, "retry", timeout)

    def doubt(self, job_id: UUID | str) -> Doubt | None:
        """The job's action of which nobody knows whether it was done, if there is one that waits for a person's word.

        Raises:
            UnknownJob: there is no such job.
        """
        self._check()
        return doubt_of(self.store, self.store.job(_job_id(job_id)))

    def resolve(
        self,
        job_id: UUID | str,
        resolution: Resolution,
        *,
        answer: object = None,
        message: str | None = None,
        code: str = "failed",
        by: str = "python",
        timeout: float | None = None,
    ) -> Status:
        """Say what became of the action in doubt of a job in status ``attention``, and let the job go on. Durable.

        Args:
            job_id: the job; `doubt` says what its action was.
            resolution: ``succeeded``: the guest gets ``answer``; ``failed``: it gets ``message`` and ``code``;
                ``again``: nothing was done, or may be done twice: the action runs once more, under the same effect key.
            answer: as the operation would have answered: a struct, anything JSON can say, or JSON as bytes.
            message: for the guest, and for whoever reads the history.
            code: one of the ABI's.
            by: who decided, for the log.
            timeout: seconds until it is given up; None: the settings' ``call_timeout``.

        Raises:
            UnknownJob: there is no such job.
            NotInDoubt: it is in another status.
            InvalidResolution: the resolution is none, or the answer is none of the operation's.
            SecretsError: the answer has to be sealed, and the keys cannot be used.
        """
        self._check()
        state = self.store.job(_job_id(job_id))
        word = resolution_of(
            self.store, self._service, state, resolution, answer=answer, message=message, code=code, by=by
        )
        self._extensions.ensure_loaded(state.extension)
        wait = self.settings.call_timeout if timeout is None else timeout
        status: Status = self._system.supervisor.ask(word, wait)
        return status

    def _control(self, job_id: UUID | str, action: str, timeout: float | None) -> Status:
        self._check()
        state = self.store.job(_job_id(job_id))
        if action in ("resume", "retry"):
            self._extensions.ensure_loaded(state.extension)
        wait = self.settings.call_timeout if timeout is None else timeout
        status: Status = self._system.supervisor.ask(Control(state.job_id, action), wait)
        return status

    # --- waiting and watching ----------------------------------------------------------------------------------------

    def wait(self, job_id: UUID | str, timeout: float | None = None) -> JobState:
        """Wait until the job has ended; returns its final state, whatever its status.

        Raises:
            UnknownJob: there is no such job.
            TimeoutError: it has not ended within ``timeout`` seconds.
            RuntimeClosedError: the runtime was closed first.
        """
        self._check()
        identifier = _job_id(job_id)
        future = self._waiters.future(self.store, identifier)
        try:
            return future.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"job {identifier} has not ended within {timeout} s") from None
        finally:
            self._waiters.forget(identifier, future)

    async def wait_async(self, job_id: UUID | str) -> JobState:
        """`wait` for an event loop, without a thread; cancel it or wrap it in `asyncio.timeout`."""
        self._check()
        identifier = _job_id(job_id)
        future = self._waiters.future(self.store, identifier)
        try:
            return await asyncio.wrap_future(future)
        except CancelledError:
            raise asyncio.CancelledError from None
        finally:
            self._waiters.forget(identifier, future)

    def watch(self, job_id: UUID | str, after: int = 0) -> Iterator[StoredEvent]:
        """The job's events after sequence ``after``, each as soon as it is on disk, until the job has ended.

        Raises:
            UnknownJob: there is no such job.
        """
        self._check()
        identifier = _job_id(job_id)
        self.store.job(identifier)
        return follow_stream(
            self.store,
            job_stream(identifier),
            after=max(0, after),
            stop=lambda: self._closed or self.store.job(identifier).finished,
        )

    def history(self, job_id: UUID | str, first: int = 1, last: int | None = None) -> Iterator[HistoryEntry]:
        """The job's events from sequence ``first`` to ``last``, the superseded ones marked."""
        self._check()
        return history(self.store, _job_id(job_id), first, last)

    def state_at(self, job_id: UUID | str, sequence: int) -> JobState:
        """The job as it was after its event ``sequence``.

        Raises:
            NoSuchSequence: it has no such event.
        """
        self._check()
        return state_at(self.store, _job_id(job_id), sequence)

    def stepper(self, job_id: UUID | str, run: int | None = None) -> Stepper:
        """Walk through one of a job's runs, call by call, forward and back; None is the last one.

        Its guest is run again in a sandbox and led by the log: nothing live happens, and nothing is recorded.

        Raises:
            UnknownJob, JobIsFolded: there is no such job, or no history of it any more.
            CannotStep: it has no such run.
        """
        self._check()
        return stepper_of(self.store, _job_id(job_id), self.keychain, self._system.guests, run)

    # --- proof -------------------------------------------------------------------------------------------------------

    def verify(self, job_id: UUID | str, *, stop: Stop | None = None) -> Proof:
        """Run a job again, up to where it is, in sandboxes of its own, and compare it with the log (docs/proof.md).

        Nothing is written and no operation is called. It takes about as long as the job's guest did; ``stop`` ends it
        from another thread.

        Raises:
            UnknownJob: there is no such job.
            JobIsFolded: its events are gone.
            VerifyStopped: it was stopped.
        """
        self._check()
        return self._verifier().verify(_job_id(job_id), stop=stop)

    def export_bundle(self, job_id: UUID | str, path: str | os.PathLike[str], *, secrets: bool = False) -> Written:
        """Write all that it takes to prove a job into one file, see `perdure.runtime.proof.bundle_writer.write_bundle`.

        Raises:
            UnknownJob, JobIsFolded: as for `verify`.
            BundleNotWritten: the file cannot be written.
            StoreError: part of the job cannot be read.
        """
        self._check()
        return self._verifier().export(_job_id(job_id), Path(path), secrets=secrets)

    def _verifier(self) -> Verifier:
        return Verifier(self.store, self.keychain, machine_code_of(self._cache_folder, self.artifact))

    # --- for the module cache (`ArtifactLedger`) and the metrics (`Gauges`) ------------------------------------------

    def artifact(self, module: str, engine: str) -> str | None:
        """The SHA-256 of a module's machine code, from the log."""
        state = self.store.state(RUNTIME_STREAM)
        return state.artifacts.get(f"{module}@{engine}") if isinstance(state, RuntimeState) else None

    def record(self, module: str, engine: str, artifact: str, size: int) -> None:
        """Record a module's machine code. Durable."""
        self._system.append(RUNTIME_STREAM, [ModuleCompiled(module, engine, artifact, size)])

    def jobs_by_status(self) -> dict[str, int]:
        """See `Gauges.jobs_by_status`."""
        counts = self.store.count_unfinished()
        return {str(status): count for status, count in counts.items()}

    def mailbox_depths(self) -> dict[str, int]:
        """See `Gauges.mailbox_depths`."""
        return self._system.mailbox_depths()

    def map_usage(self) -> tuple[int, int] | None:
        """See `Gauges.map_usage`."""
        return self.store.map_usage() if isinstance(self.store, LmdbEventStore) else None

    def held_calls(self) -> int:
        """See `Gauges.held_calls`."""
        return self._system.held_calls()

    def lost_threads(self) -> int:
        """See `Gauges.lost_threads`."""
        return self._system.lost_threads()

    def rate_limit_remaining(self) -> dict[str, float]:
        """See `Gauges.rate_limit_remaining`."""
        return self._service.rate_limit_remaining()


def _job_id(job_id: UUID | str) -> UUID:
    try:
        return job_id if isinstance(job_id, UUID) else UUID(job_id)
    except ValueError:
        raise UnknownJob(str(job_id)) from None
