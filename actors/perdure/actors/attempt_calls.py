"""An attempt's calls of operations: sent to the router, recorded with their answers, then given to the guest."""

from __future__ import annotations

import contextlib
import logging
import random
from typing import TYPE_CHECKING, Final
from uuid import UUID

import msgspec

from perdure.actors.attempt_journal import STALLED, AttemptJournal
from perdure.actors.attempt_leases import AttemptLeases
from perdure.actors.attempt_mail import AttemptMail
from perdure.actors.backoff import CONTENTION
from perdure.actors.effect_keys import EffectKeys
from perdure.actors.errors import SystemStopped, blame_for
from perdure.actors.guest import StopGuest
from perdure.actors.messages import CancelOperation, CommitFailed, OperationCall, OperationDone
from perdure.actors.operations import failure_answer
from perdure.actors.replay.recorded_calls import AskedEvent
from perdure.store.blobs import store_payload
from perdure.store.errors import StoreError
from perdure.store.events import ActionAnswered, OperationAnswered, Recorded, Sealed
from perdure.store.job_state import JobState, origin_of

if TYPE_CHECKING:
    from perdure.actors.system import ActorSystem

logger = logging.getLogger(__name__)

_UNFIT: Final = "the operation failed on the host: its changes are none that can be stored"


class AttemptCalls:
    """The operation calls of one attempt. For the attempt's own thread.

    Attributes:
        effects: the names of the run's effects since its last checkpoint.
        begun: the number of the call whose action an earlier attempt had begun and whose outcome is not known; 0 for
            none.
    """

    def __init__(
        self, system: ActorSystem, journal: AttemptJournal, mail: AttemptMail, leases: AttemptLeases, state: JobState
    ) -> None:
        self.effects = EffectKeys(state.job_id, origin_of(state))
        self.begun = 0
        self._system = system
        self._journal = journal
        self._mail = mail
        self._leases = leases
        self._state = state
        self._attempt = state.attempts + 1
        self._open_call: int | None = None
        mail.asked_to_end = self._let_end

    def call(self, call: int, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        """Run an operation for the guest; see `GuestHost.call`. ``call`` is the host call's number."""
        state = self._state
        library = library_id if library_id is not None else state.library_id
        action = method.startswith("action:")
        message = OperationCall(
            caller="job",
            extension=state.extension,
            job_id=state.job_id,
            job_type=state.job_type,
            library_id=library,
            call=call,
            method=method,
            payload=payload,
            effect_key=self.effects.next(method, library, payload) if action else "",
            attempt=self._attempt,
        )
        while True:
            done = self._run(message)
            if done.budget is not None:
                self._leases.record_reached(call, fuel, done.budget)
                if done.budget.response == "suspend":
                    self._leases.suspension = done.budget
                    raise StopGuest
            recorded = self._record(fuel, message, library_id, done)
            if recorded is not None:
                break
            message = msgspec.structs.replace(message, again=message.again + 1)
            # Let the others go first, for a moment that is drawn; no secret is.
            if pause := CONTENTION.delay_ms(message.again, random.random()):  # noqa: S311
                self._mail.pause(pause / 1000)
        if recorded.action and not recorded.code:
            # Only then: whoever tries a failed action again means the same effect, and so does a later attempt.
            self.effects.done(method, library, payload)
        return recorded.answer

    def repeated(self, asked: AskedEvent) -> None:
        """The run's guest was led through this action again, which succeeded."""
        library = asked.library_id if asked.library_id is not None else self._state.library_id
        self.effects.done(asked.method, library, self._system.operations.opened(asked.payload))

    # --- the answer --------------------------------------------------------------------------------------------------

    def _run(self, message: OperationCall) -> OperationDone:
        mail = self._mail
        mail.operation = None
        try:
            sent = self._system.router.tell(message)
        except SystemStopped as error:
            self._journal.lose(str(error))
        if not sent:
            text = "the operation was not run; it may be tried again"
            return OperationDone(message.call, "unavailable", failure_answer("unavailable", text))
        self._open_call = message.call
        if mail.wanted is not None:
            self._let_end(True)  # a guest that ends its work may call, but not be held
        try:
            while (done := mail.operation) is None or done.call != message.call:
                mail.wait()
                mail.go_on()
        finally:
            self._open_call = None
        mail.operation = None
        return done

    def _let_end(self, held: bool) -> None:
        """Let the open call come to an end; only if it waits for room in a budget, when it is ``held``."""
        if self._open_call is not None:
            with contextlib.suppress(SystemStopped):
                cancel = CancelOperation(self._state.job_id, self._attempt, self._open_call, held)
                self._system.router.tell(cancel)

    # --- the record --------------------------------------------------------------------------------------------------

    def _record(
        self, fuel: int, message: OperationCall, library_id: UUID | None, done: OperationDone
    ) -> OperationDone | None:
        """Lay down the answer, and for an action wait until it is on disk; None if its effects met others'.

        What is recorded, and answered, is a failure if the effects are none that the log can take.
        """
        call, method = message.call, message.method
        payload, answer = self._recorded(message, done)
        if not done.action:
            self._leases.state_fact(OperationAnswered(call, fuel, method, library_id, payload, answer, done.code))
            return done
        # The key is a digest of the payload: beside a sealed one it would be something to guess the secret by.
        key = "" if isinstance(payload, Sealed) else message.effect_key
        event = ActionAnswered(call, fuel, method, library_id, key, payload, answer, done.code, done.writes)
        while isinstance(committed := self._journal.commit(event, done.effects), CommitFailed):
            if committed.conflict:
                return None
            if committed.unfit:
                logger.error("the effects of %s cannot be stored: %s", method, committed.reason)
                words = failure_answer("failed", _UNFIT)
                refused = OperationDone(call, "failed", words, action=True, payload=done.payload)
                return self._record(fuel, message, library_id, refused)
            # The disk is full, or worse. What was done is known, so it is kept and tried again until there is room.
            self._mail.pause(STALLED)
        return done

    def _recorded(self, message: OperationCall, done: OperationDone) -> tuple[Recorded, Recorded]:
        """The call's payload and answer as they go into the log; large ones are in the blob store by then."""
        blobs = self._system.store.blobs
        while True:
            try:
                return (
                    done.payload if done.payload is not None else store_payload(blobs, message.payload),
                    done.recorded_answer if done.recorded_answer is not None else store_payload(blobs, done.answer),
                )
            except StoreError as error:
                if not done.action:
                    # Without a record the answer must not reach the guest: a replay could not give it again.
                    self._journal.lose(str(error), blame_for(error))
                job_id = self._state.job_id
                logger.error("the outcome of %s of job %s cannot be stored yet: %s", message.method, job_id, error)
                self._mail.pause(STALLED)
