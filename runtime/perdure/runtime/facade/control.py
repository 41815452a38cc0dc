"""What a person tells a job: to pause, to go on, to end, or what became of an action in doubt."""

from __future__ import annotations

from uuid import UUID

from perdure.actors.messages import Control
from perdure.runtime.doubts import Doubt, Resolution, doubt_of, resolution_of
from perdure.runtime.facade.parts import Parts
from perdure.runtime.identifiers import job_id_of
from perdure.store.lifecycle import Status


class ControlFacade(Parts):
    """How `Runtime` controls jobs."""

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

    def _control(self, job_id: UUID | str, action: str, timeout: float | None) -> Status:
        self._check()
        state = self.store.job(job_id_of(job_id))
        if action in ("resume", "retry"):
            self._extensions.ensure_loaded(state.extension)
        status: Status = self._system.supervisor.ask(Control(state.job_id, action), self._seconds(timeout))
        return status

    def doubt(self, job_id: UUID | str) -> Doubt | None:
        """The job's action of which nobody knows whether it was done, if there is one that waits for a person's word.

        Raises:
            UnknownJob: there is no such job.
        """
        self._check()
        return doubt_of(self.store, self.store.job(job_id_of(job_id)))

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
        state = self.store.job(job_id_of(job_id))
        word = resolution_of(
            self.store, self._service, state, resolution, answer=answer, message=message, code=code, by=by
        )
        self._extensions.ensure_loaded(state.extension)
        status: Status = self._system.supervisor.ask(word, self._seconds(timeout))
        return status
