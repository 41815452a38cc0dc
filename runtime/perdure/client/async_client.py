"""`AsyncClient`: the methods of `Client`, for event loops.

async with AsyncClient.connect("http://127.0.0.1:7373", token=token) as runtime:
    job = await runtime.dispatch("counter:counter", {"target": 2000})
    print((await job).status)
"""

from __future__ import annotations

from uuid import UUID

from perdure.client.async_job_handle import AsyncJobHandle
from perdure.client.asynchronous.control import ControlMethods
from perdure.client.asynchronous.keeping import KeepingMethods
from perdure.client.asynchronous.operations import OperationMethods
from perdure.client.asynchronous.proofs import ProofMethods
from perdure.client.asynchronous.steppers import StepMethods
from perdure.client.asynchronous.watching import WatchMethods


class AsyncClient(WatchMethods, ControlMethods, ProofMethods, OperationMethods, KeepingMethods, StepMethods):
    """A runtime behind a server, for one event loop. Use `open` or `connect`; methods and errors as of `Client`."""

    def _handle(self, job_id: UUID) -> AsyncJobHandle:
        return AsyncJobHandle(self, job_id)
