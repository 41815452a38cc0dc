"""A decision on an extension's budgets: every call of an operation begins with one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figure import BenchFailed
from bench.instructions.case import Case, Cases, Steps
from perdure.actors.clock import SystemClock
from perdure.runtime import AtEdge, Budget, Budgets
from perdure.runtime.budgets.book import BudgetBook
from perdure.store import MemoryEventStore


def cases() -> Cases:
    """One that lets in."""
    yield Case(key="budget", title="budget decision, let in", repeats=500, packages=(), prepare=_deciding)


@contextmanager
def _deciding(folder: Path) -> Iterator[Steps]:
    clock = SystemClock()
    book = BudgetBook(clock, MemoryEventStore(clock.now))
    book.grant("bench", Budgets(requests_per_minute=Budget(limit=1_000_000, at_edge=AtEdge.REFUSE)))

    def decide(count: int) -> None:
        for _ in range(count):
            if book.request("call", "bench", "bench:job") is not None:
                raise BenchFailed("a budget of a million was reached")

    yield decide
