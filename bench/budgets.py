"""What a decision on an extension's budgets costs, beside the cheapest that a decision under a lock could be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.figure import BenchFailed, Better, Figure, Group
from bench.sizes import Sizes
from perdure.actors.budgets import Edge
from perdure.actors.clock import SystemClock
from perdure.runtime import AtEdge, Budget, Budgets, JobTypeBudgets
from perdure.runtime.budgets.book import BudgetBook
from perdure.store import MemoryEventStore

_BARE = Figure("bare_decision", "a lock, a clock, a comparison", "µs", Better.LESS)
_LET_IN = Figure("budget_decision", "budget decision, let in", "µs", Better.LESS, "bare_decision")
_REFUSED = Figure("budget_refusal", "budget decision, refused", "µs", Better.LESS, "bare_decision")
_TYPED = Figure(
    "budget_decision_typed", "budget decision, let in by type and extension", "µs", Better.LESS, "bare_decision"
)


def groups(sizes: Sizes) -> Iterator[Group]:
    """One floor and the three kinds of decisions."""
    yield Group((_BARE,), partial(_bare, count=sizes.decisions))
    yield Group((_LET_IN, _REFUSED, _TYPED), partial(_decisions, count=sizes.decisions))


def _timed(step: Callable[[int], object], count: int) -> float:
    start = time.perf_counter()
    for number in range(count):
        step(number)
    return (time.perf_counter() - start) / count * 1e6


def _bare(folder: Path, count: int) -> Mapping[str, float]:
    lock, last = threading.Lock(), 0.0

    def decide(number: int) -> bool:
        with lock:
            return time.monotonic() > last

    return {_BARE.key: _timed(decide, count)}


def _book(*budgets: Budgets) -> BudgetBook:
    clock = SystemClock()
    book = BudgetBook(clock, MemoryEventStore(clock.now))
    for number, granted in enumerate(budgets):
        book.grant(f"extension-{number}", granted)
    return book


def _ask(request: Callable[[str, str, str], Edge | None], extension: str, job_type: str, number: int) -> None:
    request("call", extension, job_type)


def _decisions(folder: Path, count: int) -> Mapping[str, float]:
    many = Budget(limit=1_000_000, at_edge=AtEdge.REFUSE)
    typed = Budgets(requests_per_minute=many, job_types={"job": JobTypeBudgets(requests_per_minute=many)})
    book = _book(Budgets(requests_per_minute=many), Budgets(requests_per_minute=Budget(limit=1)), typed)
    book.request("first", "extension-1", "extension-1:job")
    found = {}
    for number, (figure, let_in) in enumerate(((_LET_IN, True), (_REFUSED, False), (_TYPED, True))):
        name = f"extension-{number}"
        job_type = f"{name}:job"
        found[figure.key] = _timed(partial(_ask, book.request, name, job_type), count)
        if (book.request("last", name, job_type) is None) != let_in:
            raise BenchFailed(f"{figure.title}: the decision was another one")
    return found
