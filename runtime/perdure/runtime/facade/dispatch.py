"""New jobs: dispatched, or forked from the past of another one."""

from __future__ import annotations

import os
from uuid import UUID

from msgspec import UNSET

from perdure.runtime.facade.parts import Parts
from perdure.runtime.idempotency import JobRequest, checked_key, keyed_job
from perdure.runtime.identifiers import DEFAULT_LIBRARY, job_id_of
from perdure.runtime.job_handle import JobHandle
from perdure.store.events import JobLimits, RetryPolicy


class DispatchFacade(Parts):
    """How `Runtime` comes to new jobs."""

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
            self._dispatching.record(prepared, [prepared.dispatched], timeout=timeout)
            return self._handle(prepared.dispatched.job_id)
        request = JobRequest(job_type=job_type, state=state, library_id=library_id, limits=limits, retry=retry)
        job_id = self._keyed.dispatch(
            request,
            idempotency_key,
            lambda prepared, events, effects: self._dispatching.record(prepared, events, effects, timeout),
        )
        return self._handle(job_id)

    def job_with_key(self, extension: str, idempotency_key: str) -> JobHandle | None:
        """The job of the extension that was dispatched with this idempotency key; None if there is none.

        Raises:
            InvalidKey: the key cannot be one.
        """
        self._check()
        job_id = keyed_job(self.store, extension, checked_key(idempotency_key))
        return self._handle(job_id) if job_id is not None else None

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
        made = self._forking.fork(job_id_of(job_id), at, state=state, answer=answer, module=module, paused=paused)
        return self._handle(made)
