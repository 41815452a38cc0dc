"""Budgets of single job types; jobs at once, refused or queued; fairness between extensions."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.budgeted import Edges, Meeting
from tests.support.extension_folders import write_extension
from tests.support.python_guest import PythonGuest, PythonHost
from tests.support.runtime_wat import RuntimeWat
from tests.support.waiting import TIMEOUT, eventually

from perdure.actors import GuestSpec
from perdure.runtime import (
    AtEdge,
    Budget,
    BudgetExceeded,
    Budgets,
    JobHandle,
    JobLimits,
    JobTypeBudgets,
    Runtime,
    RuntimeSettings,
    Status,
    grant_as_asked,
)


class House:
    """A runtime whose extensions have the job types ``big`` and ``small``; a job meets the others of its type."""

    def __init__(self, folder: Path, budgets: Budgets, *extensions: str, running_jobs: int = 64) -> None:
        self.edges = Edges()
        self.runtime = Runtime.in_memory(
            hooks=self.edges,
            settings=RuntimeSettings(budgets=budgets, running_jobs=running_jobs, kill_grace=0.1, shutdown_grace=0.1),
        )
        self.meetings: dict[tuple[str, str], Meeting] = {}
        self.seen: list[GuestSpec] = []
        self.closing = False
        wat = RuntimeWat()
        for name in ("big", "small"):
            wat.job(name, "(i32.const 0)")
        concurrent = budgets.concurrent_jobs.limit
        for extension in extensions:
            permissions = {"rate_limits": {"concurrent_jobs": concurrent}}
            path = write_extension(folder / extension, wat.module(), extension=extension, permissions=permissions)
            self.runtime.install(path, consent=grant_as_asked)
        self.runtime._system.guests = self._guest

    def meeting(self, extension: str, name: str) -> Meeting:
        return self.meetings.setdefault((extension, name), Meeting())

    def _guest(self, spec: GuestSpec) -> PythonGuest:
        meeting = self.meeting(spec.extension, spec.export.removeprefix("execute_"))
        self.seen.append(spec)

        def body(host: PythonHost, state: bytes, spec: GuestSpec) -> None:
            if not self.closing:
                meeting.wait()

        return PythonGuest(spec, body)

    def start(self, job_type: str, limits: JobLimits | None = None) -> JobHandle:
        return self.runtime.dispatch(job_type, limits=limits)

    def __enter__(self) -> House:
        return self

    def __exit__(self, *exc: object) -> None:
        self.closing = True
        for meeting in self.meetings.values():
            meeting.let_go()
        self.runtime.close()


def limit(number: int, at_edge: AtEdge = AtEdge.WAIT) -> Budget:
    return Budget(limit=number, at_edge=at_edge)


def test_jobs_of_one_type_wait_while_others_go_on(tmp_path: Path) -> None:
    budgets = Budgets(job_types={"big": JobTypeBudgets(concurrent_jobs=limit(2))})
    with House(tmp_path, budgets, "acme") as house:
        big = [house.start("acme:big") for _ in range(4)]
        small = [house.start("acme:small") for _ in range(2)]
        eventually(lambda: house.meeting("acme", "small").there == 2)

        assert house.meeting("acme", "big").there == 2
        assert [job.status for job in big] == [Status.RUNNING] * 2 + [Status.QUEUED] * 2
        states = {(state.job_type, state.budget): state for state in house.runtime.budgets("acme")}
        assert (states["big", "concurrent_jobs"].used, states["big", "concurrent_jobs"].remaining) == (2, 0)
        assert states["", "concurrent_jobs"].used == 4
        house.meeting("acme", "big").let_go()
        house.meeting("acme", "small").let_go()
        assert {job.wait(TIMEOUT).status for job in big + small} == {Status.COMPLETED}


def test_jobs_beyond_the_budget_are_refused_if_they_are_not_to_queue(tmp_path: Path) -> None:
    with House(tmp_path, Budgets(concurrent_jobs=limit(2, AtEdge.REFUSE)), "acme") as house:
        jobs = [house.start("acme:big"), house.start("acme:small")]

        with pytest.raises(BudgetExceeded, match="acme has used up concurrent_jobs, which is 2") as refused:
            house.start("acme:small")

        assert (refused.value.extension, refused.value.budget, refused.value.limit) == ("acme", "concurrent_jobs", 2)
        assert house.edges.met == [("acme", "concurrent_jobs", "refuse")]
        assert len(house.runtime.jobs().jobs) == 2
        house.meeting("acme", "big").let_go()
        jobs[0].wait(TIMEOUT)
        house.start("acme:small")


def test_jobs_of_one_type_beyond_its_budget_are_refused(tmp_path: Path) -> None:
    budgets = Budgets(job_types={"big": JobTypeBudgets(concurrent_jobs=limit(1, AtEdge.REFUSE))})
    with House(tmp_path, budgets, "acme") as house:
        house.start("acme:big")
        house.start("acme:small")

        with pytest.raises(BudgetExceeded):
            house.start("acme:big")


def test_limits_of_a_job_are_those_of_its_type_and_what_it_asks_for_within(tmp_path: Path) -> None:
    big = JobTypeBudgets(fuel_per_job=Budget(limit=500), memory_bytes=Budget(limit=1 << 20))
    with House(tmp_path, Budgets(fuel_per_job=Budget(limit=900), job_types={"big": big}), "acme") as house:
        for name in ("big", "small"):
            house.meeting("acme", name).let_go()
        for name, limits in (
            ("acme:big", None),
            ("acme:small", None),
            ("acme:big", JobLimits(fuel=700, memory_bytes=1 << 16)),
            ("acme:small", JobLimits(fuel=700)),
            ("acme:small", JobLimits()),
        ):
            house.start(name, limits).wait(TIMEOUT)

        assert [spec.fuel for spec in house.seen] == [500, 900, 500, 700, 900]
        assert [spec.memory_bytes for spec in house.seen[:3]] == [1 << 20, 512 << 20, 1 << 16]


@pytest.mark.parametrize("slots", [2, 4])
def test_one_extension_with_many_jobs_does_not_starve_the_first_of_another(tmp_path: Path, slots: int) -> None:
    """Its jobs take every slot that they can get, and none of them ever ends."""
    with House(tmp_path, Budgets(concurrent_jobs=limit(1_000)), "greedy", "late", running_jobs=slots) as house:
        for _ in range(100):
            house.start("greedy:big")
        eventually(lambda: house.meeting("greedy", "big").there == slots - 1)
        house.meeting("late", "small").let_go()

        assert house.start("late:small").wait(TIMEOUT).status is Status.COMPLETED
        assert house.start("late:small").wait(TIMEOUT).status is Status.COMPLETED
        assert house.meeting("greedy", "big").there == slots - 1
        house.runtime.unload("late")
        eventually(lambda: house.meeting("greedy", "big").there == slots)
