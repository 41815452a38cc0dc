"""An attempt's calls of operations: sent to the router, recorded with their answers, then given to the guest.

An action whose effect is not perdure's own is recorded twice: its intent before the handler begins, its outcome before
the guest has it (ADR 0011).
"""

from __future__ import annotations

import contextlib
import logging
import random
from typing import TYPE_CHECKING, Final, NoReturn
from uuid import UUID

import msgspec

from perdure.actors.attempt_journal import STALLED, AttemptJournal
from perdure.actors.attempt_leases import AttemptLeases
from perdure.actors.attempt_mail import AttemptMail
from perdure.actors.backoff import CONTENTION
from perdure.actors.done_actions import DoneActions
from perdure.actors.effect_keys import EffectKeys
from perdure.actors.errors import LockedNow, SystemStopped, UnreadableNow, blame_for
from perdure.actors.guest import StopGuest
from perdure.actors.messages import (
    BeginOperation,
    CancelOperation,
    CommitFailed,
    OperationCall,
    OperationDone,
)
from perdure.actors.operations import OperationFailed, failure_answer
from perdure.actors.replay.job_log import action_done
from perdure.actors.replay.recorded_calls import AskedEvent
from perdure.store.blobs import store_payload
from perdure.store.errors import BlobMissing, CorruptBlob, StoreError
from perdure.store.events import (
    ActionAnswered,
    ActionIntended,
    ActionReused,
    DoubtResolved,
    Inline,
    JobError,
    OperationAnswered,
    Recorded,
    Sealed,
    job_stream,
)
from perdure.store.failpoints import hit
from perdure.store.job_state import JobState, origin_of

if TYPE_CHECKING:
    from perdure.actors.system import ActorSystem

logger = logging.getLogger(__name__)

_UNFIT: Final = "the operation failed on the host: its changes are none that can be stored"
_NOT_RUN: Final = "the operation was not run; it may be tried again"


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
        self._intended = False  # whether the log has the intent of the call at hand
        self._done: DoneActions | None = None  # what earlier runs have done since ``_done_since``
        self._done_since: int | None = None
        mail.asked_to_end = self._let_end

    def call(self, call: int, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        """Run an operation for the guest; see `GuestHost.call`. ``call`` is the host call's number."""
        state = self._state
        library = library_id if library_id is not None else state.library_id
        action = method.startswith("action:")
        key = self.effects.next(method, library, payload) if action else ""
        begun, self.begun = call == self.begun, 0
        if begun:
            self._system.hooks.in_doubt("idempotent", "retried")
        elif action and (sequence := self._done_before(key, method, library)):
            answer = self._reuse(call, fuel, method, sequence)
            self.effects.done(method, library, payload)
            return answer
        message = OperationCall(
            caller="job",
            extension=state.extension,
            job_id=state.job_id,
            job_type=state.job_type,
            library_id=library,
            call=call,
            method=method,
            payload=payload,
            effect_key=key,
            again=int(begun),  # then it was admitted and charged before
            attempt=self._attempt,
        )
        self._intended = begun
        while True:
            done = self._run(fuel, message, library_id)
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

    # --- what was done before ----------------------------------------------------------------------------------------

    def _done_before(self, key: str, method: str, library: UUID) -> int:
        """The sequence of the outcome of the action with this key, if an earlier run has done it; else 0."""
        since = self.effects.checkpoint
        if self._done is None or self._done_since != since:
            self._done, self._done_since = self._done_actions(since), since
        if key == self._done.in_doubt:
            self._done.in_doubt = None
            self._system.hooks.in_doubt("idempotent", "retried")
        sequence = self._done.outcomes.get(key, 0)
        if not sequence and (method, library) in self._done.unreadable:
            self._lose_done(
                f"{method} was done since the checkpoint, and whether this is the same can no longer be read"
            )
        return sequence

    def _lose_done(self, text: str) -> NoReturn:
        """An action may have been done, and must not be done again: this ends the job."""
        self._leases.failure = JobError("unreplayable", text, blame="host")
        raise StopGuest from None

    def _done_actions(self, since: int) -> DoneActions:
        """What the runs did that were given up for this one: all of them began from, or went on behind, one place."""
        state, system = self._state, self._system
        low, high = state.superseded[-1] if state.superseded else (0, 0)
        stream = job_stream(state.job_id)
        try:
            return DoneActions(
                system.store.read(stream, after=low, until=high) if high and low == since else (),
                state.job_id,
                state.library_id,
                since,
                system.operations.opened,
                lambda sequence: action_done(system.store, state.job_id, sequence),
            )
        except (StoreError, UnreadableNow) as error:
            self._wait_if_locked(error)
            self._journal.lose(str(error), blame_for(error))

    def _wait_if_locked(self, error: Exception) -> None:
        """What has to be read is locked: the job waits for a person, and goes on from here."""
        if isinstance(error, LockedNow):
            self._leases.locked = error
            raise StopGuest from None

    def _reuse(self, call: int, fuel: int, method: str, sequence: int) -> bytes:
        """Give the guest the outcome that stands at ``sequence``."""
        system = self._system
        try:
            recorded = action_done(system.store, self._state.job_id, sequence).answer
            answer = system.operations.opened(recorded) if recorded is not None else b""
        except Exception as error:  # noqa: BLE001  # whatever it is: the action was done, and must not be done again
            self._wait_if_locked(error)
            if isinstance(error, StoreError | UnreadableNow) and not isinstance(error, BlobMissing | CorruptBlob):
                self._journal.lose(str(error), blame_for(error))
            self._lose_done(f"{method} was done, and its answer, at {sequence}, can no longer be read: {error}")
        self._journal.lay_down(ActionReused(call, fuel, sequence))
        system.hooks.action_reused(self._state.extension)
        return answer

    # --- the answer --------------------------------------------------------------------------------------------------

    def _run(self, fuel: int, message: OperationCall, library_id: UUID | None) -> OperationDone:
        mail = self._mail
        mail.operation = mail.admitted = None
        try:
            sent = self._system.router.tell(message)
        except SystemStopped as error:
            self._journal.lose(str(error))
        if not sent:
            return OperationDone(message.call, "unavailable", failure_answer("unavailable", _NOT_RUN))
        self._open_call = message.call
        if mail.wanted is not None:
            self._let_end(True)  # a guest that ends its work may call, but not be held
        try:
            while (done := self._answer_to(message)) is None:
                admitted = mail.admitted
                if admitted is not None and admitted.call == message.call:
                    mail.admitted = None
                    done = self._intend(fuel, message, library_id, admitted.effect)
                    if done is not None:
                        self._let_end(False)  # the router waits for the intent
                        break
                else:
                    mail.wait()
                    mail.go_on()
        except BaseException:
            self._let_end(False)  # nobody waits for it any more
            raise
        finally:
            self._open_call = None
        mail.operation = None
        return done

    def _answer_to(self, message: OperationCall) -> OperationDone | None:
        done = self._mail.operation
        return done if done is not None and done.call == message.call else None

    def _let_end(self, held: bool) -> None:
        """Let the open call come to an end; only if it waits for room in a budget, when it is ``held``."""
        if self._open_call is not None:
            with contextlib.suppress(SystemStopped):
                cancel = CancelOperation(self._state.job_id, self._attempt, self._open_call, held)
                self._system.router.tell(cancel)

    # --- the intent --------------------------------------------------------------------------------------------------

    def _intend(self, fuel: int, message: OperationCall, library_id: UUID | None, effect: str) -> OperationDone | None:
        """Lay down that the action is about to be run, and let it begin when that is on disk.

        Returns its answer if it is not to be run. Raises `StopGuest` if the guest is to be stopped.
        """
        while self._answer_to(message) is None:
            self._mail.go_on()
            try:
                sealed = self._system.operations.intended(message)
                payload = sealed if sealed is not None else store_payload(self._system.store.blobs, message.payload)
            except OperationFailed as failure:
                outcome = self._system.operations.failed(message, failure, ran=False)
                return OperationDone(message.call, outcome.code, outcome.answer, payload=outcome.payload)
            except StoreError as error:
                logger.error("%s of job %s cannot be begun yet: %s", message.method, self._state.job_id, error)
                self._mail.pause(STALLED)
                continue
            key = "" if isinstance(payload, Sealed) else message.effect_key
            event = ActionIntended(message.call, fuel, message.method, library_id, effect, key, payload)
            hit("action.before_intent")
            if isinstance(self._journal.commit(event), CommitFailed):
                self._mail.pause(STALLED)  # what is not in the log is not run
                continue
            hit("action.after_intent")
            self._intended = True
            self._begin(message)
            return None
        return None

    def _begin(self, message: OperationCall) -> None:
        """The intent is on disk."""
        if self._mail.killed is not None:
            # Nobody has begun it, and that nobody has to wonder about.
            self._journal.commit(DoubtResolved(message.call, "again", Inline(b""), "", "host"))
            raise StopGuest
        with contextlib.suppress(SystemStopped):  # then the call was given up, and answered
            self._system.router.tell(BeginOperation(self._state.job_id, self._attempt, message.call))

    # --- the record --------------------------------------------------------------------------------------------------

    def _record(
        self, fuel: int, message: OperationCall, library_id: UUID | None, done: OperationDone
    ) -> OperationDone | None:
        """Lay down the answer, and wait until an action's is on disk; None if its effects met others'.

        What is recorded, and answered, is a failure if the effects are none that the log can take.
        """
        call, method = message.call, message.method
        payload, answer = self._recorded(message, done)
        if not (done.action or self._intended):
            self._leases.state_fact(OperationAnswered(call, fuel, method, library_id, payload, answer, done.code))
            return done
        # The key is a digest of the payload: beside a sealed one it would be something to guess the secret by.
        key = "" if isinstance(payload, Sealed) else message.effect_key
        event = ActionAnswered(call, fuel, method, library_id, key, payload, answer, done.code, done.writes)
        hit("action.before_outcome")
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
        hit("action.after_outcome")
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
                if not (done.action or self._intended):
                    # Without a record the answer must not reach the guest: a replay could not give it again.
                    self._journal.lose(str(error), blame_for(error))
                job_id = self._state.job_id
                logger.error("the outcome of %s of job %s cannot be stored yet: %s", message.method, job_id, error)
                self._mail.pause(STALLED)
