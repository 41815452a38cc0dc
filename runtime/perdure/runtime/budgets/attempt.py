"""What one attempt uses of its budgets: it borrows in steps, so that a host call costs a comparison."""

from __future__ import annotations

from typing import Final

from perdure.actors.budgets import PLENTY, Edge, FuelLease
from perdure.runtime.budgets.account import Account
from perdure.runtime.budgets.ledger import Ledger
from perdure.runtime.budgets.sum_window import SumWindow

_LEAST: Final = 1_000  # a thousandth of an hour's fuel is not worth a lease: the budget is used up
_STEPS: Final = 64  # a second's events are lent out in so many steps at the least
# An attempt's steps double: it has borrowed hardly more than twice what it used, so that a thousand quiet jobs do not
# use up together what none of them has used.
_FIRST_EVENTS: Final = 16
_MOST_EVENTS: Final = 1_024


class BudgetedAttempt:
    """One attempt's borrowings (a `perdure.actors.budgets.AttemptBudgets`). For one thread, beside those of others."""

    def __init__(self, ledger: Ledger, job_type: str) -> None:
        self._ledger = ledger
        self._job_type = job_type
        self._accounts = ledger.accounts(job_type)
        self._lent: list[tuple[Account, SumWindow, int]] = []
        self._settled = 0  # the attempt's fuel that is counted as used
        self._step = _FIRST_EVENTS

    def fuel(self, used: int, waited: float = 0.0) -> FuelLease | Edge:
        """See `AttemptBudgets.fuel`. A lease is a share of what is left, which may be used up without a host call."""
        with self._ledger.lock:
            now = self._ledger.now()
            self._settle(now, used)
            windows = self._windows()
            if not windows:
                return FuelLease(PLENTY, PLENTY)
            lease = PLENTY
            for account, window in windows:
                least = _least(window)
                room = window.room(now)
                if room < least:
                    return account.edge("fuel_per_hour", now, window.free_at(now, least), round(waited * 1_000_000))
                lease = min(lease, max(least, account.share(room, window.limit)))
            for account, window in windows:
                window.reserve(lease)
                account.leases += 1
                self._lent.append((account, window, lease))
            self._ledger.touch()
            return FuelLease(used + lease, used + (lease + 1) // 2)

    def out_of_fuel(self, used: int) -> Edge:
        """See `AttemptBudgets.out_of_fuel`."""
        with self._ledger.lock:
            now = self._ledger.now()
            self._settle(now, used)
            # There may be room: then it was the share of this attempt that was too small, and not the budget.
            free = [(window.free_at(now, _least(window)), account) for account, window in self._windows()]
            moment, account = max(free, key=lambda item: item[0])
            return account.edge("fuel_per_hour", now, moment)

    def _windows(self) -> list[tuple[Account, SumWindow]]:
        return [(account, account.fuel) for account in self._accounts if account.fuel is not None]

    def _settle(self, now: int, used: int) -> None:
        spent, self._settled = max(0, used - self._settled), max(used, self._settled)
        if self._lent:
            for account, window, lease in self._lent:
                window.settle(now, lease, spent)
                account.leases -= 1
            self._lent.clear()
        elif spent:
            for _, window in self._windows():
                window.add(now, spent)
        self._ledger.touch()

    def events(self, most: int, waited: float = 0.0) -> int | Edge:
        """See `AttemptBudgets.events`. An event counts when its step is lent, which may be a little before it comes."""
        with self._ledger.lock:
            now = self._ledger.now()
            step = min(most, self._step)
            for account in self._accounts:
                window = account.events
                if window is not None:
                    room = window.room(now)
                    if not room:
                        return account.edge("events_per_second", now, window.free_at(now, 1), round(waited * 1_000_000))
                    step = min(step, room, max(1, window.limit // _STEPS))
            for account in self._accounts:
                if account.events is not None:
                    account.events.add(now, step)
            self._step = min(2 * self._step, _MOST_EVENTS)
            return step

    def bytes(self, amount: int, waited: float = 0.0) -> Edge | None:
        """See `AttemptBudgets.bytes`."""
        return self._ledger.write(self._job_type, amount, waited)

    def close(self, fuel: int) -> None:
        """See `AttemptBudgets.close`."""
        with self._ledger.lock:
            self._settle(self._ledger.now(), fuel)


def _least(window: SumWindow) -> int:
    return max(1, window.limit // _LEAST)
