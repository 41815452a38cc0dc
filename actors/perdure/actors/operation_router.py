"""The actor between guests and operations: checks each call, runs it on a worker, sends the answer to the job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from perdure.actors.clock import Clock
from perdure.actors.hooks import ActorHooks
from perdure.actors.mailbox import MailboxActor
from perdure.actors.messages import AnyMessage, OperationCall, OperationDone
from perdure.actors.operations import UNKNOWN, OperationFailed, Operations, failure_answer

logger = logging.getLogger(__name__)

Answer = Callable[[UUID, OperationDone], None]


class OperationRouter(MailboxActor):
    """Routes calls; holds no state of its own, so that a restart loses nothing but the calls in its mailbox.

    Args:
        operations: checks and runs the calls.
        workers: where they run; owned by the caller.
        answer: sends the answer to the job.
        hooks, clock, died: see the rest of the package.
    """

    def __init__(
        self,
        operations: Operations,
        workers: ThreadPoolExecutor,
        answer: Answer,
        hooks: ActorHooks,
        clock: Clock,
        died: Callable[[str], None],
    ) -> None:
        super().__init__("router", died)
        self._operations = operations
        self._workers = workers
        self._answer = answer
        self._hooks = hooks
        self._clock = clock

    def on_message(self, message: AnyMessage) -> object:
        """Check a call and hand it to a worker."""
        if not isinstance(message, OperationCall):
            raise TypeError(f"the operation router got {type(message).__name__}")
        start = self._clock.monotonic()
        try:
            name = self._operations.admit(message)
        except OperationFailed as failure:
            self._send_answer(message, UNKNOWN, failure.code, failure_answer(failure.code, failure.message), start)
        else:
            self._workers.submit(self._run, message, name, start)
        return None

    def _run(self, call: OperationCall, name: str, start: float) -> None:
        try:
            code, answer = "", self._operations.run(call)
        except OperationFailed as failure:
            code, answer = failure.code, failure_answer(failure.code, failure.message)
        except Exception:
            # The guest learns that it failed and nothing more: a message may hold paths or secrets.
            logger.exception("operation %s failed for extension %s", name, call.extension)
            code, answer = "failed", failure_answer("failed", "the operation failed on the host")
        self._send_answer(call, name, code, answer, start)

    def _send_answer(self, call: OperationCall, name: str, code: str, answer: bytes, start: float) -> None:
        self._hooks.operation(name, code or "ok", self._clock.monotonic() - start)
        self._answer(call.job_id, OperationDone(call.call, code, answer))
