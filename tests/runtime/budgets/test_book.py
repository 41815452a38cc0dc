"""The budgets of extensions: decisions, places of those who wait, rows, restarts."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.manual_clock import ManualClock

from perdure.actors.budgets import PLENTY, Edge, FuelLease
from perdure.actors.messages import BudgetUse
from perdure.runtime.budgets.book import BudgetBook
from perdure.runtime.budgets.budgets import AtEdge, Budget, Budgets, JobTypeBudgets
from perdure.store import EventStore, LmdbEventStore, MemoryEventStore

ACME = "acme"
BIG = "acme:big"


class Desk:
    """A book, and the store that its rows are committed to."""

    def __init__(self, store: EventStore, clock: ManualClock, budgets: Budgets) -> None:
        self.clock = clock
        self.store = store
        self.given = budgets
        self.calls = 0
        self.book = BudgetBook(clock, store)
        self.book.grant(ACME, budgets)

    def request(self, job_type: str = BIG, writes: int = 0, again: int | None = None) -> Edge | None:
        self.calls += 1
        return self.book.request(f"call {self.calls if again is None else again}", ACME, job_type, writes)

    def let_in(self, count: int, job_type: str = BIG) -> int:
        return sum(self.request(job_type) is None for _ in range(count))

    def commit(self) -> int:
        writes = self.book.take()
        self.store.append_batch([], writes)
        return len(writes)

    def restart(self, budgets: Budgets | None = None) -> Desk:
        """What the next process finds; what was not committed is lost."""
        return Desk(self.store, self.clock, budgets or self.given)


def desk(**budgets: Any) -> Desk:
    clock = ManualClock()
    return Desk(MemoryEventStore(clock.now), clock, Budgets(**budgets))


def limit(number: int, at_edge: AtEdge = AtEdge.REFUSE, wait_ms: int = 30_000) -> Budget:
    return Budget(limit=number, at_edge=at_edge, wait_ms=wait_ms)


# --- requests --------------------------------------------------------------------------------------------------------


def test_the_first_beyond_the_limit_is_refused_and_told_when_there_is_room() -> None:
    acme = desk(requests_per_minute=limit(3))
    assert acme.let_in(3) == 3
    acme.clock.advance(10)

    edge = acme.request()

    assert edge == Edge(BudgetUse("requests_per_minute", 3, 50_000, "refuse"), 50.0)
    acme.clock.advance(49.999_999)
    assert acme.request() is not None
    acme.clock.advance(0.000_001)
    assert acme.let_in(5) == 3


def test_a_job_type_has_its_own_within_those_of_the_extension() -> None:
    acme = desk(requests_per_minute=limit(3), job_types={"big": JobTypeBudgets(requests_per_minute=limit(2))})

    assert acme.let_in(5) == 2
    edge = acme.request()
    assert edge is not None
    assert edge.use.limit == 2
    assert acme.let_in(5, "acme:small") == 1, "what its big jobs were refused was not taken"
    assert acme.book.remaining() == {ACME: 0.0}


def test_those_who_wait_are_let_in_one_after_another() -> None:
    acme = desk(requests_per_minute=limit(1, AtEdge.WAIT, 120_000))
    assert acme.let_in(1) == 1

    waits = [acme.request() for _ in range(3)]

    assert [edge and (edge.seconds, edge.use.response) for edge in waits] == [
        (60.0, "wait"),
        (120.0, "wait"),
        (180.0, "refuse"),
    ]
    acme.clock.advance(59)
    early = acme.request(again=2)
    assert early is not None
    assert early.seconds == 1.0, "who asks too early keeps its place"
    acme.clock.advance(1)
    assert acme.request(again=2) is None
    assert acme.request(again=3) is not None
    acme.clock.advance(60)
    assert acme.request(again=3) is None


def test_who_waited_for_its_job_type_then_waits_for_the_extension() -> None:
    acme = desk(
        requests_per_minute=limit(2, AtEdge.WAIT, 70_000),
        job_types={"big": JobTypeBudgets(requests_per_minute=limit(1, AtEdge.WAIT))},
    )
    assert acme.let_in(1) == 1
    acme.clock.advance(35)
    assert acme.request() is not None  # number 2, for 25 seconds
    acme.clock.advance(24)
    assert acme.let_in(2, "acme:small") == 1, "the other one waits for a second"
    acme.clock.advance(1)

    edge = acme.request(again=2)

    assert edge is not None
    assert edge.use.response == "refuse", "25 seconds were waited already, and 59 more are too many"


def test_places_of_calls_that_never_come_back_are_thrown_away() -> None:
    acme = desk(requests_per_minute=limit(1, AtEdge.WAIT, 600_000))
    for _ in range(500):
        acme.request()
        acme.clock.advance(60)
    (ledger,) = acme.book._ledgers.values()
    assert len(ledger._places) < 20


def test_a_lowered_limit_holds_at_once_and_a_raised_one_too() -> None:
    acme = desk(requests_per_minute=limit(5))
    assert acme.let_in(4) == 4

    acme.book.grant(ACME, Budgets(requests_per_minute=limit(2)))
    assert acme.let_in(1) == 0
    acme.book.grant(ACME, Budgets(requests_per_minute=limit(6)))
    assert acme.let_in(5) == 2
    acme.book.grant(ACME, Budgets(requests_per_minute=Budget()))
    assert acme.let_in(50) == 50
    assert acme.book.remaining() == {}


def test_an_extension_without_a_grant_has_no_budgets() -> None:
    acme = desk()

    assert acme.book.request("call", "other", "") is None
    assert acme.book.write("other", "", 10**12) is None
    assert acme.book.states("other") == []
    assert acme.book.attempt("other", "other:x").fuel(0) == FuelLease(PLENTY, PLENTY)


# --- restarts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 1_000])
def test_a_second_process_does_not_get_a_second_minute(number: int) -> None:
    acme = desk(requests_per_minute=limit(number))
    assert acme.let_in(number) == number
    acme.commit()
    for _ in range(3):
        acme.clock.advance(15)
        acme = acme.restart()
        assert acme.let_in(1) == 0
        acme.commit()
    acme.clock.advance(15)
    assert acme.restart().let_in(number + 1) == number


def test_only_what_changed_is_written() -> None:
    acme = desk(requests_per_minute=limit(10_000), bytes_per_hour=limit(10_000))
    acme.let_in(1_000)
    assert acme.commit() == 8
    assert acme.commit() == 0

    acme.request()

    assert acme.commit() == 1
    acme.request(writes=5)
    assert acme.commit() == 2


def test_what_a_failed_commit_carried_is_carried_again() -> None:
    acme = desk(requests_per_minute=limit(3))
    acme.let_in(3)
    acme.book.failed(acme.book.take())

    assert acme.restart().let_in(3) == 3
    assert acme.commit() == 1
    assert acme.restart().let_in(3) == 0


def test_the_rows_are_on_disk(tmp_path: Path) -> None:
    clock = ManualClock()

    @contextmanager
    def opened() -> Iterator[Desk]:
        with LmdbEventStore.open(tmp_path, clock=clock.now) as store:
            yield Desk(
                store, clock, Budgets(requests_per_minute=limit(300), fuel_per_hour=limit(50), bytes_per_hour=limit(9))
            )

    with opened() as acme:
        assert acme.let_in(400) == 300
        assert acme.book.write(ACME, BIG, 9) is None
        acme.book.attempt(ACME, BIG).fuel(0)  # never closed: it may have used all of it
        acme.commit()
    with opened() as acme:
        assert acme.let_in(1) == 0
        assert acme.book.write(ACME, BIG, 1) is not None
        used = {state.budget: state.used for state in acme.book.states(ACME)}
        assert used["fuel_per_hour"] == 50 // 10


def test_the_wall_clock_may_jump_while_it_runs() -> None:
    acme = desk(requests_per_minute=limit(2))
    assert acme.let_in(3) == 2
    for jump in (10**12, -(10**13)):
        acme.clock._now += jump
        assert acme.let_in(1) == 0
    acme.clock.advance(60)
    assert acme.let_in(3) == 2


def test_a_wall_clock_that_was_put_back_costs_a_minute_at_the_most() -> None:
    acme = desk(requests_per_minute=limit(2))
    assert acme.let_in(2) == 2
    acme.commit()
    acme.clock._now -= 10**12
    acme = acme.restart()

    assert acme.let_in(1) == 0
    acme.clock.advance(60)
    assert acme.let_in(3) == 2


# --- bytes -----------------------------------------------------------------------------------------------------------


def test_bytes_of_an_hour_are_shared_by_checkpoints_and_actions() -> None:
    acme = desk(bytes_per_hour=limit(100), requests_per_minute=Budget())
    attempt = acme.book.attempt(ACME, BIG)

    assert attempt.bytes(60) is None
    assert acme.request(writes=40) is None
    edge = acme.request(writes=1)
    assert edge is not None
    assert (edge.use.budget, edge.use.response) == ("bytes_per_hour", "refuse")
    assert 3_540_000 < edge.use.retry_after_ms <= 3_660_000
    assert attempt.bytes(1) == edge
    acme.clock.advance(edge.seconds)
    assert attempt.bytes(100) is None


def test_what_could_not_be_foreseen_is_made_up_for() -> None:
    acme = desk(bytes_per_hour=limit(100))
    acme.book.wrote(ACME, BIG, 150)

    assert acme.book.write(ACME, BIG, 1) is not None
    (state,) = [state for state in acme.book.states(ACME) if state.budget == "bytes_per_hour"]
    assert (state.used, state.remaining) == (150, 0)


def test_more_than_the_whole_limit_is_refused_whatever_was_chosen() -> None:
    acme = desk(bytes_per_hour=limit(100, AtEdge.SUSPEND))

    edge = acme.book.write(ACME, BIG, 101)

    assert edge == Edge(BudgetUse("bytes_per_hour", 100, 0, "refuse"), 0.0)


def test_a_call_that_waits_to_write_is_counted_once() -> None:
    acme = desk(bytes_per_hour=limit(100, AtEdge.WAIT, 600_000), requests_per_minute=limit(1, AtEdge.WAIT, 600_000))
    acme.book.wrote(ACME, BIG, 100)
    acme.clock.advance(3_300)

    edge = acme.request(writes=30, again=7)
    assert edge is not None
    assert (edge.use.budget, edge.use.response) == ("bytes_per_hour", "wait")
    acme.clock.advance(edge.seconds)
    assert acme.let_in(1) == 1
    edge = acme.request(writes=30, again=7)
    assert edge is not None
    assert (edge.use.budget, edge.seconds) == ("requests_per_minute", 60.0)
    acme.clock.advance(60)
    assert acme.request(writes=30, again=7) is None
    (state,) = [state for state in acme.book.states(ACME) if state.budget == "bytes_per_hour"]
    assert state.used == 30


# --- fuel ------------------------------------------------------------------------------------------------------------


def fuel_used(acme: Desk) -> int | None:
    (state,) = [state for state in acme.book.states(ACME) if state.budget == "fuel_per_hour"]
    return state.used


def test_attempts_share_what_is_left_of_an_hours_fuel() -> None:
    acme = desk(fuel_per_hour=limit(1_200), concurrent_jobs=limit(2, AtEdge.WAIT))
    first, second = acme.book.attempt(ACME, BIG), acme.book.attempt(ACME, BIG)

    assert first.fuel(0) == FuelLease(600, 300)
    assert second.fuel(0) == FuelLease(600, 300)
    assert fuel_used(acme) == 1_200
    first.close(100)
    assert fuel_used(acme) == 700
    assert second.fuel(200) == FuelLease(200 + 450, 200 + 225), "half of what is left is for one that may come"
    second.close(650)
    second.close(650)
    assert fuel_used(acme) == 750


def test_fuel_that_is_used_up_comes_back_after_an_hour() -> None:
    acme = desk(fuel_per_hour=limit(1_000, AtEdge.SUSPEND), concurrent_jobs=limit(1, AtEdge.WAIT))
    attempt = acme.book.attempt(ACME, BIG)
    used = 0
    while isinstance(lease := attempt.fuel(used), FuelLease):
        used = lease.limit
    assert used == 1_000

    assert lease.use.response == "suspend"
    acme.clock.advance(lease.seconds)
    assert isinstance(attempt.fuel(used), FuelLease)


def test_the_narrower_of_two_budgets_of_fuel_decides() -> None:
    acme = desk(
        fuel_per_hour=limit(10_000),
        job_types={"big": JobTypeBudgets(fuel_per_hour=limit(100), concurrent_jobs=limit(1, AtEdge.WAIT))},
    )
    attempt = acme.book.attempt(ACME, BIG)
    lease = attempt.fuel(0)

    assert isinstance(lease, FuelLease)
    assert lease.limit <= 100
    attempt.close(100)
    edge = acme.book.attempt(ACME, BIG).fuel(0)
    assert isinstance(edge, Edge)
    assert edge.use.limit == 100
    assert isinstance(acme.book.attempt(ACME, "acme:small").fuel(0), FuelLease)


# --- events ----------------------------------------------------------------------------------------------------------


def test_events_are_lent_out_in_steps() -> None:
    acme = desk(events_per_second=limit(6_400))
    attempt = acme.book.attempt(ACME, BIG)

    assert [attempt.events(10**6) for _ in range(5)] == [16, 32, 64, 100, 100]
    assert attempt.events(5) == 5
    steps = 0
    while not isinstance(step := attempt.events(10**6), Edge):
        steps += step
    assert steps == 6_400 - 312 - 5
    assert step.use == BudgetUse("events_per_second", 6_400, -(-round(step.seconds * 1000) // 1), "refuse")
    acme.clock.advance(step.seconds)
    assert attempt.events(1) == 1


def test_many_quiet_jobs_leave_room_for_each_other() -> None:
    acme = desk(events_per_second=limit(20_000))

    lent = [acme.book.attempt(ACME, BIG).events(10**6) for _ in range(1_000)]

    assert not [one for one in lent if isinstance(one, Edge)]


def test_few_events_are_counted_one_by_one() -> None:
    acme = desk(events_per_second=limit(3, AtEdge.WAIT))
    attempt = acme.book.attempt(ACME, BIG)

    assert [attempt.events(10) for _ in range(3)] == [1, 1, 1]
    edge = attempt.events(10)
    assert isinstance(edge, Edge)
    assert edge.use.response == "wait"
    late = attempt.events(10, waited=30.0)
    assert isinstance(late, Edge)
    assert late.use.response == "refuse"


# --- size, threads ---------------------------------------------------------------------------------------------------


def test_decisions_do_not_make_it_grow() -> None:
    acme = desk(requests_per_minute=limit(200), bytes_per_hour=limit(10**6))
    (ledger,) = acme.book._ledgers.values()
    for _ in range(2_000):
        acme.request(writes=1)
        acme.clock.advance(0.2)
        acme.commit()
    windows = ledger._account.windows()

    assert len(acme.store.rows(b"budget")) == 4, "three of stamps, one of sums"
    assert sum(len(row.value) for row in acme.store.rows(b"budget")) < 4_000
    assert len(ledger._places) == 0
    assert all(sys.getsizeof(window) < 200 for window in windows)


def test_many_threads_get_no_more_than_one() -> None:
    acme = desk(requests_per_minute=limit(500))
    let_in: list[int] = []

    def ask(number: int) -> None:
        got = sum(acme.book.request(f"call {number * 1_000 + call}", ACME, BIG) is None for call in range(300))
        let_in.append(got)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(let_in) == 500
