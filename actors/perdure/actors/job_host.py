"""What a guest may ask of its host while it runs: each host call becomes an event, or a call of an operation."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final
from uuid import UUID

from perdure.actors.attempt_calls import AttemptCalls
from perdure.actors.attempt_journal import AttemptJournal
from perdure.actors.attempt_leases import AttemptLeases
from perdure.actors.attempt_mail import AttemptMail
from perdure.actors.guest import Interrupt, StopGuest
from perdure.actors.hooks import HOST_FUNCTIONS, JobMeter
from perdure.actors.messages import CancelJob, Committed
from perdure.actors.stated import log_written, progress_reported
from perdure.store.blobs import digest_of, store_payload
from perdure.store.errors import StoreError
from perdure.store.events import (
    BytesCounted,
    CheckpointRefused,
    CheckpointSaved,
    InterruptAnswered,
    ItemsCounted,
    WarningAdded,
)
from perdure.store.job_state import JobState

if TYPE_CHECKING:
    from perdure.actors.system import ActorSystem

logger = logging.getLogger(__name__)

_NUMBER: Final = {name: number for number, name in enumerate(HOST_FUNCTIONS)}
_LOG, _PROGRESS, _CHECKPOINT, _INTERRUPT, _WARNING, _ITEMS, _BYTES, _CALL = (_NUMBER[name] for name in HOST_FUNCTIONS)


class JobHost:
    """The `GuestHost` of one attempt.

    Attributes:
        calls: how many host calls there were in the run.
        fuel_before: what the run had consumed before this attempt; behind it, its own work begins.
        operations: the attempt's calls of operations.
    """

    def __init__(
        self,
        system: ActorSystem,
        state: JobState,
        journal: AttemptJournal,
        mail: AttemptMail,
        leases: AttemptLeases,
        meter: JobMeter,
    ) -> None:
        self.calls = 0
        self.fuel_before = 0
        self._blobs = system.store.blobs
        self._job_id = state.job_id
        self._journal = journal
        self._mail = mail
        self._leases = leases
        self._meter = meter
        self.operations = AttemptCalls(system, journal, mail, leases, state)

    def _enter(self, function: int, fuel: int) -> int:
        """What every host call begins with; returns the call's number in the attempt."""
        mail = self._mail
        if not mail.empty():
            mail.read()
        if mail.killed is not None:
            raise StopGuest
        if mail.moving is not None and mail.restarting and self.operations.begun <= self.calls:
            raise StopGuest  # but an action that an earlier attempt began is first brought to its end
        meter = self._meter
        meter.calls[function] += 1
        spent = fuel - self.fuel_before
        if spent > 0:
            meter.fuel = spent
        self.calls += 1
        if fuel >= self._leases.fuel_renew:
            self._leases.more_fuel(self.calls, fuel)
        return self.calls

    def log(self, fuel: int, level: int, message: str) -> None:
        """See `GuestHost.log`."""
        self._leases.state_fact(log_written(self._enter(_LOG, fuel), fuel, level, message))

    def report_progress(self, fuel: int, progress: float, message: str) -> None:
        """See `GuestHost.report_progress`."""
        self._leases.state_fact(progress_reported(self._enter(_PROGRESS, fuel), fuel, progress, message))

    def checkpoint(self, fuel: int, state: bytes) -> bool:
        """See `GuestHost.checkpoint`."""
        call = self._enter(_CHECKPOINT, fuel)
        if not self._leases.may_write(call, fuel, len(state)):
            return self._refused(call, fuel, state, "budget")
        try:
            payload = store_payload(self._blobs, state)
        except StoreError as error:
            logger.error("a checkpoint of job %s could not be stored: %s", self._job_id, error)
            return self._refused(call, fuel, state, "store")
        answer = self._journal.commit(CheckpointSaved(call, fuel, payload))
        if not isinstance(answer, Committed):
            return self._refused(call, fuel, state, "store")
        self.operations.effects.saved(answer.sequence)
        if self._mail.moving is not None:
            raise StopGuest  # the guest of the next version goes on from here
        return True

    def _refused(self, call: int, fuel: int, state: bytes, reason: str) -> bool:
        # Without this a replay could not tell the guest the same.
        self._journal.lay_down(CheckpointRefused(call, fuel, bytes.fromhex(digest_of(state)), reason))
        return False

    def check_interrupt(self, fuel: int) -> Interrupt:
        """See `GuestHost.check_interrupt`."""
        call = self._enter(_INTERRUPT, fuel)
        wanted = self._mail.wanted
        if wanted is None:
            return Interrupt.CONTINUE
        answer = Interrupt.CANCEL if isinstance(wanted, CancelJob) else Interrupt.PAUSE
        self._leases.state_fact(InterruptAnswered(call, fuel, int(answer)))
        return answer

    def add_warning(self, fuel: int, message: str) -> None:
        """See `GuestHost.add_warning`."""
        self._leases.state_fact(WarningAdded(self._enter(_WARNING, fuel), fuel, message))

    def increment_items(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_items`."""
        self._leases.state_fact(ItemsCounted(self._enter(_ITEMS, fuel), fuel, count))

    def increment_bytes(self, fuel: int, count: int) -> None:
        """See `GuestHost.increment_bytes`."""
        self._leases.state_fact(BytesCounted(self._enter(_BYTES, fuel), fuel, count))

    def call(self, fuel: int, method: str, library_id: UUID | None, payload: bytes) -> bytes:
        """See `GuestHost.call`."""
        return self.operations.call(self._enter(_CALL, fuel), fuel, method, library_id, payload)
