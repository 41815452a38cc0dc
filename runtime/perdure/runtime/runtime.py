"""The runtime: what an embedder opens, and everything it can do.

    with Runtime.open("data") as runtime:
        runtime.install("examples/counter")
        job = runtime.dispatch("counter:counter", {"target": 2000})
        print(job.wait().status)

Durability: a call that changes something (`install`, `load`, `dispatch`, `pause`, …) returns after its event is synced
to disk. What a job reports is in the log, in order, within 20 ms or with its next checkpoint.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from perdure.actors import recovery
from perdure.actors.clock import Clock, SystemClock
from perdure.actors.hooks import ActorHooks
from perdure.actors.system import ActorSystem, SystemSettings
from perdure.runtime.budgets.book import BudgetBook
from perdure.runtime.composition.operations import job_operations
from perdure.runtime.consent import Consent
from perdure.runtime.credentials.lock_operations import lock_operations
from perdure.runtime.credentials.own_credential import own_credential
from perdure.runtime.credentials.share_ends import ShareEnds
from perdure.runtime.credentials.tidying import destroy_unused_keys, tidy_credentials
from perdure.runtime.dispatching import Dispatching
from perdure.runtime.extensions import Extensions
from perdure.runtime.facade.access import AccessFacade
from perdure.runtime.facade.control import ControlFacade
from perdure.runtime.facade.dispatch import DispatchFacade
from perdure.runtime.facade.extensions import ExtensionFacade
from perdure.runtime.facade.gauges import GaugeFacade
from perdure.runtime.facade.jobs import JobFacade
from perdure.runtime.facade.keeping import KeepingFacade
from perdure.runtime.facade.operations import OperationFacade
from perdure.runtime.facade.proof import ProofFacade
from perdure.runtime.facade.sharing import SharingFacade
from perdure.runtime.files.shared_folders import SharedFolders
from perdure.runtime.guests.factory import WasmGuestFactory
from perdure.runtime.housekeeping import Chore, Housekeeping
from perdure.runtime.idempotency import KeyedDispatch
from perdure.runtime.installer import Installer
from perdure.runtime.job_handle import JobHandle
from perdure.runtime.mail.mailboxes import KEEP_LOOK, Mailboxes
from perdure.runtime.mail.uid_lists import UidLists
from perdure.runtime.operations.discovery import BrokenEntryPoint, register_discovered
from perdure.runtime.operations.host_calls import HostCalls
from perdure.runtime.operations.registry import OperationRegistry
from perdure.runtime.operations.service import OperationService
from perdure.runtime.retention.policy import RetentionPolicy
from perdure.runtime.retention.retention import Retention
from perdure.runtime.seals.sealer import Sealer
from perdure.runtime.secrets.erasure import Eraser, finish_erasures
from perdure.runtime.secrets.key_files import MemoryKeyFiles
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.sources import SourceReader
from perdure.runtime.standard_operations import register_standard_operations
from perdure.runtime.subscriptions.dispatcher import Dispatcher
from perdure.runtime.subscriptions.operations import event_operations
from perdure.runtime.subscriptions.waking import Waking
from perdure.runtime.timetravel.forking import Forking
from perdure.runtime.vdfs.operations import vdfs_host
from perdure.runtime.version import perdure_version
from perdure.runtime.waiting import Waiters
from perdure.runtime.wasm.engine import wasmtime_version
from perdure.runtime.wasm.module_cache import ModuleCache, OnCompile, compile_silently
from perdure.runtime.worker_processes.pool import IDLE_SECONDS, WorkerPool
from perdure.store.errors import StoreError
from perdure.store.event_store import EventStore
from perdure.store.events import RUNTIME_STREAM, RuntimeClosed, RuntimeOpened
from perdure.store.job_state import JobState
from perdure.store.lifecycle import Status
from perdure.store.lmdb_store import LmdbEventStore
from perdure.store.memory_store import MemoryEventStore

logger = logging.getLogger(__name__)


class Runtime(
    ExtensionFacade,
    SharingFacade,
    OperationFacade,
    DispatchFacade,
    JobFacade,
    ControlFacade,
    KeepingFacade,
    ProofFacade,
    AccessFacade,
    GaugeFacade,
):
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
        on_compile: OnCompile = compile_silently,
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
        self._cache = ModuleCache(cache_folder, self, store.blobs.get, on_compile)
        self._extensions = Extensions(store, self._cache, self._service, settings)
        self._installer = Installer(self._extensions, store, self.operations.summaries, consent, settings.budgets)
        self._system = ActorSystem(
            store,
            WasmGuestFactory(self._cache, settings.boundary),
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
                switch_interval=settings.switch_interval,
                one_processor=settings.one_processor,
            ),
            ended=self._job_ended,
            riders=self._book,
            budgets=self._book,
            upgrade_of=self._extensions.upgrade_of,
            is_locked=keychain.locks.is_locked,
        )
        self._extensions.system = self._system
        self._calls = HostCalls(self._system, self.operations, store, settings.call_timeout)
        self._dispatching = Dispatching(store, self._extensions, self._system, hooks, clock)
        self._keyed = KeyedDispatch(store, self._dispatching)
        self._forking = Forking(store, self._extensions, self._dispatching, self._system, keychain, clock)
        self._events = Dispatcher(store, self.call, self._extensions.ensure_loaded, clock)
        self.job_operations = job_operations(store, self._system, self._dispatching, self._waiters, settings)
        waking = Waking(store, self._extensions, self._dispatching, settings)
        self.event_operations = event_operations(store, self._extensions, clock, waking, self._events.start)
        self._housekeeping = Housekeeping(clock)
        self._eraser = Eraser(store, keychain, self._system.append, self.call)
        self._shares = ShareEnds(store, self.call)
        self._sealer = Sealer(store, keychain, self._system.append, clock, scratch=cache_folder.parent)
        self._retention = Retention(store, self._system, self._cache, hooks, clock, RetentionPolicy(settings.retention))
        keychain.locks.parameters = settings.passphrase_work
        self._housekeeping.add(Chore("locks", 5.0, lambda stopping: keychain.locks.forget_expired(), 5.0))
        self._housekeeping.add(*self._sealer.chores(settings.seal_interval))
        self._housekeeping.add(*self._retention.chores(settings.retention_interval))
        self.worker_pool = WorkerPool()
        self.vdfs = vdfs_host(store, clock, settings)
        self.shared_folders = SharedFolders(cache_folder.parent)
        self.sources = SourceReader(self.vdfs, self.shared_folders)
        uids = UidLists(cache_folder.parent / "mail", clock.now)
        self.mailboxes = Mailboxes(
            settings.mail, settings.http, self.shared_folders, uids, self.hosts_of, own_credential(self.operations)
        )
        self._housekeeping.add(
            Chore("worker processes", IDLE_SECONDS, lambda stopping: self.worker_pool.reap(), IDLE_SECONDS),
            Chore("mail connections", KEEP_LOOK, lambda stopping: self.mailboxes.reap(), KEEP_LOOK),
            Chore("idempotency keys of requests", 3600.0, lambda stopping: self.forget_request_keys(), 60.0),
        )
        self.lock_operations = lock_operations(store, keychain, hooks, self._system.locked.unlocked)
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
        on_compile: OnCompile = compile_silently,
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
            on_compile: told when a module is compiled, which is once and takes some 0.5 s a megabyte: called with the
                size in bytes of what is not compiled yet, on any thread, and what it returns is entered until it is
                done.
            recover: False leaves unfinished jobs as they are; `recover` lets them go on later.

        Raises:
            StoreLocked: another process works on this folder; the error has its pid.
            StoreError: the log cannot be opened.
            SecretsError: the keys are open to others, or ``master_key`` cannot be one.
            BadOperation, DuplicateOperation: one of ``operations`` cannot be registered.
        """
        settings, clock = settings or RuntimeSettings(), clock or SystemClock()
        keychain = Keychain.of_folder(Path(path), settings.master_key, clock.monotonic)
        with contextlib.ExitStack() as stack:
            store = LmdbEventStore.open(
                path, clock=clock.now, map_size=settings.map_size, max_map_size=settings.max_map_size
            )
            stack.callback(store.close)
            cache = Path(path) / "cache"
            return cls._start(
                store, keychain, cache, settings, hooks, clock, consent, operations, on_compile, stack, recover
            )

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
            store, keychain = store or MemoryEventStore(clock.now), Keychain.in_memory(keys, clock.monotonic)
            cache = cache / "cache"
            return cls._start(
                store, keychain, cache, settings, hooks, clock, consent, operations, compile_silently, stack, recover
            )

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
        on_compile: OnCompile,
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
            on_compile=on_compile,
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
            runtime._shares.recover()
            destroy_unused_keys(store, keychain)
            if recover:
                runtime.recover()
            runtime._housekeeping.start()
        except BaseException:
            runtime.close(grace=0)
            raise
        return runtime

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

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
            self.worker_pool.close()
            self.mailboxes.close()
            self._waiters.close()
            self._events.join()
            self._housekeeping.join()
            self._sealer.close()
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

    def _handle(self, job_id: UUID) -> JobHandle:
        return JobHandle(self, job_id)

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
        return [self._handle(state.job_id) for state in ready if self._goes_on(state.job_id)]

    def _goes_on(self, job_id: UUID) -> bool:
        state = self.store.job(job_id)
        return not state.finished and state.status is not Status.ATTENTION
