"""What the methods of `Runtime` work with, and what each of them begins with."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from uuid import UUID

from perdure.actors.clock import Clock
from perdure.actors.system import ActorSystem
from perdure.runtime.budgets.book import BudgetBook
from perdure.runtime.credentials.share_ends import ShareEnds
from perdure.runtime.dispatching import Dispatching
from perdure.runtime.errors import RuntimeClosedError
from perdure.runtime.extensions import Extensions
from perdure.runtime.idempotency import KeyedDispatch
from perdure.runtime.installer import Installer
from perdure.runtime.job_handle import JobHandle
from perdure.runtime.operations.host_calls import HostCalls
from perdure.runtime.operations.service import OperationService
from perdure.runtime.retention.retention import Retention
from perdure.runtime.seals.sealer import Sealer
from perdure.runtime.secrets.erasure import Eraser
from perdure.runtime.secrets.keychain import Keychain
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.subscriptions.dispatcher import Dispatcher
from perdure.runtime.timetravel.forking import Forking
from perdure.runtime.waiting import Waiters
from perdure.runtime.wasm.module_cache import ModuleCache
from perdure.store.errors import UsedAfterFork
from perdure.store.event_store import EventStore


class Parts(ABC):
    """The parts of a runtime that its methods share; `Runtime` makes them."""

    store: EventStore
    keychain: Keychain
    settings: RuntimeSettings
    clock: Clock
    _pid: int
    _closed: bool
    _cache: ModuleCache
    _cache_folder: Path
    _system: ActorSystem
    _extensions: Extensions
    _installer: Installer
    _book: BudgetBook
    _service: OperationService
    _calls: HostCalls
    _dispatching: Dispatching
    _keyed: KeyedDispatch
    _forking: Forking
    _waiters: Waiters
    _events: Dispatcher
    _shares: ShareEnds
    _sealer: Sealer
    _retention: Retention
    _eraser: Eraser

    def _check(self) -> None:
        """Make sure that this process opened the runtime, and has not closed it.

        Raises:
            UsedAfterFork, RuntimeClosedError: so it is.
        """
        if os.getpid() != self._pid:
            raise UsedAfterFork(self._pid, os.getpid())
        if self._closed:
            raise RuntimeClosedError

    def _seconds(self, timeout: float | None) -> float:
        """How long to wait for an actor."""
        return self.settings.call_timeout if timeout is None else timeout

    @abstractmethod
    def _handle(self, job_id: UUID) -> JobHandle:
        """The job, for whoever asked."""

    @abstractmethod
    def _end_shares(self, extension: str) -> None:
        """End what is shared with an extension that is no longer there."""
