"""The accounts of one extension: its own, and those of the job types that have budgets of their own."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

from perdure.actors.budgets import Edge
from perdure.runtime.budgets.account import Account, BudgetState
from perdure.runtime.budgets.budgets import AtEdge, Budgets
from perdure.store.events import RowWrite

_FORGOTTEN_US: Final = 60_000_000  # a place that nobody asked for so long after its time belongs to a call that ended

# A job and the number of its call, or for a call of the host whatever names it.
CallKey = tuple[UUID, int] | str


class _Place(msgspec.Struct):
    """What a call that waits has by now: the accounts it has passed, and its place in the next one, from ``at`` on."""

    since: int
    at: int
    passed: int
    wrote: bool


class Ledger:
    """One extension's accounts. Thread-safe; whoever uses its accounts directly holds ``lock``.

    Args:
        extension: whose it is.
        budgets: what it may use.
        read: see `Account`.
        now: the time, in microseconds since 1970, never going back.
        touched: called when something is to be stored that was not before.
    """

    def __init__(
        self,
        extension: str,
        budgets: Budgets,
        read: Callable[[bytes], list[bytes]],
        now: Callable[[], int],
        touched: Callable[[Ledger], None],
    ) -> None:
        self.lock = threading.Lock()
        self.now = now
        self.budgets = budgets
        self._extension = extension
        self._read = read
        self._touched = touched
        self._dirty = False
        self._account = Account(extension, "", budgets, read, now)
        self._alone = (self._account,)
        self._types: dict[str, Account] = {}
        self._accounts: dict[str, tuple[Account, ...]] = {}
        self._places: OrderedDict[CallKey, _Place] = OrderedDict()
        self._set_types(budgets)

    def set(self, budgets: Budgets) -> None:
        """Take other limits; what was used stays used."""
        with self.lock:
            self.budgets = budgets
            self._account.set(budgets)
            self._set_types(budgets)

    def _set_types(self, budgets: Budgets) -> None:
        self.concurrent_jobs = {
            f"{self._extension}:{name}": limits.concurrent_jobs.limit
            for name, limits in budgets.job_types.items()
            if limits.concurrent_jobs.limit is not None
        }
        for name in [name for name in self._types if name not in budgets.job_types]:
            del self._types[name]
        for name, limits in budgets.job_types.items():
            if name in self._types:
                self._types[name].set(limits)
            else:
                self._types[name] = Account(self._extension, name, limits, self._read, self.now)
        self._accounts = {f"{self._extension}:{name}": (one, self._account) for name, one in self._types.items()}

    def accounts(self, job_type: str) -> tuple[Account, ...]:
        """The accounts that a job of this type (its full name) has to do with, the narrower one first; without lock."""
        return self._accounts.get(job_type, self._alone)

    def touch(self) -> None:
        """Something is to be stored."""
        if not self._dirty:
            self._dirty = True
            self._touched(self)

    # --- decisions ---------------------------------------------------------------------------------------------------

    def request(self, key: CallKey, job_type: str, writes: int = 0) -> Edge | None:
        """Count a call that writes so many bytes; None if it may be made.

        A call that is told to wait has its place, and asks again with the same ``key`` after that time.
        """
        accounts = self.accounts(job_type)
        with self.lock:
            now = self.now()
            place = self._places.pop(key, None) if self._places else None
            if place is None and not writes and accounts is self._alone:
                window = self._account.requests
                if window is None or not window.try_take(now):
                    if not self._dirty:
                        self.touch()
                    return None
            if place is not None and now < place.at:
                self._keep(key, place)
                return accounts[place.passed - 1].edge("requests_per_minute", now, place.at, known=True)
            writing = writes > 0 and (place is None or not place.wrote)
            if writing and (edge := self._room_to_write(accounts, writes, now, _waited(place, now))) is not None:
                if edge.use.response == AtEdge.WAIT:
                    # No place: what is written has no order, so each looks again for itself.
                    self._keep(key, _Place(place.since if place is not None else now, now, 0, wrote=False))
                return edge
            passed = place.passed if place is not None else 0
            edge = None
            for number in range(passed, len(accounts)):
                account = accounts[number]
                window = account.requests
                if window is not None and (free := window.free_at(now)) > now:
                    edge = account.edge("requests_per_minute", now, free, _waited(place, now))
                    if edge.use.response != AtEdge.WAIT:
                        return edge
                    window.take(free)
                    self._keep(key, _Place(place.since if place is not None else now, free, number + 1, wrote=True))
                    accounts = accounts[:number]
                    break
            for account in accounts[passed:]:
                if account.requests is not None:
                    account.requests.take(now)
            if writing:
                self._wrote(self.accounts(job_type), writes, now)
            self.touch()
            return edge

    def _keep(self, key: CallKey, place: _Place) -> None:
        # Those of calls that were cancelled meanwhile are never asked for again; each call throws some of them away.
        places = self._places
        for _ in range(2):
            if places and next(iter(places.values())).at + _FORGOTTEN_US < place.at:
                places.popitem(last=False)
        places[key] = place

    def write(self, job_type: str, amount: int, waited: float = 0.0) -> Edge | None:
        """Count bytes that are about to be written, if there is room; an `Edge` if there is none."""
        accounts = self.accounts(job_type)
        with self.lock:
            now = self.now()
            edge = self._room_to_write(accounts, amount, now, round(waited * 1_000_000))
            if edge is None:
                self._wrote(accounts, amount, now)
            return edge

    def wrote(self, job_type: str, amount: int) -> None:
        """Count bytes that were written, whether there is room or not."""
        with self.lock:
            self._wrote(self.accounts(job_type), amount, self.now())

    def _room_to_write(self, accounts: tuple[Account, ...], amount: int, now: int, waited: int) -> Edge | None:
        for account in accounts:
            window = account.bytes
            if window is not None and window.room(now) < amount:
                return account.edge("bytes_per_hour", now, window.free_at(now, amount), waited)
        return None

    def _wrote(self, accounts: tuple[Account, ...], amount: int, now: int) -> None:
        for account in accounts:
            if account.bytes is not None:
                account.bytes.add(now, amount)
                self.touch()

    # --- rows --------------------------------------------------------------------------------------------------------

    def changes(self) -> list[RowWrite]:
        """The rows that changed since this was asked last."""
        with self.lock:
            self._dirty = False
            return [write for account in (self._account, *self._types.values()) for write in account.changes()]

    def forget_stored(self) -> None:
        """The last changes did not reach the disk: give everything again."""
        with self.lock:
            for account in (self._account, *self._types.values()):
                for window in account.windows():
                    window.forget_stored()
            self.touch()

    # --- for people --------------------------------------------------------------------------------------------------

    def remaining(self) -> int | None:
        """The requests that the extension may make at this moment, None for no limit."""
        with self.lock:
            window = self._account.requests
            return max(0, window.limit - window.used(self.now())) if window is not None else None

    def states(self, running: Callable[[str], int | None]) -> list[BudgetState]:
        """Every budget of the extension, then of its job types; ``running`` counts jobs, of all types for ``""``."""
        with self.lock:
            now = self.now()
            accounts = [self._account, *(self._types[name] for name in sorted(self._types))]
            return [state for account in accounts for state in account.states(now, running(account.job_type))]


def _waited(place: _Place | None, now: int) -> int:
    return now - place.since if place is not None else 0
