"""The actor between guests and operations: checks each call, runs it on a worker, sends the answer to the job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

from perdure.actors.clock import Clock
from perdure.actors.hooks import ActorHooks
from perdure.actors.mailbox import MailboxActor
from perdure.actors.messages import AnyMessage, OperationCall, OperationDone, decode_message
from perdure.actors.operations import UNKNOWN, OperationFailed, Operations, failure_answer

logger = logging.getLogger(__name__)

# The guest learns that it failed and nothing more: what went wrong may name paths or secrets.
_HIDDEN: Final = OperationFailed("failed", "the operation failed on the host")
_LOST: Final = OperationFailed("unavailable", "the operation was not run; it may be tried again")

Answer = Callable[[UUID, OperationDone], None]


class OperationRouter(MailboxActor):
    """Routes calls; holds no state of its own, and answers what is in its mailbox when it fails.

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
        self._handling: OperationCall | None = None

    def on_message(self, message: AnyMessage) -> object:
        """Check a call and hand it to a worker."""
        if not isinstance(message, OperationCall):
            raise TypeError(f"the operation router got {type(message).__name__}")
        self._handling = message
        start = self._clock.monotonic()
        try:
            name = self._operations.admit(message)
        except OperationFailed as failure:
            self._fail(message, UNKNOWN, failure, start)
        except Exception:
            # One guest must not take the router from the others by a call that the host cannot check.
            logger.exception("a call of %s by extension %s could not be checked", message.method, message.extension)
            self._fail(message, UNKNOWN, _HIDDEN, start)
        else:
            self._workers.submit(self._run, message, name, start)
        self._handling = None
        return None

    def _run(self, call: OperationCall, name: str, start: float) -> None:
        try:
            answer = self._operations.run(call)
        except OperationFailed as failure:
            self._fail(call, name, failure, start)
        except BaseException:  # without an answer the guest would wait for ever
            logger.exception("operation %s failed for extension %s", name, call.extension)
            self._fail(call, name, _HIDDEN, start)
        else:
            self._send_answer(call, name, "", answer, start)

    def _fail(self, call: OperationCall, name: str, failure: OperationFailed, start: float) -> None:
        self._send_answer(call, name, failure.code, failure_answer(failure.code, failure.message), start)

    def _send_answer(self, call: OperationCall, name: str, code: str, answer: bytes, start: float) -> None:
        self._hooks.operation(name, code or "ok", self._clock.monotonic() - start)
        self._answer(call.job_id, OperationDone(call.call, code, answer))

    def on_failure(self, exception_type: Any, exception_value: BaseException | None, traceback: Any) -> None:
        """Answer the calls that die with this actor, so that no guest waits for ever."""
        try:
            lost = [self._handling] if self._handling is not None else []
            for call in [*lost, *self._calls_in_mailbox()]:
                self._fail(call, UNKNOWN, _LOST, self._clock.monotonic())
        finally:
            super().on_failure(exception_type, exception_value, traceback)

    def _calls_in_mailbox(self) -> list[OperationCall]:
        calls = []
        for _ in range(self.mailbox_depth()):
            envelope = self.actor_inbox.get()
            message = decode_message(envelope.message) if isinstance(envelope.message, bytes) else None
            if isinstance(message, OperationCall):
                calls.append(message)
            else:
                self.actor_inbox.put(envelope)  # Pykka answers those when the loop ends
        return calls
