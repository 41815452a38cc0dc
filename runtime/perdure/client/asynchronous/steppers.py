"""Jobs walked through call by call."""

from __future__ import annotations

from uuid import UUID

from perdure.client.async_stepper import AsyncClientStepper
from perdure.client.asynchronous.calling import Calling
from perdure.client.calls import steppers as calls


class StepMethods(Calling):
    """How `AsyncClient` walks through jobs."""

    async def stepper(self, job_id: UUID | str, run: int | None = None) -> AsyncClientStepper:
        """See `Runtime.stepper`; the server runs the guest again, which takes a token with the scope ``control``."""
        return AsyncClientStepper(self._do, await self._do(calls.opened(job_id, run)))
