"""What one extension, or one of its job types, has used of its budgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from perdure.actors.budgets import Edge
from perdure.actors.messages import BudgetUse
from perdure.runtime.budgets.budgets import AtEdge, Budget, JobTypeBudgets
from perdure.runtime.budgets.request_window import RequestWindow
from perdure.runtime.budgets.sum_window import HOUR_US, NEVER, SECOND_US, SumWindow
from perdure.store.events import RowWrite
from perdure.store.rows import SEPARATOR, row_key

PREFIX: Final = "budget"  # of the keys of all rows that budgets are kept in
_EVENT_PARTS: Final = 20  # a second's events are counted in stretches of 50 ms
_ANY: Final = 64  # jobs among which an hour's fuel is shared out where their number has no limit

Window = RequestWindow | SumWindow


class BudgetState(msgspec.Struct, frozen=True, kw_only=True):
    """One budget at one moment.

    ``job_type`` is empty for the budget of the extension. ``used`` and ``remaining`` are None where nothing is counted:
    without a limit, and for limits of each job. ``next_free_ms`` is 0 when there is room, None when time brings none.
    """

    budget: str
    job_type: str
    limit: int | None
    at_edge: AtEdge
    used: int | None = None
    remaining: int | None = None
    next_free_ms: int | None = None


class Account:
    """The windows of one set of budgets; a budget without a limit has none. Not thread-safe; times as in the windows.

    Args:
        extension, job_type: whose they are; ``job_type`` is empty for all of the extension.
        budgets: what it may use.
        read: the values of the rows whose keys begin so, from another process's time or from before a limit was lifted.
        now: the time.
    """

    def __init__(
        self,
        extension: str,
        job_type: str,
        budgets: JobTypeBudgets,
        read: Callable[[bytes], list[bytes]],
        now: Callable[[], int],
    ) -> None:
        self.job_type = job_type
        self.requests: RequestWindow | None = None
        self.fuel: SumWindow | None = None
        self.bytes: SumWindow | None = None
        self.events: SumWindow | None = None
        self.leases = 0  # of fuel, that attempts have at this moment
        self._extension = extension
        self._read = read
        self._now = now
        self.set(budgets)

    def set(self, budgets: JobTypeBudgets) -> None:
        """Take other limits; what was used stays used."""
        self.budgets = budgets
        requests = budgets.requests_per_minute.limit
        if requests is None:
            self.requests = None
        elif self.requests is None:
            self.requests = RequestWindow(requests)
            self.requests.restore(self._read(self._key("requests")), self._now())
        else:
            self.requests.limit = requests
        self.fuel = self._hour("fuel", self.fuel, budgets.fuel_per_hour)
        self.bytes = self._hour("bytes", self.bytes, budgets.bytes_per_hour)
        second = budgets.events_per_second.limit
        if second is None:
            self.events = None
        elif self.events is None:
            # Not in rows: it takes longer to start a process.
            self.events = SumWindow(second, SECOND_US, _EVENT_PARTS)
        else:
            self.events.limit = second

    def _hour(self, name: str, window: SumWindow | None, budget: Budget) -> SumWindow | None:
        if budget.limit is None:
            return None
        if window is None:
            window = SumWindow(budget.limit, HOUR_US)
            window.restore(self._read(self._key(name)), self._now())
        window.limit = budget.limit
        return window

    def share(self, room: int, limit: int) -> int:
        """How much of an hour's fuel an attempt may borrow where there is so much ``room``.

        Each gets as much as those who have yet to come. But a share that is too small is of no use to a guest which
        seldom calls its host; so it is not less than a quarter of what would be everybody's, as long as there is that.
        """
        most = self.budgets.concurrent_jobs.limit or _ANY
        return max(room // max(1, most - self.leases), min(room, limit // (4 * most)))

    def edge(self, name: str, now: int, free: int, waited: int = 0, *, known: bool = False) -> Edge:
        """What happens at the edge of the budget ``name`` that has room at ``free``, to one who has waited so long.

        Whoever cannot wait long enough is refused at once, and so is what there will never be room for.
        """
        budget = self.budgets.of(name)
        response = budget.at_edge
        if free == NEVER:
            response, free = AtEdge.REFUSE, now
        elif response is AtEdge.WAIT and free - now + waited > budget.wait_ms * 1000:
            response = AtEdge.REFUSE
        wait = free - now
        use = BudgetUse(name, budget.limit or 0, -(-wait // 1000), str(response))
        return Edge(use, wait / 1_000_000, known)

    # --- rows --------------------------------------------------------------------------------------------------------

    def windows(self) -> list[Window]:
        """The windows that are kept in rows."""
        return [window for window in (self.requests, self.fuel, self.bytes) if window is not None]

    def changes(self) -> list[RowWrite]:
        """The rows that changed since this was asked last."""
        return [
            RowWrite(self._key(name) + str(number).encode(), value)
            for name, window in (("requests", self.requests), ("fuel", self.fuel), ("bytes", self.bytes))
            if window is not None
            for number, value in window.changes()
        ]

    def _key(self, name: str) -> bytes:
        """What the keys of a window's rows begin with."""
        return row_key(PREFIX, self._extension, self.job_type, name) + SEPARATOR

    # --- for people --------------------------------------------------------------------------------------------------

    def states(self, now: int, running: int | None) -> list[BudgetState]:
        """Every budget as it is ``now``, of which ``running`` jobs run, None if that is not known."""
        of = self.budgets.of
        found = []
        for name, used, free in (
            (
                "requests_per_minute",
                self.requests.used(now) if self.requests is not None else None,
                self.requests.free_at(now) if self.requests is not None else now,
            ),
            ("concurrent_jobs", running, None),
            ("fuel_per_job", None, None),
            ("fuel_per_hour", *_use(self.fuel, now)),
            ("bytes_per_hour", *_use(self.bytes, now)),
            ("events_per_second", *_use(self.events, now)),
            ("memory_bytes", None, None),
        ):
            budget = of(name)
            counted = used is not None and budget.limit is not None
            found.append(
                BudgetState(
                    budget=name,
                    job_type=self.job_type,
                    limit=budget.limit,
                    at_edge=budget.at_edge,
                    used=used if counted else None,
                    remaining=max(0, budget.limit - used) if used is not None and budget.limit is not None else None,
                    next_free_ms=-(-(free - now) // 1000) if counted and free is not None else None,
                )
            )
        return found


def _use(window: SumWindow | None, now: int) -> tuple[int | None, int | None]:
    return (window.used(now), window.free_at(now, 1)) if window is not None else (None, None)
