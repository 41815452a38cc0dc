"""Processes that are killed in the middle of a minute, and those that come after them."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.budget_process import BudgetProcess

from perdure.actors.clock import SystemClock
from perdure.runtime import Budget, Budgets
from perdure.runtime.budgets.book import BudgetBook
from perdure.store import LmdbEventStore, check


def test_processes_that_die_in_the_middle_of_a_minute_do_not_get_a_second_ones_budget(tmp_path: Path) -> None:
    # Where the machine needs more than a minute for all of it, it proves nothing, and is done again.
    assert any(is_within_a_minute(tmp_path / str(number)) for number in range(3)), "the machine is too slow for this"


def is_within_a_minute(folder: Path) -> bool:
    """Spend the budget, in processes that die, and look what is left; whether that took less than a minute."""
    begun = time.monotonic()
    spent = []
    for calls in (150, 100, 100):
        with BudgetProcess("spend", folder, 200) as process:
            process.expect("ready")
            spent.append(int(process.ask(str(calls))))
            process.kill()
    with BudgetProcess("spend", folder, 200) as process:
        process.expect("ready")
        spent.append(int(process.ask("1")))
        process.end()
    with LmdbEventStore.open_readonly(folder) as store:
        assert check(store).problems == []
        book = BudgetBook(SystemClock(), store)
        book.grant("acme", Budgets(requests_per_minute=Budget(limit=200)))
        remaining = book.remaining()
    if time.monotonic() - begun >= 60:
        return False
    assert spent == [150, 50, 0, 0]
    assert remaining == {"acme": 0.0}
    return True
