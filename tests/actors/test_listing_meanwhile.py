"""What other threads change is listed as it was at one moment, whenever the garbage collector lets them run."""

from __future__ import annotations

import itertools
from typing import Any, cast
from uuid import UUID

from tests.support.collecting import at_each_collection
from tests.support.manual_clock import ManualClock

from perdure.actors.job_waits import JobWaits
from perdure.actors.locked_jobs import LockedJobs
from perdure.actors.operation_router import OpenCalls
from perdure.actors.running_jobs import RunningJob, RunningJobs
from perdure.actors.switch_interval import ShortInterval
from perdure.runtime.budgets.book import BudgetBook
from perdure.runtime.budgets.budgets import Budgets
from perdure.store import MemoryEventStore

FEW = 10


def test_the_running_jobs_of_an_extension() -> None:
    jobs = RunningJobs(JobWaits(), ShortInterval(None))
    numbers = itertools.count()

    def another() -> None:
        jobs.add(UUID(int=next(numbers)), RunningJob(cast("Any", None), "acme", 1, has_slot=True))

    for _ in range(FEW):
        another()
    with at_each_collection(another):
        listed = jobs.of("acme")
    assert listed[:FEW] == [UUID(int=number) for number in range(FEW)]


def test_jobs_that_wait_until_something_is_unlocked() -> None:
    jobs = LockedJobs(lambda lock: True, lambda job_id, attempts: None)
    numbers = itertools.count()

    def another() -> None:
        jobs.wait(UUID(int=next(numbers)), 1, "vault")

    for _ in range(FEW):
        another()
    with at_each_collection(another):
        listed = jobs.all()
        jobs.unlocked("vault")
    assert len(listed) >= FEW


def test_open_calls() -> None:
    calls = OpenCalls()

    def another() -> None:
        calls.add(cast("Any", None))

    for _ in range(FEW):
        another()
    with at_each_collection(another):
        listed = calls.all()
    assert len(listed) >= FEW


def test_what_is_left_of_budgets() -> None:
    book = BudgetBook(ManualClock(), MemoryEventStore())
    numbers = itertools.count()

    def another() -> None:
        book.grant(f"extension-{next(numbers)}", Budgets())

    for _ in range(FEW):
        another()
    with at_each_collection(another):
        listed = book.remaining()
    assert len(listed) >= FEW
