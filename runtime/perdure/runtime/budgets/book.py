"""The budgets of all extensions: granted, decided upon, stored with whatever the log commits next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from perdure.actors.budgets import AttemptBudgets, Edge, NoAttemptBudgets
from perdure.actors.clock import Clock
from perdure.runtime.budgets.account import BudgetState
from perdure.runtime.budgets.attempt import BudgetedAttempt
from perdure.runtime.budgets.budgets import MOST_REQUESTS, Budgets
from perdure.runtime.budgets.ledger import CallKey, Ledger
from perdure.runtime.budgets.request_window import CHUNK
from perdure.store.events import RowWrite
from perdure.store.rows import Row

_MOST_ROWS: Final = 2 * MOST_REQUESTS // CHUNK


class RowReader(Protocol):
    """Where the rows are: an event store."""

    def rows(self, prefix: bytes, *, after: bytes = b"", limit: int = 1000) -> list[Row]:
        """See `perdure.store.EventStore.rows`."""


class BudgetBook:
    """Every extension's budgets (`JobBudgets`, `Riders` of `perdure.actors.group_commit`). Thread-safe.

    Durability: what is counted is on disk with the first commit that follows, so at the latest with the record of what
    it was counted for. A process that dies loses at most what nobody was told of.

    Time is the wall clock's at the moment this is made, and goes on with the monotonic clock: a wall clock that jumps
    gives nothing and takes nothing.
    """

    def __init__(self, clock: Clock, store: RowReader) -> None:
        self._monotonic = clock.monotonic
        self._epoch = clock.now() - clock.monotonic() * 1_000_000
        self._store = store
        self._ledgers: dict[str, Ledger] = {}
        self._granting = threading.Lock()
        self._dirty: list[Ledger] = []
        self._taken: list[Ledger] = []

    def now(self) -> int:
        """The time, in microseconds since 1970, never going back."""
        return round(self._epoch + self._monotonic() * 1_000_000)

    def grant(self, extension: str, budgets: Budgets) -> None:
        """Set what an extension may use. What it has used stays used, also by an earlier process."""
        with self._granting:
            ledger = self._ledgers.get(extension)
            if ledger is None:
                self._ledgers[extension] = Ledger(extension, budgets, self._read, self.now, self._dirty.append)
            else:
                ledger.set(budgets)

    def budgets(self, extension: str) -> Budgets | None:
        """What the extension may use; None before it is granted anything."""
        ledger = self._ledgers.get(extension)
        return ledger.budgets if ledger is not None else None

    def _read(self, prefix: bytes) -> list[bytes]:
        return [row.value for row in self._store.rows(prefix, limit=_MOST_ROWS)]

    # --- decisions ---------------------------------------------------------------------------------------------------

    def request(self, key: CallKey, extension: str, job_type: str, writes: int = 0) -> Edge | None:
        """Count a call of an operation that writes so many bytes; None if it may be made. See `Ledger.request`."""
        ledger = self._ledgers.get(extension)
        return ledger.request(key, job_type, writes) if ledger is not None else None

    def write(self, extension: str, job_type: str, amount: int, waited: float = 0.0) -> Edge | None:
        """Count bytes that are about to be written, if there is room; nothing is counted at an `Edge`."""
        ledger = self._ledgers.get(extension)
        return ledger.write(job_type, amount, waited) if ledger is not None else None

    def wrote(self, extension: str, job_type: str, amount: int) -> None:
        """Count bytes that were written, whether there is room or not: the next who asks has to make up for it."""
        ledger = self._ledgers.get(extension)
        if ledger is not None:
            ledger.wrote(job_type, amount)

    def attempt(self, extension: str, job_type: str) -> AttemptBudgets:
        """See `perdure.actors.budgets.JobBudgets.attempt`."""
        ledger = self._ledgers.get(extension)
        return BudgetedAttempt(ledger, job_type) if ledger is not None else NoAttemptBudgets()

    def concurrent_jobs(self, extension: str) -> Mapping[str, int]:
        """See `perdure.actors.budgets.JobBudgets.concurrent_jobs`."""
        ledger = self._ledgers.get(extension)
        return ledger.concurrent_jobs if ledger is not None else {}

    # --- rows that ride on commits -----------------------------------------------------------------------------------

    def take(self) -> Sequence[RowWrite]:
        """See `perdure.actors.group_commit.Riders.take`."""
        if not self._dirty:
            return ()
        # In place: the ledgers append to this very list.
        taken = self._dirty[:]
        del self._dirty[: len(taken)]
        self._taken = taken
        return [write for ledger in taken for write in ledger.changes()]

    def failed(self, writes: Sequence[RowWrite]) -> None:
        """See `perdure.actors.group_commit.Riders.failed`."""
        if writes:
            for ledger in self._taken:
                ledger.forget_stored()

    # --- for people --------------------------------------------------------------------------------------------------

    def remaining(self) -> dict[str, float]:
        """The requests that each extension may make at this moment; those without a limit are left out."""
        found = ((extension, ledger.remaining()) for extension, ledger in self._ledgers.copy().items())
        return {extension: float(remaining) for extension, remaining in found if remaining is not None}

    def states(self, extension: str, running: Callable[[str], int | None] = lambda job_type: None) -> list[BudgetState]:
        """The extension's budgets at this moment; ``running`` counts the jobs of a type, or of all for ``""``."""
        ledger = self._ledgers.get(extension)
        return ledger.states(running) if ledger is not None else []
