"""Dispatching: the one way to a new job, whoever asks for it: Python, the command line, a job, an event."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from perdure.actors.clock import Clock
from perdure.actors.hooks import ActorHooks
from perdure.actors.messages import Admit
from perdure.actors.system import ActorSystem
from perdure.runtime.budgets.budgets import AtEdge, Budgets
from perdure.runtime.budgets.dispatching import check_dispatch, refuses_dispatches
from perdure.runtime.errors import BudgetExceeded, LibraryDenied, UnknownJobType
from perdure.runtime.extensions import Extensions
from perdure.runtime.guests.describe import resolve_job
from perdure.runtime.job_request import checked_limits, checked_retry, encoded_state, limits_within
from perdure.store.blobs import store_payload
from perdure.store.event_store import Effects, EventStore
from perdure.store.events import Event, JobDispatched, JobLimits, RetryPolicy, job_stream
from perdure.store.ids import uuid7
from perdure.store.lifecycle import Status


class Prepared(msgspec.Struct, frozen=True):
    """A job that may be dispatched; ``name`` is its type's within the extension, whose ``budgets`` these are."""

    dispatched: JobDispatched
    name: str
    budgets: Budgets


class Dispatching:
    """Checks what is asked for, says what is to be recorded, and records it where nobody else does."""

    def __init__(
        self, store: EventStore, extensions: Extensions, system: ActorSystem, hooks: ActorHooks, clock: Clock
    ) -> None:
        self._store = store
        self._extensions = extensions
        self._system = system
        self._hooks = hooks
        self._clock = clock
        self._alone = threading.Lock()  # where one job more or less decides

    def full_name(self, job_type: str) -> str:
        """``extension:name``, however the job type was named.

        Raises:
            UnknownExtension, ExtensionDisabled, ModuleError, UnknownJobType: as for `Runtime.dispatch`.
        """
        extension, _, name = job_type.partition(":")
        installed = self._extensions.ensure_loaded(extension)
        found = resolve_job(installed.job_types, name)
        if found is None:
            raise UnknownJobType(job_type, tuple(kind.name for kind in installed.job_types))
        return f"{extension}:{found.name}"

    def prepare(
        self,
        job_type: str,
        state: object,
        *,
        library_id: UUID,
        limits: JobLimits | None = None,
        retry: RetryPolicy | None = None,
        most: JobLimits | None = None,
        job_id: UUID | None = None,
    ) -> Prepared:
        """Check a request; its state is in the blob store afterwards, if it is large.

        Args:
            job_type, state, library_id, limits, retry: as for `Runtime.dispatch`.
            most: what the job may use at most, whatever it asks for.
            job_id: its id; None makes a new one.

        Raises:
            PerdureError: as `Runtime.dispatch`.
            StoreError: the state could not be stored.
        """
        extension, _, name = job_type.partition(":")
        installed = self._extensions.ensure_loaded(extension)
        found = resolve_job(installed.job_types, name)
        if found is None:
            raise UnknownJobType(job_type, tuple(kind.name for kind in installed.job_types))
        granted = self._extensions.effective(extension)
        if not granted.permissions.allows_library(library_id):
            raise LibraryDenied(extension, library_id)
        allowed = checked_limits(limits, granted.budgets, found.name)
        if most is not None:
            allowed = limits_within(allowed, most)
        dispatched = JobDispatched(
            job_id=job_id if job_id is not None else uuid7(self._clock.now()),
            job_type=f"{extension}:{found.name}",
            extension=extension,
            version=installed.version,
            module=installed.module,
            export=found.export,
            library_id=library_id,
            resumable=found.resumable,
            state=store_payload(self._store.blobs, encoded_state(state, allowed)),
            limits=allowed,
            retry=checked_retry(retry),
        )
        return Prepared(dispatched, found.name, granted.budgets)

    def record(
        self, prepared: Prepared, events: Sequence[Event], effects: Effects | None = None, timeout: float | None = None
    ) -> None:
        """Record a job by ``events``, which begin with its dispatch, and have it started. Durable.

        Args:
            effects: what is to be written with them, and what that depends on.
            timeout: seconds to wait for the disk; None: the settings' ``call_timeout``.

        Raises:
            BudgetExceeded: it has no place.
            StoreError: it could not be recorded.
            TimeoutError: it was not recorded in time; it may still be.
        """
        dispatched = prepared.dispatched
        self._hooks.dispatching(dispatched.job_id)
        with self.room(prepared):
            self._system.append(job_stream(dispatched.job_id), events, 0, timeout, effects)
        self._admit(dispatched.extension, dispatched.job_id)

    def admit_if_queued(self, job_id: UUID) -> None:
        """Have a job started whose recorder may not have come as far as that; it is started once at most."""
        found = self._store.job(job_id)
        if found.status is Status.QUEUED:
            self._admit(found.extension, job_id)

    def _admit(self, extension: str, job_id: UUID) -> None:
        self._system.extension_address(extension).tell(Admit(job_id))

    @contextlib.contextmanager
    def room(self, prepared: Prepared) -> Iterator[None]:
        """Hold the place of a job that is recorded meanwhile, where jobs beyond the budget are refused.

        Raises:
            BudgetExceeded: there is none.
        """
        if not self.refuses(prepared):
            yield
            return
        with self._alone:
            self.check_room(prepared)
            yield

    @staticmethod
    def refuses(prepared: Prepared) -> bool:
        """Whether jobs beyond the budget are refused instead of queued."""
        return refuses_dispatches(prepared.budgets, prepared.name)

    def check_room(self, prepared: Prepared) -> None:
        """Make sure that there is room for one more unfinished job.

        Raises:
            BudgetExceeded: there is none, and the embedder chose to refuse.
        """
        extension = prepared.dispatched.extension
        try:
            check_dispatch(self._store, extension, prepared.name, prepared.budgets)
        except BudgetExceeded as error:
            self._hooks.budget_reached(extension, error.budget, AtEdge.REFUSE)
            raise
