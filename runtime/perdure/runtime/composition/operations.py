"""``jobs.dispatch``, ``get``, ``list``, ``cancel`` and ``wait``: jobs that are composed of jobs.

All of them work in the library of the call. There an extension sees the jobs of its own types, and those that its jobs
have dispatched; any other id is one that does not exist. The host sees every job of the library.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final
from uuid import UUID

import msgspec

from perdure.actors.errors import SystemStopped
from perdure.actors.messages import Control
from perdure.actors.operations import OperationFailed
from perdure.actors.system import ActorSystem
from perdure.runtime.composition.family import Families, Place, effect_row
from perdure.runtime.composition.messages import (
    MAX_WAIT_MS,
    ChildLimits,
    DispatchedJob,
    DispatchJob,
    Job,
    JobFailure,
    JobList,
    ListJobs,
    NameJob,
    WaitForJob,
)
from perdure.runtime.dispatching import Dispatching, Prepared
from perdure.runtime.errors import (
    BudgetExceeded,
    ExtensionDisabled,
    InvalidLimits,
    InvalidState,
    LibraryDenied,
    StateTooLarge,
    UnknownExtension,
    UnknownJobType,
)
from perdure.runtime.operations.context import CallContext
from perdure.runtime.operations.declaration import Effect, action, query
from perdure.runtime.settings import RuntimeSettings
from perdure.runtime.waiting import Waiters
from perdure.runtime.wasm.errors import ModuleError
from perdure.store.errors import IllegalTransition, UnknownJob
from perdure.store.event_store import EventStore, JobQuery
from perdure.store.events import Event, JobLimits, JobLinked, RetryPolicy, job_stream
from perdure.store.family import ancestors_of
from perdure.store.job_state import JobState
from perdure.store.rows import row_key

_ROOM: Final = "jobs.room"
_STOPPED: Final = "the host is stopping its work; try again"


class JobOperations:
    """The operations.

    Args:
        store, settings: the runtime's.
        system: carries cancels out, and knows who waits for whom.
        dispatching: makes jobs.
        waiters: who is told of jobs' ends.
    """

    def __init__(
        self,
        store: EventStore,
        system: ActorSystem,
        dispatching: Dispatching,
        waiters: Waiters,
        settings: RuntimeSettings,
    ) -> None:
        self._store = store
        self._system = system
        self._dispatching = dispatching
        self._waiters = waiters
        self._others = settings.cross_extension
        self._families = Families(store, settings)

    # --- dispatching -------------------------------------------------------------------------------------------------

    @action("jobs.dispatch", effect=Effect.TRANSACTIONAL)
    def dispatch(self, context: CallContext, request: DispatchJob) -> DispatchedJob:
        """Dispatch a job in the call's library; it is there if and only if this call's outcome is.

        Its limits are at most those of the job that dispatches it. A job is cancelled with the one that dispatched it,
        but outlives its end. Jobs of other extensions are for the embedder to allow.
        """
        known = context.data.get(effect_row(context))
        if known is not None:
            return DispatchedJob(job_id=UUID(bytes=known))
        job_type = self._job_type(context, request.job_type)
        place = self._place(context, context.job_id) if context.job_id is not None else None
        prepared = self._prepare(context, job_type, request, place)
        job_id = prepared.dispatched.job_id
        events: list[Event] = [prepared.dispatched]
        if place is not None:
            events.append(JobLinked(place.parent.job_id, context.call))
            self._families.add(context, place, job_id)
        context.data.put(effect_row(context), job_id.bytes)
        context.append(job_stream(job_id), events, 0)
        return DispatchedJob(job_id=job_id)

    def _job_type(self, context: CallContext, job_type: str) -> str:
        """The job type's full name, if the caller may dispatch it."""
        if context.extension is None:
            return job_type
        extension, colon, _ = job_type.partition(":")
        if not colon:
            return f"{context.extension}:{job_type}"
        if extension != context.extension and not is_allowed(self._others, context.extension, job_type):
            # Before it is said whether there is such a job type: that is not for everybody to know.
            raise OperationFailed(
                "permission_denied", f"{job_type} is another extension's; the host has to allow it (cross_extension)"
            )
        return job_type

    def _place(self, context: CallContext, job_id: UUID) -> Place:
        place = self._families.place(context, job_id)
        family = (place.parent, *ancestors_of(self._store, place.parent))
        if any(one.cancel_requested or one.job_id in self._system.cancelling for one in family):
            raise OperationFailed("unavailable", "the job is being cancelled, so it dispatches no more")
        return place

    def _prepare(self, context: CallContext, job_type: str, request: DispatchJob, place: Place | None) -> Prepared:
        most = self._families.limits_of(place.parent) if place is not None else None
        if context.library_id is None:
            raise AssertionError("unreachable: the operation's scope is a library")
        try:
            prepared = self._dispatching.prepare(
                job_type,
                bytes(request.state) if request.state is not msgspec.UNSET else None,
                library_id=context.library_id,
                limits=_limits(request.limits, most or JobLimits()),
                retry=RetryPolicy(**msgspec.structs.asdict(request.retry)) if request.retry is not None else None,
                most=most,
            )
            if self._dispatching.refuses(prepared):
                # Whoever dispatches writes it: of two that find the last place free one has to look again.
                room = row_key(_ROOM, prepared.dispatched.extension)
                context.data.get(room)
                self._dispatching.check_room(prepared)
                context.data.put(room, b"")
        except (UnknownExtension, UnknownJobType):
            raise OperationFailed("not_found", f"there is no job type {job_type}") from None
        except LibraryDenied as error:
            raise OperationFailed("library_denied", str(error)) from None
        except (InvalidLimits, InvalidState, StateTooLarge) as error:
            raise OperationFailed("invalid_payload", str(error)) from None
        except (ExtensionDisabled, ModuleError, SystemStopped) as error:
            context.log.warning("%s cannot be dispatched: %s", job_type, error)
            raise OperationFailed("unavailable", f"{job_type} cannot be dispatched now") from None
        except BudgetExceeded as error:
            raise OperationFailed("rate_limited", str(error)) from None
        return prepared

    # --- looking -----------------------------------------------------------------------------------------------------

    @query("jobs.get")
    def get(self, context: CallContext, request: NameJob) -> Job:
        """One job: its status, progress, counters, and why it failed if it did."""
        return self._shown(context, self._find(context, request.job_id))

    @query("jobs.list")
    def list(self, context: CallContext, request: ListJobs) -> JobList:
        """Jobs of the extension in this library, or those that one of them dispatched, newest first."""
        if request.parent is not None:
            self._find(context, request.parent)
        page = self._store.jobs(
            JobQuery(
                statuses=frozenset(request.statuses),
                extension=context.extension if request.parent is None else None,
                job_type=request.job_type,
                parent=request.parent,
                library_id=context.library_id,
                before=request.cursor,
                limit=request.limit,
            )
        )
        seen = [self._shown(context, state) for state in page.jobs if self._sees(context, state)]
        return JobList(jobs=seen, next=page.next)

    def _find(self, context: CallContext, job_id: UUID) -> JobState:
        with contextlib.suppress(UnknownJob):
            state = self._store.job(job_id)
            if self._sees(context, state):
                return state
        raise OperationFailed("not_found", f"there is no job {job_id}")

    def _sees(self, context: CallContext, state: JobState) -> bool:
        if state.library_id != context.library_id:
            return False
        return context.extension is None or state.extension == context.extension or self._is_parent(context, state)

    def _is_parent(self, context: CallContext, state: JobState) -> bool:
        """Whether a job of the calling extension dispatched this one."""
        return state.parent is not None and self._store.job(state.parent).extension == context.extension

    def _shown(self, context: CallContext, state: JobState) -> Job:
        error = state.error
        # Another extension's job may have dispatched this one; which one is nothing to this one's extension.
        show_parent = context.extension is None or self._is_parent(context, state)
        return Job(
            job_id=state.job_id,
            job_type=state.job_type,
            status=state.status,
            finished=state.finished,
            progress=state.progress,
            message=state.message,
            items=state.items,
            bytes=state.bytes,
            warnings=state.warnings,
            attempts=state.attempts,
            dispatched=state.dispatched_at,
            ended=state.ended_at,
            error=JobFailure(kind=error.kind, message=error.message, blame=error.blame) if error is not None else None,
            parent=state.parent if show_parent else None,
        )

    # --- ending and waiting ------------------------------------------------------------------------------------------

    @action("jobs.cancel", effect=Effect.IDEMPOTENT)
    def cancel(self, context: CallContext, request: NameJob) -> Job:
        """Cancel a job and all that descend from it; one that has ended stays as it is.

        The answer is the job as it is then: one that runs is told, and ends when it has heard.
        """
        state = self._find(context, request.job_id)
        if not state.finished:
            try:
                self._system.supervisor.ask(Control(state.job_id, "cancel"), context.remaining())
            except IllegalTransition:
                pass  # it ended first
            except (SystemStopped, TimeoutError):
                raise OperationFailed("unavailable", _STOPPED) from None
        return self._shown(context, self._store.job(state.job_id))

    @query("jobs.wait", timeout=MAX_WAIT_MS / 1000 + 5)
    async def wait(self, context: CallContext, request: WaitForJob) -> Job:
        """Wait until a job has ended, and answer with the job; as it is then, if that takes too long.

        A job that waits for its own descendant lets it run in its place. One that is to be paused is answered at once.
        """
        state = self._find(context, request.job_id)
        if state.job_id == context.job_id:
            raise OperationFailed("invalid_payload", "job_id: a job cannot wait for itself")
        if not state.finished and request.timeout_ms:
            future = self._waiters.future(self._store, state.job_id)
            try:
                await self._wait(context, state, future, request.timeout_ms / 1000)
            finally:
                self._waiters.forget(state.job_id, future)
        return self._shown(context, self._store.job(state.job_id))

    async def _wait(self, context: CallContext, state: JobState, ended: Future[JobState], seconds: float) -> None:
        if context.job_id is None:
            await _first_of([ended], seconds)
            return
        lends = any(above.job_id == context.job_id for above in ancestors_of(self._store, state))
        wait = self._system.begin_wait(context.job_id, state, lends=lends)
        if wait is None:
            raise OperationFailed("failed", f"job {state.job_id} waits for this one, so neither would end")
        try:
            await _first_of([ended, wait.interrupted], seconds)
        finally:
            self._system.waits.end(wait)


async def _first_of(futures: Sequence[Future[Any]], seconds: float) -> None:
    """Wait until one of them is done, at most so long; the others are cancelled."""
    wrapped = [asyncio.wrap_future(future) for future in futures]
    try:
        await asyncio.wait(wrapped, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for future in wrapped:
            if not future.cancel() and not future.cancelled():
                future.exception()  # that the runtime closes is no news to anybody here


def is_allowed(others: Mapping[str, tuple[str, ...]], extension: str, job_type: str) -> bool:
    """Whether the embedder lets an extension dispatch another one's job type, see `RuntimeSettings.cross_extension`."""
    whole = f"{job_type.partition(':')[0]}:*"
    return any(entry in (job_type, whole) for entry in (*others.get(extension, ()), *others.get("*", ())))


def _limits(wanted: ChildLimits | None, most: JobLimits) -> JobLimits | None:
    if wanted is None:
        return None
    given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    # What is not asked for is inherited.
    return msgspec.structs.replace(most, **given)


def job_operations(
    store: EventStore, system: ActorSystem, dispatching: Dispatching, waiters: Waiters, settings: RuntimeSettings
) -> tuple[Callable[..., Any], ...]:
    """The operations, ready to be registered; see `JobOperations`."""
    jobs = JobOperations(store, system, dispatching, waiters, settings)
    return jobs.dispatch, jobs.get, jobs.list, jobs.cancel, jobs.wait
