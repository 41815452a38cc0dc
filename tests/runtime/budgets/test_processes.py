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
    begun = time.monotonic()
    spent = []
    for calls in (150, 100, 100):
        with BudgetProcess("spend", tmp_path, 200) as process:
            process.expect("ready")
            spent.append(int(process.ask(str(calls))))
            process.kill()
    with BudgetProcess("spend", tmp_path, 200) as process:
        process.expect("ready")
        spent.append(int(process.ask("1")))
        process.end()

    assert time.monotonic() - begun < 60, "the machine is too slow for this to prove anything"
    assert spent == [150, 50, 0, 0]
    with LmdbEventStore.open_readonly(tmp_path) as store:
        assert check(store).problems == []
        book = BudgetBook(SystemClock(), store)
        book.grant("acme", Budgets(requests_per_minute=Budget(limit=200)))
        assert book.remaining() == {"acme": 0.0}
