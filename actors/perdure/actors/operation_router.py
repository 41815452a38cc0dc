"""The actor between callers and operations: checks each call, has it run in time, sends the answer.

A call is *held* (a budget makes it wait), then *open* (its handler runs on a worker or the event loop), then answered:
by its handler, or by this actor when its time is over. Whoever comes first answers; the other one's is dropped.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final
from uuid import UUID

import msgspec
import pykka

from perdure.actors.cancel_token import CancelToken
from perdure.actors.clock import Clock
from perdure.actors.event_loop import EventLoop
from perdure.actors.hooks import ActorHooks
from perdure.actors.mailbox import DEFERRED, MailboxActor
from perdure.actors.messages import (
    AnyMessage,
    BudgetUse,
    CancelOperation,
    OperationCall,
    OperationDone,
    decode_message,
)
from perdure.actors.operations import (
    UNKNOWN,
    Admission,
    Hold,
    OperationFailed,
    Operations,
    Outcome,
    failure_answer,
)
from perdure.actors.workers import Task, Workers

logger = logging.getLogger(__name__)

# The caller learns that it failed and nothing more: what went wrong may name paths or secrets.
_HIDDEN: Final = OperationFailed("failed", "the operation failed on the host")
_LOST: Final = OperationFailed("unavailable", "the operation was not run; it may be tried again")
_CANCELLED: Final = OperationFailed("unavailable", "the call was cancelled")

Answer = Callable[[UUID, OperationDone], None]


class _Call(msgspec.Struct):
    """A call on its way. ``due`` is when it is looked at again, in monotonic seconds.

    ``task`` is None while it is held; ``held`` is the budget that made it wait, also afterwards.
    """

    message: OperationCall
    reply: pykka.Future[Any] | None
    start: float
    due: float
    name: str = UNKNOWN
    pool: str = ""
    token: CancelToken | None = None
    task: Task | Future[Any] | None = None
    held: BudgetUse | None = None


class OperationRouter(MailboxActor):
    """Routes calls, and answers what is in its mailbox when it fails.

    Args:
        operations: checks and runs the calls.
        workers, loop: where they run; owned by the caller.
        answer: sends the answer to the job.
        hooks, clock, died: see the rest of the package.
    """

    def __init__(
        self,
        operations: Operations,
        workers: Workers,
        loop: EventLoop,
        answer: Answer,
        hooks: ActorHooks,
        clock: Clock,
        died: Callable[[str], None],
    ) -> None:
        super().__init__("router", died)
        self._operations = operations
        self._workers = workers
        self._loop = loop
        self._answer = answer
        self._hooks = hooks
        self._clock = clock
        self._serials = itertools.count()
        # Workers take calls out of it as they answer them; `pop` decides who was first.
        self._calls: dict[int, _Call] = {}
        self._due: float | None = None  # no call is due before
        self._handling: tuple[OperationCall, pykka.Future[Any] | None] | None = None

    # --- the mailbox -------------------------------------------------------------------------------------------------

    def on_message(self, message: AnyMessage) -> object:
        """Check a call and have it run."""
        if isinstance(message, CancelOperation):
            self._cancel(message)
            return None
        if not isinstance(message, OperationCall):
            raise TypeError(f"the operation router got {type(message).__name__}")
        reply = self.defer()
        self._handling = (message, reply)
        now = self._clock.monotonic()
        self._admit(_Call(message, reply, now, now))
        self._handling = None
        return DEFERRED if reply is not None else None

    def wakeup(self) -> float | None:
        """Until the next call is due."""
        return None if self._due is None else self._due - self._clock.monotonic()

    def on_wakeup(self) -> None:
        """Look at the calls that are due."""
        now = self._clock.monotonic()
        self._due = None
        for serial, call in list(self._calls.items()):
            if call.due > now:
                self._watch(call)
            elif call.task is None:
                if self._calls.pop(serial, None) is not None:
                    self._admit(call)
            else:
                self._expire(serial, call)

    def _watch(self, call: _Call) -> None:
        if self._due is None or call.due < self._due:
            self._due = call.due

    # --- a call's way ------------------------------------------------------------------------------------------------

    def _admit(self, call: _Call) -> None:
        message = call.message
        try:
            admitted = self._operations.admit(message)
        except OperationFailed as failure:
            self._send(call, self._failed(call, failure, ran=False), failure.budget)
            return
        except Exception:
            # One guest must not take the router from the others by a call that the host cannot check.
            logger.exception("a call by %s of %s could not be checked", message.caller, message.extension or "the host")
            self._send(call, self._failed(call, _HIDDEN, ran=False))
            return
        serial = next(self._serials)
        if isinstance(admitted, Hold):
            call.held = admitted.budget
            call.due = self._clock.monotonic() + admitted.seconds
            self._calls[serial] = call
            self._watch(call)
        else:
            self._begin(serial, call, admitted)

    def _begin(self, serial: int, call: _Call, admitted: Admission) -> None:
        token = call.token = CancelToken()
        call.name, call.pool = admitted.name, admitted.pool
        call.due = self._clock.monotonic() + admitted.seconds
        self._calls[serial] = call
        self._watch(call)
        try:
            if admitted.asynchronous:
                call.task = self._loop.submit(self._run_async(serial, call, token))
                token.on_cancel(call.task.cancel)
            else:
                call.task = self._workers.pool(admitted.pool).submit(lambda: self._run(serial, call, token))
        except RuntimeError:
            logger.exception("operation %s cannot be run", call.name)
            self._finish(serial, self._failed(call, _LOST, ran=False))

    def _run(self, serial: int, call: _Call, token: CancelToken) -> None:
        try:
            outcome = self._operations.run(call.message, token)
        except OperationFailed as failure:
            outcome = self._failed(call, failure, ran=True)
        except BaseException:  # without an answer the guest would wait for ever
            logger.exception("operation %s failed for %s", call.name, call.message.extension or "the host")
            outcome = self._failed(call, _HIDDEN, ran=True)
        self._finish(serial, outcome)

    async def _run_async(self, serial: int, call: _Call, token: CancelToken) -> None:
        try:
            outcome = await self._operations.run_async(call.message, token)
        except OperationFailed as failure:
            outcome = self._failed(call, failure, ran=True)
        except asyncio.CancelledError:
            self._finish(serial, self._failed(call, _CANCELLED, ran=True))
            raise
        except BaseException:  # as above
            logger.exception("operation %s failed for %s", call.name, call.message.extension or "the host")
            outcome = self._failed(call, _HIDDEN, ran=True)
        self._finish(serial, outcome)

    def _expire(self, serial: int, call: _Call) -> None:
        """The call's time is over: answer it, and wait for its handler no longer."""
        if self._calls.pop(serial, None) is None:
            return
        seconds = self._clock.monotonic() - call.start
        failure = OperationFailed("failed", f"the operation did not end within {seconds:.1f} s; what it did is unknown")
        logger.warning("operation %s of %s did not end in time", call.name, call.message.extension or "the host")
        self._send(call, self._failed(call, failure, ran=True))
        self._let_go(call)

    def _cancel(self, message: CancelOperation) -> None:
        for serial, call in list(self._calls.items()):
            if call.message.job_id != message.job_id or call.message.call != message.call:
                continue
            if call.task is None:
                if self._calls.pop(serial, None) is not None:
                    self._send(call, self._failed(call, _CANCELLED, ran=False), call.held)
            elif call.token is not None and not message.held:
                call.token.cancel()

    def _let_go(self, call: _Call) -> None:
        if call.token is not None:
            call.token.cancel()
        if isinstance(call.task, Task):
            self._workers.pool(call.pool).abandon(call.task)

    # --- answers -----------------------------------------------------------------------------------------------------

    def _failed(self, call: _Call, failure: OperationFailed, *, ran: bool) -> Outcome:
        try:
            return self._operations.failed(call.message, failure, ran=ran)
        except Exception:  # whoever waits is to be told all the same
            logger.exception("the failure of %s could not be put into words", call.name)
            return Outcome(answer=failure_answer(failure.code, failure.message), code=failure.code)

    def _finish(self, serial: int, outcome: Outcome) -> None:
        call = self._calls.pop(serial, None)
        if call is not None:
            self._send(call, outcome, call.held)

    def _send(self, call: _Call, outcome: Outcome, budget: BudgetUse | None = None) -> None:
        self._hooks.operation(call.name, outcome.code or "ok", self._clock.monotonic() - call.start)
        done = OperationDone(
            call.message.call,
            outcome.code,
            outcome.answer,
            outcome.action,
            outcome.payload,
            outcome.recorded_answer,
            outcome.writes,
            outcome.effects,
            budget,
        )
        if call.reply is not None:
            call.reply.set(done)
        elif call.message.job_id is not None:
            self._answer(call.message.job_id, done)

    # --- failing -----------------------------------------------------------------------------------------------------

    def on_failure(self, exception_type: Any, exception_value: BaseException | None, traceback: Any) -> None:
        """Answer the calls that die with this actor, so that nobody waits for ever."""
        try:
            now = self._clock.monotonic()
            lost = [self._handling] if self._handling is not None else []
            lost += [(call.message, call.reply) for call in self._take_held()]
            for message, reply in [*lost, *self._calls_in_mailbox()]:
                call = _Call(message, reply, now, now)
                self._send(call, self._failed(call, _LOST, ran=False))
        finally:
            super().on_failure(exception_type, exception_value, traceback)

    def _take_held(self) -> list[_Call]:
        held = [(serial, call) for serial, call in list(self._calls.items()) if call.task is None]
        return [call for serial, call in held if self._calls.pop(serial, None) is not None]

    def _calls_in_mailbox(self) -> list[tuple[OperationCall, pykka.Future[Any] | None]]:
        calls = []
        for _ in range(self.mailbox_depth()):
            envelope = self.actor_inbox.get()
            message = decode_message(envelope.message) if isinstance(envelope.message, bytes) else None
            if isinstance(message, OperationCall):
                calls.append((message, envelope.reply_to))
            else:
                self.actor_inbox.put(envelope)  # Pykka answers those when the loop ends
        return calls
