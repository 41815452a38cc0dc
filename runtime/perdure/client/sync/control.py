"""What a person tells a job."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from perdure.client.calls import control as calls
from perdure.client.sync.calling import Calling
from perdure.store.lifecycle import Status

if TYPE_CHECKING:
    from perdure.runtime.doubts import Doubt, Resolution


class ControlMethods(Calling):
    """How `Client` controls jobs."""

    def pause(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """See `Runtime.pause`."""
        return self._do(calls.pause(job_id, timeout))

    def cancel(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """See `Runtime.cancel`."""
        return self._do(calls.cancel(job_id, timeout))

    def resume(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """See `Runtime.resume`."""
        return self._do(calls.resume(job_id, timeout))

    def retry(self, job_id: UUID | str, timeout: float | None = None) -> Status:
        """See `Runtime.retry`."""
        return self._do(calls.retry(job_id, timeout))

    def doubt(self, job_id: UUID | str) -> Doubt | None:
        """See `Runtime.doubt`."""
        return self._do(calls.doubt(job_id))

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
        """See `Runtime.resolve`; the log names the token instead of ``by``."""
        return self._do(calls.resolve(job_id, resolution, answer, message, code, timeout))
