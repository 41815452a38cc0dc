"""Jobs walked through call by call."""

from __future__ import annotations

from uuid import UUID

from perdure.client.calls import steppers as calls
from perdure.client.stepper import ClientStepper
from perdure.client.sync.calling import Calling


class StepMethods(Calling):
    """How `Client` walks through jobs."""

    def stepper(self, job_id: UUID | str, run: int | None = None) -> ClientStepper:
        """See `Runtime.stepper`; the server runs the guest again, which takes a token with the scope ``control``."""
        return ClientStepper(self._do, self._do(calls.opened(job_id, run)))
