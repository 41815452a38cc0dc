"""The actor between callers and operations: checks each call, has it run in time, sends the answer.

A call is *held* (a budget makes it wait), then *open* (its handler runs on a worker or the event loop), then answered:
by its handler, or by this actor when its time is over. Whoever comes first answers; the other one's is dropped.

A job's action whose effect is not perdure's own is *admitted* in between: it waits until the job says that the intent
is on disk (ADR 0011).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
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
    BeginOperation,
    BudgetUse,
    CancelOperation,
    OperationAdmitted,
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
from perdure.store.failpoints import hit

logger = logging.getLogger(__name__)

# The caller learns that it failed and nothing more: what went wrong may name paths or secrets.
_HIDDEN: Final = OperationFailed("failed", "the operation failed on the host")
_LOST: Final = OperationFailed("unavailable", "the operation was not run; it may be tried again")
_CANCELLED: Final = OperationFailed("unavailable", "the call was cancelled")
_UNBEGUN: Final = OperationFailed("unavailable", "the operation was not begun in its time; it may be tried again")
_NO_ROUTER: Final = OperationFailed("unavailable", "the host runs no operations any more; its log says why")
_CLOSING: Final = OperationFailed("unavailable", "the runtime closed before the operation ended")

Answer = Callable[[UUID, int, OperationDone | OperationAdmitted], None]


class _Call(msgspec.Struct):
    """A call on its way. ``due`` is when it is looked at again, in monotonic seconds.

    ``task`` is None while it is held or admitted; ``held`` is the budget that made it wait, also afterwards.
    ``admission`` is there while its intent is not on disk. ``begun``: its handler may have run.
    """

    message: OperationCall
    reply: pykka.Future[Any] | None
    start: float
    due: float
    limit: float = math.inf  # when its caller gives it up
    name: str = UNKNOWN
    pool: str = ""
    effect: str = UNKNOWN
    recorded: bool = False
    token: CancelToken | None = None
    task: Task | Future[Any] | None = None
    begun: bool = False
    held: BudgetUse | None = None
    admission: Admission | None = None

    @property
    def is_held(self) -> bool:
        """Whether it waits for room in a budget."""
        return self.task is None and self.admission is None

    def is_of(self, message: CancelOperation | BeginOperation) -> bool:
        """Whether the message means this call."""
        own = self.message
        return (own.job_id, own.attempt, own.call) == (message.job_id, message.attempt, message.call)


class OpenCalls:
    """The calls that are held or open. They outlive the router that took them: the next one watches over them."""

    def __init__(self) -> None:
        # Workers take calls out of it as they answer them; `pop` decides who was first.
        self.calls: dict[int, _Call] = {}
        self._serials = itertools.count()

    def add(self, call: _Call) -> int:
        """Take in a call; returns its number here."""
        serial = next(self._serials)
        self.calls[serial] = call
        return serial

    def take(self, serial: int) -> _Call | None:
        """Take a call out, to answer it; None if somebody else does."""
        return self.calls.pop(serial, None)

    def all(self) -> list[tuple[int, _Call]]:
        """All of them, with their numbers."""
        return list(self.calls.copy().items())


class OperationRouter(MailboxActor):
    """Routes calls, and answers what is in its mailbox when it fails.

    Args:
        operations: checks and runs the calls.
        workers, loop: where they run; owned by the caller.
        open_calls: those of the router before, if there was one.
        answer: sends the answer to an attempt of a job, or that its action was admitted.
        hooks, clock, died: see the rest of the package.
    """

    def __init__(
        self,
        operations: Operations,
        workers: Workers,
        loop: EventLoop,
        open_calls: OpenCalls,
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
        self._open = open_calls
        self._due: float | None = clock.monotonic() if open_calls.calls else None  # no call is due before
        self._handling: tuple[OperationCall, pykka.Future[Any] | None] | None = None

    # --- the mailbox -------------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Answer the calls that wait for an intent: that it is on disk may have been told to the router before."""
        for serial, call in self._open.all():
            if call.admission is not None and self._open.take(serial) is not None:
                self._send(call, self._failed(call, _LOST, ran=False), call.held)

    def on_message(self, message: AnyMessage) -> object:
        """Check a call and have it run."""
        if isinstance(message, CancelOperation):
            self._cancel(message)
            return None
        if isinstance(message, BeginOperation):
            self._intended(message)
            return None
        if not isinstance(message, OperationCall):
            raise TypeError(f"the operation router got {type(message).__name__}")
        reply = self.defer()
        self._handling = (message, reply)
        now = self._clock.monotonic()
        limit = math.inf if message.timeout_ms is None else now + message.timeout_ms / 1000
        self._admit(_Call(message, reply, now, now, limit))
        self._handling = None
        return DEFERRED if reply is not None else None

    def wakeup(self) -> float | None:
        """Until the next call is due."""
        return None if self._due is None else self._due - self._clock.monotonic()

    def on_wakeup(self) -> None:
        """Look at the calls that are due."""
        now = self._clock.monotonic()
        self._due = None
        held = []
        # The last ones first: what is let go makes room for those behind it, whose time may be over too.
        for serial, call in reversed(self._open.all()):
            if call.due > now:
                self._watch(call)
            elif call.task is not None:
                self._expire(serial, call)
            else:
                held.append((serial, call))
        for serial, call in reversed(held):
            if self._open.take(serial) is None:
                continue
            if now < call.limit:
                self._admit(call)
            else:
                self._send(call, self._failed(call, _no_room(call), ran=False))

    def _watch(self, call: _Call) -> None:
        if call.due < (math.inf if self._due is None else self._due):
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
        if isinstance(admitted, Hold):
            call.held = admitted.budget
            call.due = min(self._clock.monotonic() + admitted.seconds, call.limit)
            self._open.add(call)
            self._watch(call)
            return
        call.name, call.pool, call.effect, call.recorded = (
            admitted.name,
            admitted.pool,
            admitted.effect,
            admitted.recorded,
        )
        if message.job_id is not None and not message.again and _needs_intent(message, admitted):
            call.admission, call.due = admitted, math.inf  # it may take as long as the disk does
            self._open.add(call)
            self._answer(message.job_id, message.attempt, OperationAdmitted(message.call, admitted.effect))
        else:
            self._begin(call, admitted)

    def _intended(self, message: BeginOperation) -> None:
        for serial, call in self._open.all():
            admitted = call.admission
            if admitted is not None and call.is_of(message) and self._open.take(serial) is not None:
                call.admission = None
                self._begin(call, admitted)

    def _begin(self, call: _Call, admitted: Admission) -> None:
        call.due = min(self._clock.monotonic() + admitted.seconds, call.limit)
        token = call.token = CancelToken(call.due)
        serial = self._open.add(call)
        self._watch(call)
        try:
            if admitted.asynchronous:
                call.task = self._loop.submit(self._run_async(serial, call, token))
            else:
                call.task = self._workers.pool(admitted.pool).submit(lambda: self._run(serial, call, token))
        except RuntimeError:
            logger.exception("operation %s cannot be run", call.name)
            self._finish(serial, self._failed(call, _LOST, ran=False))

    def _run(self, serial: int, call: _Call, token: CancelToken) -> None:
        call.begun = True
        _pass(call, "action.before_handler")
        try:
            outcome = self._operations.run(call.message, token)
        except BaseException as error:  # noqa: BLE001  # without an answer the guest would wait for ever
            outcome = self._defect(call, error)
        _pass(call, "action.after_handler")
        self._finish(serial, outcome)

    async def _run_async(self, serial: int, call: _Call, token: CancelToken) -> None:
        # First the mark, then the look: whoever cancels sets the token, then looks at the mark.
        call.begun = True
        if token.cancelled:
            self._finish(serial, self._failed(call, _CANCELLED, ran=False))
            return
        # Not by the future: a task that is cancelled before it runs would never come here, and answer nobody.
        token.on_cancel(partial(_cancel_task, asyncio.get_running_loop(), asyncio.current_task()))
        _pass(call, "action.before_handler")
        try:
            outcome = await self._operations.run_async(call.message, token)
        except asyncio.CancelledError as error:
            if token.cancelled:
                self._finish(serial, self._failed(call, _CANCELLED, ran=True))
                raise
            outcome = self._defect(call, error)
        except BaseException as error:  # noqa: BLE001  # as above
            outcome = self._defect(call, error)
        _pass(call, "action.after_handler")
        self._finish(serial, outcome)

    def _defect(self, call: _Call, error: BaseException) -> Outcome:
        if isinstance(error, OperationFailed):
            return self._failed(call, error, ran=True)
        logger.error("operation %s failed for %s", call.name, _who(call), exc_info=error)
        return self._failed(call, _HIDDEN, ran=True)

    def _expire(self, serial: int, call: _Call) -> None:
        """The call's time is over: answer it, and wait for its handler no longer."""
        if self._open.take(serial) is None:
            return
        if not self._let_go(call):
            self._send(call, self._failed(call, _UNBEGUN, ran=False), call.held)
            return
        seconds = self._clock.monotonic() - call.start
        done = "nothing was done" if call.recorded else "what it did is unknown"
        failure = OperationFailed("failed", f"the operation did not end within {seconds:.1f} s; {done}")
        logger.warning("operation %s of %s did not end in time", call.name, _who(call))
        self._send(call, self._failed(call, failure, ran=True), call.held)

    def _cancel(self, message: CancelOperation) -> None:
        for serial, call in self._open.all():
            if not call.is_of(message):
                continue
            if call.admission is not None and message.held:
                continue  # it waits for nothing but the disk
            if call.task is None:
                if self._open.take(serial) is not None:
                    self._send(call, self._failed(call, _CANCELLED, ran=False), call.held)
            elif call.token is not None and not message.held:
                call.token.cancel()

    def _let_go(self, call: _Call) -> bool:
        """Tell its handler to stop, and wait for it no longer; False if it was not begun, and never will be."""
        if call.token is not None:
            call.token.cancel()
        if isinstance(call.task, Task):
            return self._workers.pool(call.pool).abandon(call.task)
        return call.begun

    # --- answers -----------------------------------------------------------------------------------------------------

    def _failed(self, call: _Call, failure: OperationFailed, *, ran: bool) -> Outcome:
        try:
            return self._operations.failed(call.message, failure, ran=ran)
        except Exception:  # whoever waits is to be told all the same
            logger.exception("the failure of %s could not be put into words", call.name)
            return Outcome(answer=failure_answer(failure.code, failure.message), code=failure.code)

    def _finish(self, serial: int, outcome: Outcome) -> None:
        call = self._open.take(serial)
        if call is not None:
            self._send(call, outcome, call.held)

    def _send(self, call: _Call, outcome: Outcome, budget: BudgetUse | None = None) -> None:
        seconds, code = self._clock.monotonic() - call.start, outcome.code or "ok"
        self._hooks.operation(call.name, call.effect, code, seconds)
        self._hooks.operation_over(call.message, call.name, call.effect, code, seconds)
        _deliver(call, outcome, budget, self._answer)

    # --- the end -----------------------------------------------------------------------------------------------------

    def on_stop(self) -> None:
        """Tell handlers to stop, and answer whoever still waits: only callers of the host, jobs have ended by now."""
        for serial, call in self._open.all():
            if self._open.take(serial) is not None:
                begun = call.task is not None and self._let_go(call)
                self._send(call, self._failed(call, _CLOSING, ran=begun), call.held)

    def on_failure(self, exception_type: Any, exception_value: BaseException | None, traceback: Any) -> None:
        """Answer the calls that die with this actor, so that nobody waits for ever; the open ones live on."""
        try:
            now = self._clock.monotonic()
            lost = [self._handling] if self._handling is not None else []
            for message, reply in [*lost, *self._calls_in_mailbox()]:
                call = _Call(message, reply, now, now)
                self._send(call, self._failed(call, _LOST, ran=False))
        finally:
            super().on_failure(exception_type, exception_value, traceback)

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


def give_up_calls(open_calls: OpenCalls, operations: Operations, answer: Answer) -> None:
    """Answer all calls that are held or open: there will be no router any more to watch over them."""
    for serial, call in open_calls.all():
        if open_calls.take(serial) is not None:
            if call.token is not None:
                call.token.cancel()
            _deliver(call, operations.failed(call.message, _NO_ROUTER, ran=call.begun), call.held, answer)


def _deliver(call: _Call, outcome: Outcome, budget: BudgetUse | None, answer: Answer) -> None:
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
        answer(call.message.job_id, call.message.attempt, done)


def _cancel_task(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any] | None) -> None:
    if task is not None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and has cancelled its tasks
            loop.call_soon_threadsafe(task.cancel)


def _needs_intent(message: OperationCall, admitted: Admission) -> bool:
    """Whether the log has to have it before anything happens: else nobody would know of it after a crash."""
    return message.method.startswith("action:") and admitted.effect in ("idempotent", "non_idempotent")


def _pass(call: _Call, failpoint: str) -> None:
    if call.message.method.startswith("action:"):
        hit(failpoint)


def _who(call: _Call) -> str:
    return call.message.extension or "the host"


def _no_room(call: _Call) -> OperationFailed:
    """The caller waits no longer for room in a budget."""
    retry = call.held.retry_after_ms if call.held is not None else None
    return OperationFailed("rate_limited", "there was no room in the budget in the call's time", retry_after_ms=retry)
