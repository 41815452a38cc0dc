"""`Client`: the methods of `Runtime`, for a runtime that a server has.

with Client.connect("http://127.0.0.1:7373", token=token) as runtime:
    job = runtime.dispatch("counter:counter", {"target": 2000})
    print(job.wait().status)
"""

from __future__ import annotations

from uuid import UUID

from perdure.client.sync.control import ControlMethods
from perdure.client.sync.keeping import KeepingMethods
from perdure.client.sync.operations import OperationMethods
from perdure.client.sync.proofs import ProofMethods
from perdure.client.sync.steppers import StepMethods
from perdure.client.sync.watching import WatchMethods
from perdure.runtime.job_handle import JobHandle


class Client(WatchMethods, ControlMethods, ProofMethods, OperationMethods, KeepingMethods, StepMethods):
    """A runtime behind a server. Use `open` or `connect`; all methods are thread-safe.

    Errors are those of `Runtime`'s methods, with their data, and besides:

    Raises:
        ServerUnreachable: nobody answers.
        TimeoutError: no answer in time; what was asked for may still be done.
        UnexpectedAnswer: what answers is no perdure server.
        Unauthenticated, Forbidden: the token does not open this.
    """

    def _handle(self, job_id: UUID) -> JobHandle:
        return JobHandle(self, job_id)
