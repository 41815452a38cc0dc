"""What an attempt has borrowed of its budgets, and what happens when it gets no more.

It borrows in steps, so that a host call costs a comparison; see `perdure.actors.budgets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.actors.attempt_journal import AttemptJournal
from perdure.actors.attempt_mail import AttemptMail
from perdure.actors.budgets import PLENTY, AttemptBudgets, Edge, FuelLease
from perdure.actors.errors import LockedNow, SystemStopped
from perdure.actors.guest import Guest, StopGuest
from perdure.actors.messages import BudgetUse, RingJob
from perdure.store.events import BudgetReached, GuestEvent, JobError, JsonObject, LimitUse
from perdure.store.job_state import JobState

if TYPE_CHECKING:
    from perdure.actors.system import ActorSystem


class AttemptLeases:
    """The leases of one attempt. For the attempt's own thread.

    Attributes:
        guest: the attempt's, when it is there.
        fuel_left: what the attempt may consume for the job's limit.
        fuel_end: what it may for its lease.
        fuel_renew: when it should ask for more.
        suspension: the budget that the job is suspended for; None if it is not.
        failure: the error that the attempt ends with; None if it does not.
        locked: what the job waits for that a person has to unlock; None if it does not.

    All fuel here is the run's; of the budgets an attempt borrows what it consumes itself.
    """

    def __init__(
        self,
        system: ActorSystem,
        journal: AttemptJournal,
        mail: AttemptMail,
        budgets: AttemptBudgets,
        state: JobState,
    ) -> None:
        self.guest: Guest | None = None
        self.fuel_left = self.fuel_end = self.fuel_renew = PLENTY
        self.suspension: BudgetUse | None = None
        self.failure: JobError | None = None
        self.locked: LockedNow | None = None
        self._system = system
        self._journal = journal
        self._mail = mail
        self._budgets = budgets
        self._job_id = state.job_id
        self._extension = state.extension
        self._attempt = state.attempts + 1
        self._events_left = 0
        self._rate: int | None = None  # the job's own limit of events a second
        self._rate_left = 0
        self._rate_since = 0.0
        self._rings = 0
        self._before = 0  # what the run had consumed before this attempt's own work

    # --- fuel --------------------------------------------------------------------------------------------------------

    def first_fuel(self) -> FuelLease | Edge:
        """What the attempt gets to begin with."""
        return self._budgets.fuel(0)

    def begin(self, lease: FuelLease | Edge, rate: int | None, call: int, fuel: int, before: int) -> None:
        """The guest's own work is about to begin, after host call ``call``, at ``fuel``. Raises as `more_fuel`.

        ``rate`` is the job's own limit of events a second. Up to ``before`` all fuel has been charged already.
        """
        self._before = before
        self._rate, self._rate_left = rate, rate or 0
        self._rate_since = self._system.clock.monotonic()
        self._take_fuel(call, fuel, lease)

    def more_fuel(self, call: int, fuel: int) -> None:
        """The lease is to be renewed at this call; ``fuel`` is what was consumed.

        Raises:
            StopGuest: there is no more; `suspension` or `failure` says what is to become of the job.
        """
        self._take_fuel(call, fuel, self._budgets.fuel(self._spent(fuel)))

    def _take_fuel(self, call: int, fuel: int, lease: FuelLease | Edge) -> None:
        """Take the lease, or do what is to be done without one."""
        waited = 0.0
        while isinstance(lease, Edge):
            if not self._wait_at(lease, call, fuel, waited):
                self.failure = fuel_refused(lease.use)
                raise StopGuest
            waited += lease.seconds
            lease = self._budgets.fuel(self._spent(fuel), waited)
        self.fuel_renew = self._before + lease.renew
        limit = self._before + lease.limit
        if limit != self.fuel_end:
            self.fuel_end = limit
            if self.guest is not None:
                self.guest.allow_fuel(min(limit, self.fuel_left))

    def _spent(self, fuel: int) -> int:
        """What the attempt itself has consumed."""
        return max(0, fuel - self._before)

    def ran_out(self, call: int, fuel: int) -> BudgetUse:
        """The guest used up its lease between two host calls, so it is too late to wait; what is to be done instead."""
        use = self._budgets.out_of_fuel(self._spent(fuel)).use
        if use.response == "wait":
            use = BudgetUse(use.budget, use.limit, max(1, use.retry_after_ms), "suspend")
        self.say_reached(call, fuel, use)
        if use.response == "suspend":
            self.suspension = use
        return use

    # --- events and bytes --------------------------------------------------------------------------------------------

    def state_fact(self, event: GuestEvent) -> None:
        """State a buffered event, if there may be another one. Raises `StopGuest` if there may not."""
        if self._events_left <= 0:
            self._borrow_events(event.call, event.fuel)
        self._events_left -= 1
        self._journal.lay_down(event)

    def _borrow_events(self, call: int, fuel: int) -> None:
        """The events that were allowed are used up: ask whether there may be more."""
        most = PLENTY
        if self._rate is not None:
            if self._rate_left <= 0:
                self._check_rate(self._rate)
            most = self._rate_left
        waited = 0.0
        while isinstance(lent := self._budgets.events(most, waited), Edge):
            if not self._wait_at(lent, call, fuel, waited):
                limit = lent.use.limit
                use = LimitUse("events_per_second", limit, limit + 1, "events/s")
                text = f"more than {limit} events within a second, of all jobs that share the budget"
                self.failure = JobError("event_rate", text, limit=use, data=_retry(lent.use))
                raise StopGuest
            waited += lent.seconds
        self._events_left = lent
        self._rate_left -= lent

    def _check_rate(self, rate: int) -> None:
        """A window's events are used up; the next window may begin only a second after this one did."""
        now = self._system.clock.monotonic()
        if now - self._rate_since < 1.0:
            use = LimitUse("events_per_second", rate, rate + 1, "events/s")
            self.failure = JobError("event_rate", f"more than {rate} events within a second", limit=use)
            raise StopGuest
        self._rate_left, self._rate_since = rate, now

    def may_write(self, call: int, fuel: int, size: int) -> bool:
        """Whether so many bytes may be written; if so, they are counted. Raises `StopGuest` if the job is suspended."""
        waited = 0.0
        while (edge := self._budgets.bytes(size, waited)) is not None:
            if not self._wait_at(edge, call, fuel, waited):
                return False
            waited += edge.seconds
        return True

    # --- at an edge --------------------------------------------------------------------------------------------------

    def _wait_at(self, edge: Edge, call: int, fuel: int, waited: float) -> bool:
        """Do what is to be done at the edge: wait and return True, return False for a refusal, or stop the guest."""
        if not waited or edge.use.response != "wait":
            self.say_reached(call, fuel, edge.use)
        if edge.use.response == "suspend":
            self.suspension = edge.use
            raise StopGuest
        if edge.use.response != "wait":
            return False
        self._rings += 1
        ring = RingJob(self._job_id, self._attempt, self._rings, max(1, round(edge.seconds * 1_000_000)))
        try:
            self._system.supervisor.tell(ring)
        except SystemStopped as error:
            self._journal.lose(str(error))
        while self._mail.rung < self._rings:
            # At a host call it can be stopped at once: there is nothing that a guest that waits could finish first.
            if self._mail.killed is not None or self._mail.wanted is not None or self._mail.restarting:
                raise StopGuest
            self._mail.wait()
        return True

    def say_reached(self, call: int, fuel: int, use: BudgetUse) -> None:
        """Record that the job came to an edge, and tell whoever measures."""
        self.record_reached(call, fuel, use)
        self._system.hooks.budget_reached(self._extension, use.budget, use.response)

    def record_reached(self, call: int, fuel: int, use: BudgetUse) -> None:
        """Record that the job came to an edge."""
        # Not one of the events that are counted: it may be those that are used up.
        self._journal.lay_down(BudgetReached(call, fuel, use.budget, use.limit, use.retry_after_ms, use.response))


def fuel_refused(use: BudgetUse) -> JobError:
    """The error of a job that met the edge of an hour's fuel, and may not wait."""
    if use.retry_after_ms:
        text = f"the extension's jobs used up {use.budget}, {use.limit}; there is room in {use.retry_after_ms} ms"
    else:
        text = f"the job used up its share of {use.budget}, {use.limit}, without a call of its host"
    limit = LimitUse(use.budget, use.limit, use.limit, "fuel")
    return JobError("out_of_fuel", text, limit=limit, data=_retry(use))


def _retry(use: BudgetUse) -> JsonObject:
    return {"retry_after_ms": use.retry_after_ms}
